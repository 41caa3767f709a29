"""Long memory in few documents: values and bars where a sample's own averages wander, and nothing done elsewhere.

Bounds on shares of runs are as in test_statistics.py.
"""

import dataclasses

import numpy as np
import pytest

import miscope as ms
from miscope.counting.doors import Counter
from miscope.curve import memory
from miscope.curve.memory import Mode, correction, effective_documents, slowest_mode
from miscope.processes import FractionalNoise, GaussianCopula, MarkovChain, PowerLawBinary

LENGTH, RUNS = 65536, 60
LAGS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
SLOW = {
    "power law": PowerLawBinary(0.1, 0.4),
    "fractional noise": FractionalNoise(0.9).quantised(4),
}


def sticky(n_symbols, stay):
    return MarkovChain((stay * np.eye(n_symbols) + (1 - stay) / n_symbols).tolist())


def covered(process, curves):
    truth = process.mutual_information(LAGS)
    ends = [curve.interval(excess=True) for curve in curves]
    return np.mean([(low <= truth) & (truth <= high) for low, high in ends], axis=0)


@pytest.fixture(scope="module", params=SLOW)
def slow(request):
    """A process of long memory, and for each of many single documents the curve as it is, and with memory ignored."""
    process = SLOW[request.param]
    pairs = []
    for seed in range(RUNS):
        data = process.sample(1, LENGTH, seed=seed)
        pairs.append([ms.measure(data, LAGS, long_memory=how, threads=1) for how in ("correct", "ignore")])
    return process, *zip(*pairs, strict=True)


def test_one_document_of_long_memory_is_covered(slow):
    """The hard case: 95 % intervals of one long document cover 15 to 30 % where this is not done."""
    process, corrected, ignored = slow
    assert np.all(covered(process, corrected) >= 0.85)
    assert np.all(covered(process, ignored) < 0.5)


def test_bars_are_not_wider_than_need_be(slow):
    """Catches bars that cover because they are endless: they are at most twice the error that is made."""
    process, corrected, _ = slow
    error = np.sqrt(np.mean([(curve.excess - process.mutual_information(LAGS)) ** 2 for curve in corrected], axis=0))
    bars = np.nanmean([curve.excess_stderr for curve in corrected], axis=0)
    assert np.all(bars < 2 * error)
    assert np.all(bars > 0.7 * error)


def test_what_is_given_back_and_what_is_said(slow):
    """Values rise, none falls; replicates rise with them; the warning and the provenance say by how much."""
    _, corrected, ignored = slow
    for one, other in zip(corrected[:10], ignored, strict=False):
        rise = one.mi - other.mi
        np.testing.assert_allclose(one.recovered, rise, rtol=1e-9)
        assert np.all(rise > 0)
        np.testing.assert_allclose(one.replicates - other.replicates, np.tile(rise, (32, 1)), atol=1e-12)
        np.testing.assert_array_equal(one.null, other.null)
        about = one.provenance["long_memory"]
        assert 0.1 < about["memory_parameter"] < 0.5
        assert 0 < about["variance_of_mean"] < 1
        assert 0 < about["variance_of_mean_stderr"] < 1
        assert about["bars_refused"] is False
        said = [text for text in one.warnings if text.startswith("long memory in few documents")]
        assert len(said) == 1
        assert f"{about['variance_of_mean']:.2g} ± {about['variance_of_mean_stderr']:.2g}" in said[0]
        assert "both are corrected" in said[0]
        assert other.wander is None
        assert other.recovered is None
        assert "long_memory" not in other.provenance
        assert not any("long memory" in text for text in other.warnings)
        np.testing.assert_array_equal(one.p_values, other.p_values)  # where nothing depends, there is no memory either


def test_lower_ends_are_no_lower_than_what_the_blocks_say(slow):
    """Memory hides dependence and never feigns it. Catches intervals that reach far below what is seen all the same."""
    _, corrected, ignored = slow
    for one, other in zip(corrected[:10], ignored, strict=False):
        for excess in (False, True):
            low, least = one.interval(excess=excess)[0], other.interval(excess=excess)[0]
            assert np.all(low >= least - 1e-9 * np.abs(least))


