"""Modes of the generated dynamics: exact ones for chains and linear networks; what driven networks do instead."""

import numpy as np
import pytest
import torch
from scipy import linalg

import miscope as ms
from known_models import LastSymbols, MarkovModel
from miscope.errors import InputError
from miscope.models import LSTM, ElmanRNN, LinearGaussianRNN
from miscope.models.trained import History
from miscope.probing import spectrum
from miscope.probing.lyapunov import STEPS, driven_exponent

THREE = [[0.9, 0.08, 0.02], [0.1, 0.85, 0.05], [0.05, 0.05, 0.9]]


def test_a_markov_chain_has_its_own_spectrum():
    """On a chain's states the transfer operator is the transition matrix: eigenvalues and curve are exact."""
    found = spectrum(MarkovModel(THREE), 128, 2048, seed=1)
    exact = np.sort(np.abs(np.linalg.eigvals(THREE)))[::-1][1:]
    assert np.abs(found.eigenvalues[:2]) == pytest.approx(exact, rel=0.01)
    chain = ms.processes.MarkovChain(THREE)
    assert found.low < chain.law.correlation_length < found.high
    lags = [1, 2, 5, 10, 20, 40]
    low, high = found.band(lags, level=0.999)
    exact = chain.mutual_information(lags)
    assert ((low <= exact) & (exact <= high)).all()
    assert found.mutual_information(lags)[:3] == pytest.approx(exact[:3], rel=0.05)