def test_wander_is_in_bars_and_covariance(slow):
    """An error that is the same at all lags up to factors: a rank-one part of the covariance. Catches bars without it
    in fits, which take the covariance, and bars with it twice."""
    _, corrected, _ = slow
    curve = corrected[0]
    plain = dataclasses.replace(curve, wander=None)
    for excess in (False, True):
        with_it, without = curve.jackknife(excess=excess), plain.jackknife(excess=excess)
        np.testing.assert_allclose(
            with_it.covariance, without.covariance + np.outer(curve.wander, curve.wander), rtol=1e-9, atol=1e-15
        )
        np.testing.assert_allclose(with_it.stderr, np.sqrt(np.diag(with_it.covariance)), rtol=1e-9)
        np.testing.assert_array_equal(with_it.degrees, without.degrees)
        np.testing.assert_array_equal(with_it.corrected, without.corrected)
    np.testing.assert_allclose(curve.stderr, curve.jackknife().stderr, rtol=1e-9)
    np.testing.assert_allclose(curve.excess_stderr, curve.jackknife(excess=True).stderr, rtol=1e-4)
    assert np.all(curve.wander > 0)


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_wander_survives_saving_and_bits(slow, tmp_path, suffix):
    _, corrected, _ = slow
    curve = corrected[0]
    curve.save(tmp_path / f"a{suffix}")
    loaded = ms.MICurve.load(tmp_path / f"a{suffix}")
    for name in ("wander", "recovered", "second_order", "stderr", "mi"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(curve, name))
    assert loaded.provenance["long_memory"] == curve.provenance["long_memory"]
    bits = curve.in_bits()
    for name in ("wander", "recovered", "second_order"):
        np.testing.assert_allclose(getattr(bits, name), getattr(curve, name) / np.log(2))
    for one, other in zip(bits.interval(), loaded.in_bits().interval(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(bits.interval(), curve.interval(), strict=True):
        np.testing.assert_allclose(one, other / np.log(2))
    np.testing.assert_allclose(bits.jackknife().stderr, bits.stderr)


SHORT = {
    "2 states": sticky(2, 0.9),
    "5 states": sticky(5, 0.9),
    "27 states": sticky(27, 0.8),
    "independent": sticky(3, 0.0),
    "exponential": GaussianCopula({"amplitude": 0.3, "correlation_length": 5}),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ("5 states", "independent") else pytest.mark.long) for name in SHORT],
)
def test_short_memory_is_left_alone(name):
    """Catches long memory found where there is none: nothing may change, to the last bit, in nearly all runs."""
    process, n_runs = SHORT[name], 30
    changed, inside = 0, []
    for seed in range(n_runs):
        data = process.sample(1, LENGTH, seed=seed)
        curve, ignored = (ms.measure(data, LAGS, long_memory=how, threads=1) for how in ("correct", "ignore"))
        inside.append(covered(process, [curve]))
        if curve.wander is not None:
            changed += 1
            continue
        for field in ("mi", "stderr", "replicates", "excess_stderr", "p_values", "second_order"):
            np.testing.assert_array_equal(getattr(curve, field), getattr(ignored, field))
        assert curve.warnings == ignored.warnings
        assert "long_memory" not in curve.provenance
    assert changed <= 2
    assert np.all(np.mean(inside, axis=0) >= 0.8)


def test_nothing_is_done_for_documents_enough():
    """With 32 like documents blocks are whole documents, which show all that there is to show."""
    for n_documents, expected in ((32, False), (31, True)):
        data = SLOW["power law"].sample(n_documents, 2048, seed=1)
        found = ms.measure(data, LAGS, threads=1)
        assert effective_documents(data.lengths) == pytest.approx(n_documents)
        same = np.array_equal(found.mi, ms.measure(data, LAGS, long_memory="ignore", threads=1).mi)
        assert (found.wander is None, same) == ((True, True) if not expected else (found.wander is None,) * 2)
    for seed in range(5):
        curve = ms.measure(SLOW["power law"].sample(64, 1024, seed=seed), LAGS[:8], threads=1)
        assert curve.wander is None
        assert "long_memory" not in curve.provenance


def test_few_documents_are_covered():
    process = SLOW["power law"]
    curves = [ms.measure(process.sample(4, 16384, seed=seed), LAGS, threads=1) for seed in range(40)]
    assert np.all(covered(process, curves) >= 0.85)
    assert np.mean([curve.wander is not None for curve in curves]) > 0.8


def test_effective_documents():
    assert effective_documents(np.array([50, 50, 50])) == pytest.approx(3)
    assert effective_documents(np.array([1000] + [1] * 100)) == pytest.approx(1.21, abs=0.01)


def test_switches():
    data = SLOW["power law"].sample(1, 4096, seed=0)
    with pytest.raises(ms.InputError, match="unknown long_memory 'ignored'; did you mean 'ignore'"):
        ms.measure(data, [1], long_memory="ignored")
    for options in ({"blocks": 0}, {"quantity": "correlation"}, {"estimator": "bracket"}):
        assert ms.measure(data, [1, 2], **options).wander is None
    short = SLOW["power law"].sample(1, 60, seed=0)
    assert ms.measure(short, [1], blocks=4).wander is None  # too short to have low frequencies


def counter_of(data, lags=LAGS):
    return Counter(ms.Sequences.from_arrays(data), lags, 32, "auto")


def test_slowest_mode_is_the_slow_one():
    """Three symbols: from {0, 1} to 2 and back slowly, between 0 and 1 fast. Catches the fast mode, or a mixture: it is
    the stronger one at lag 1. Its numbers tell 2 from the rest, and hardly 0 from 1."""
    slow, fast = 0.98, 0.5
    transition = [[slow * 0.95, slow * 0.05, 1 - slow], [slow * fast, slow * fast, 1 - slow], [0.01, 0.01, 0.98]]
    chain = MarkovChain(transition)
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(chain.transition)))[::-1]
    counter = counter_of(chain.sample(1, 200_000, seed=1)[0])
    mode = slowest_mode(counter, counter.lags[:8])
    numbers = mode.read(slice(0, 200_000))
    codes = counter.data.left
    assert numbers.mean() == pytest.approx(0, abs=1e-9)
    assert numbers.std() == pytest.approx(1, abs=1e-9)
    levels = np.array([numbers[codes == symbol][0] for symbol in range(3)])
    assert abs(levels[0] - levels[1]) < 0.15 * abs(levels[2] - levels[0])
    expected = eigenvalues[1] ** np.array(LAGS[:6])
    np.testing.assert_allclose(mode.correlation[:6], expected, atol=0.05)


def test_correlation_of_a_mode_is_that_of_its_numbers():
    """Against numpy, documents and all, at every lag."""
    generator = np.random.default_rng(2)
    documents = [np.repeat(generator.integers(0, 3, n), 3) for n in (60, 30, 90)]
    numbers = np.array([-1.0, 0.3, 2.0])
    codes = np.concatenate(documents)
    offsets = np.concatenate([[0], np.cumsum([len(document) for document in documents])])
    for lag in (1, 4, 50):
        x = np.concatenate([numbers[document[:-lag]] for document in documents])
        y = np.concatenate([numbers[document[lag:]] for document in documents])
        found = memory._correlation(codes, numbers, offsets, lag, 1)
        assert found == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-9)
    sparse = memory._correlation(codes, numbers, offsets[[0, -1]], 1, 5)
    assert sparse == pytest.approx(np.corrcoef(numbers[codes[:-1:5]], numbers[codes[1::5]])[0, 1], rel=1e-9)
    assert memory._correlation(codes * 0, numbers, offsets, 1, 1) == 0


def test_a_mode_of_two_symbols_is_their_own():
    codes = np.random.default_rng(3).permutation(np.repeat([0, 1], [300, 700]))
    mode = slowest_mode(counter_of(codes, [1, 2]), np.array([1]))
    expected = np.where(codes == 0, -np.sqrt(0.7 / 0.3), np.sqrt(0.3 / 0.7))
    np.testing.assert_allclose(mode.read(slice(10, 50)), expected[10:50])