LINEAR = {
    "real": ms.processes.LinearRNN(recurrent=[[0.6, 0.2], [0.1, 0.5]], feedback=[0.4, 0.1], readout=[0.6, 0.3]),
    "complex": ms.processes.LinearRNN(recurrent=[[0.7, 0.5], [-0.5, 0.7]], feedback=[0.2, 0.1], readout=[0.3, 0.4]),
    "slow": ms.processes.LinearRNN(recurrent=[[0.5, 0.0], [0.0, 0.3]], feedback=[0.47, 0.2], readout=[1.0, 0.1]),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_networks_have_the_closed_loop_spectrum(name):
    """The radius of W + U V, within its interval, while the driven network sees that of W."""
    process = LINEAR[name]
    found = spectrum(LinearGaussianRNN.of(process), 128, 2048, seed=3)
    assert found.low < process.law.correlation_length < found.high
    assert found.high / found.low < 1.5
    driven = np.log(np.abs(np.linalg.eigvals(np.array(process.parameters["recurrent"]))).max())
    assert found.driven_exponent == pytest.approx(driven, rel=0.02)
    lags = [1, 2, 4, 8]
    assert found.mutual_information(lags) == pytest.approx(process.mutual_information(lags), rel=0.15, abs=2e-4)


def test_progress_is_told_of_all_that_takes_long(monkeypatch):
    """Of drawing, step by step; of modes, block by block; and of the driven network, symbol by symbol."""
    monkeypatch.setattr("miscope.models.pieces._EVERY", 0.0)
    seen = []
    spectrum(LSTM(2, width=4, seed=1), 16, 256, discard=0, blocks=4, progress=lambda *now: seen.append(now))
    done, total = [now for now, _ in seen], 16 * (256 + 64 + STEPS)
    assert done == sorted(set(done))
    assert seen[-1] == (total, total)
    drawn, modes = sum(now <= 16 * 256 for now in done), sum(16 * 256 < now <= 16 * 320 for now in done)
    assert drawn == 256
    assert modes > 8
    assert len(done) - drawn - modes > 64


def test_intervals_cover():
    """60 short runs of a chain: 95 % intervals of the correlation length hold it in 54 or more."""
    chain = ms.processes.MarkovChain([[0.95, 0.05], [0.05, 0.95]])
    runs = [spectrum(MarkovModel(chain.parameters["transition"]), 32, 512, seed=seed) for seed in range(60)]
    assert sum(run.low < chain.law.correlation_length < run.high for run in runs) >= 54


def test_how_many_symbols_an_interval_needs():
    """Sixteen times the symbols make it about a quarter as wide, as was foretold."""
    chain = MarkovModel([[0.95, 0.05], [0.05, 0.95]])
    few, many = spectrum(chain, 64, 512, seed=1), spectrum(chain, 1024, 512, seed=2)
    width = (1 / many.low - 1 / many.high) * many.correlation_length / 2
    assert few.symbols_needed(width) == pytest.approx(many.n_symbols, rel=0.7)


def test_modes_that_outputs_do_not_show_are_not_taken():
    """A slow mode that turns with nothing it is seen by: the length is that of the mode that is seen."""
    process = ms.processes.LinearRNN(recurrent=[[0.99, 0.0], [0.0, 0.5]], feedback=[0.3, 0.4], readout=[0.0, 1.0])
    found = spectrum(LinearGaussianRNN.of(process), 128, 2048, seed=5)
    assert not found.visible[0]
    assert process.law.correlation_length == pytest.approx(-0.5 / np.log(0.9))
    assert found.correlation_length == pytest.approx(process.law.correlation_length, rel=0.15)


def test_a_network_that_is_not_linear():
    """An Elman network that excites itself, far from linear: the curve is foretold that other documents show."""
    model = ElmanRNN(2, width=2)
    weights = {
        "embedding.weight": [[-1.0, -0.5], [1.0, 0.5], [0.0, 0.0]],
        "layers.weight_ih_l0": [[0.35, 0.0], [0.0, 0.6]],
        "layers.weight_hh_l0": [[0.85, 0.1], [0.0, 0.3]],
        "layers.bias_ih_l0": [0.0, 0.0],
        "layers.bias_hh_l0": [0.0, 0.0],
        "readout.weight": [[-0.7, -0.3], [0.7, 0.3]],
        "readout.bias": [0.0, 0.0],
    }
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    found = spectrum(model, 128, 1024, seed=1)
    lags = [1, 2, 4, 8, 16]
    curve = ms.probe(model, lags, 1024, 1024, seed=2)
    low, high = found.band(lags, level=0.99)
    assert ((curve.mi + 3 * curve.stderr > low) & (curve.mi - 3 * curve.stderr < high)).all()
    assert found.mutual_information(lags) == pytest.approx(curve.mi, rel=0.15)
    measured = 8 / np.log(curve.mi[3] / curve.mi[4])
    assert found.correlation_length == pytest.approx(measured, rel=0.1)
    driven = -0.5 / found.driven_exponent
    assert driven < found.correlation_length / 3  # the driven network forgets far sooner


def test_it_says_where_documents_are_too_short():
    slow = MarkovModel([[0.998, 0.002], [0.002, 0.998]])
    found = spectrum(slow, 64, 128)
    assert any("documents are short for this memory" in text for text in found.warnings)
    assert "warning" in str(found)


def test_it_prints_and_saves_itself():
    found = spectrum(MarkovModel(THREE), 32, 512)
    assert str(found).startswith("MarkovModel: correlation length ")
    assert "by steps ahead: 1:" in str(found)
    about = found.to_dict()
    assert about["correlation_length"] == found.correlation_length
    import json

    json.dumps(about, allow_nan=False)


def test_driven_exponents():
    """What reads the same forgets: a chain at once; the sign of an expanding linear map is positive."""
    assert driven_exponent(MarkovModel(THREE)) == -np.inf
    expanding = ms.processes.LinearRNN(recurrent=1.05, feedback=-0.4, readout=1.0)
    assert driven_exponent(LinearGaussianRNN.of(expanding)) == pytest.approx(np.log(1.05), abs=0.01)


def test_a_trained_model_is_asked_as_the_model_itself():
    network = LSTM(2, width=4, seed=1)
    trained = ms.models.TrainedModel(network, History())
    assert driven_exponent(trained, seed=2) == driven_exponent(network, seed=2) < 0
    one, two = spectrum(trained, 16, 64), spectrum(network, 16, 64)
    assert one.correlation_length == two.correlation_length


def test_models_without_a_state_are_refused():
    with pytest.raises(InputError, match="has no state of fixed size"):
        spectrum(LastSymbols())
    with pytest.raises(InputError, match="256 symbols at most"):
        spectrum(LSTM(300))
    with pytest.raises(InputError, match="do not fit into memory"):
        spectrum(LSTM(2, width=512), 10_000, 100_000)


def test_slow_modes_that_cannot_be_told_apart_are_not_passed_over():
    """Two slow, slowly turning pairs beside a fast mode that outputs show best; too little data to tell pairs apart.

    Would show if the fast mode alone were taken, with its narrow interval: 0.4 symbols instead of 33.
    """

    def turning(modulus, angle):
        return modulus * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    closed = linalg.block_diag(turning(0.985, 0.002), turning(0.98, 0.004), [[0.3]])
    feedback, readout = np.array([[0.05, 0.05, 0.05, 0.05, 0.8]]).T, np.array([[0.3, 0.3, 0.3, 0.3, 1.0]])
    process = ms.processes.LinearRNN(recurrent=closed - feedback @ readout, feedback=feedback, readout=readout)
    found = spectrum(LinearGaussianRNN.of(process), n_documents=16, length=512, seed=0)
    assert found.low < process.law.correlation_length < found.high
    assert any("slower modes" in text for text in found.warnings) or found.correlation_length > 10