def test_no_mode():
    codes = np.random.default_rng(4).integers(0, 3, 3000)
    assert slowest_mode(counter_of(codes, [1, 2]), np.array([], int)) is None
    assert slowest_mode(counter_of(np.zeros(3000, int), [1, 2]), np.array([1])) is None
    opposite = np.tile([0, 1, 2], 1000)  # no mode is correlated positively at lag 1
    assert slowest_mode(counter_of(opposite, [1]), np.array([1])) is None


def test_many_symbols():
    """More than 256: the rarest are one class, and long memory is found among them all the same."""
    process = PowerLawBinary(0.1, 0.4)
    generator = np.random.default_rng(5)
    sides = process.sample(1, LENGTH, seed=0)[0]
    words = np.minimum(generator.zipf(1.5, LENGTH), 400) - 1 + 400 * sides.astype(int)
    counts = np.bincount(words, minlength=800)
    classes = memory._classes(counts)
    assert classes.max() == 255
    assert np.count_nonzero(classes == 255) == 800 - 255
    assert counts[classes < 255].min() >= counts[classes == 255].max()
    mode = slowest_mode(counter_of(words), np.array(LAGS))
    numbers = mode.read(slice(0, LENGTH))
    known = classes[words] < 255
    assert abs(np.corrcoef(numbers[known], sides[known])[0, 1]) > 0.9
    assert ms.measure(words, LAGS).provenance["long_memory"]["memory_parameter"] > 0.1


def test_memory_that_nothing_bounds_has_no_bars():
    """Correlations that fall as lag^-0.05: the sample does not know its mean, and the curve must not seem to know its
    values. Catches a refusal that is lost on its way into bars or words.

    It takes a long sample to know it: of 65,536 symbols not a third is refused.
    """
    process = PowerLawBinary(0.1, 0.1)
    curves = [ms.measure(process.sample(1, 1 << 19, seed=seed), [1, 64, 1024]) for seed in range(6)]
    refused = [curve for curve in curves if curve.provenance["long_memory"]["bars_refused"]]
    assert len(refused) >= 3
    for curve in refused:
        for values in (curve.wander, curve.stderr, curve.excess_stderr, *curve.interval()):
            assert np.isnan(values).all()
        assert np.isfinite(curve.p_values).all()  # that there is dependence is no question of the averages
        assert np.isnan(curve.jackknife().stderr).all()
        assert np.isfinite(curve.mi).all()
        assert any("no bars can be given" in text for text in curve.warnings)
        assert "  -  " in str(curve)


def test_refused_bars_survive_saving(tmp_path):
    curve = ms.measure(SLOW["power law"].sample(1, 4096, seed=0), [1, 2])
    nothing = np.full(2, np.nan)
    curve = dataclasses.replace(curve, wander=nothing, stderr=nothing)
    curve.save(tmp_path / "a.json")
    assert np.isnan(ms.MICurve.load(tmp_path / "a.json").wander).all()


def test_correction_by_hand():
    """c is raised to (c + V) / (1 + V); the bar is what information gains by its error, less what blocks show."""
    x = FractionalNoise(d=0.3).sample(1, LENGTH, seed=6).values
    x = (x - x.mean()) / x.std()
    lags = np.array([1, 100])
    measured = np.array([np.corrcoef(x[:-lag], x[lag:])[0, 1] for lag in lags])
    found = correction(
        Mode(x.__getitem__, measured), lags, np.array([0, LENGTH]), 32, np.full(2, 1e-4), lambda c: c**2 / 2
    )
    v = found.memory.loss
    raised = (measured + v) / (1 + v)
    np.testing.assert_allclose(found.shift, (raised**2 - measured**2) / 2, rtol=1e-12)
    error = found.memory.wander(lags, raised, 32) + found.memory.loss_stderr * (1 - raised)
    np.testing.assert_allclose(np.hypot(found.stderr, 1e-4), ((raised + error) ** 2 - raised**2) / 2, rtol=1e-9)
    wide = Mode(x.__getitem__, measured)
    assert correction(wide, lags, np.array([0, LENGTH]), 32, np.full(2, 1e9), lambda c: c**2 / 2) is None
    assert correction(wide, lags, np.arange(0, LENGTH + 1, 2048), 32, np.full(2, 1e-4), lambda c: c**2 / 2) is None
