"""Are the numbers right and the bars honest? Against exact chains, at fixed seeds.

Each test says what it would catch. Bounds on shares of runs are those of a binomial at the nominal rate, three sigma
out, or the range that is promised, whichever is wider.
"""

import itertools

import numpy as np
import pytest

import miscope as ms
from known_processes import chain, chain_information, two_state_chain, two_state_information
from miscope.estimation.jackknife import jackknife

TRANSITION = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]
LAGS = [1, 2, 4]
TRUTH = np.array([chain_information(TRANSITION, lag) for lag in LAGS])


def curves(n_runs, n_documents, length, seed, **options):
    rng = np.random.default_rng(seed)
    options = {"lags": LAGS, "threads": 1, "null": "none"} | options
    documents = chain(rng, n_runs * n_documents, length, TRANSITION)
    return [ms.measure(list(run), **options) for run in np.split(documents, n_runs)]


@pytest.fixture(scope="module")
def many():
    return curves(300, 64, 400, seed=1)


@pytest.mark.parametrize("excess", [False, True])
def test_intervals_cover_what_they_claim(many, excess):
    """Catches bars from per-pair formulas, from too few degrees of freedom, or from blocks that cut pairs away.

    Upper ends have `second_order` on top, lower ends keep theirs: where dependence is weak, intervals cover a bit more.
    """
    inside = np.zeros(len(LAGS))
    for curve in many:
        low, high = curve.interval(0.95, excess=excess)
        inside += (low <= TRUTH) & (high >= TRUTH)
    assert np.all(inside / len(many) >= 0.90)
    assert np.all(inside / len(many) <= 0.95 + 3 * np.sqrt(0.95 * 0.05 / len(many)))


def test_bars_are_as_wide_as_the_spread(many):
    """Catches a factor in the jackknife (B for B - 1, a root forgotten)."""
    spread = np.std([curve.mi for curve in many], axis=0, ddof=1)
    bars = np.mean([curve.stderr for curve in many], axis=0)
    assert np.all(np.abs(bars / spread - 1) < 0.2)


def test_covariance_between_lags_is_that_of_the_estimates(many):
    """Catches replicates that are not of one and the same left-out block at all lags."""
    values = np.array([curve.mi for curve in many])
    seen = np.corrcoef(values.T)
    mean = np.mean([curve.jackknife().covariance for curve in many], axis=0)
    told = mean / np.sqrt(np.outer(np.diag(mean), np.diag(mean)))
    assert abs(seen[0, 1]) > 0.3  # there is something to get right
    np.testing.assert_allclose(told, seen, atol=0.15)


def test_plug_in_bias_falls_as_one_over_n():
    """Catches a wrong normalisation, and corrections applied where none should be."""
    bias = []
    sizes = (100, 400)
    for size in sizes:
        values = [curve.mi for curve in curves(400, 16, size, seed=size, estimator="plug_in", blocks=0, lags=[4])]
        bias.append(np.mean(values) - TRUTH[2])
    assert bias[0] > bias[1] > 0
    assert 2.5 < bias[0] / bias[1] < 6.5  # 4 for a bias of exactly 1/N


@pytest.mark.parametrize("estimator", ["miller_madow", "grassberger", "zhang", "nsb"])
def test_corrected_estimators_have_less_bias(estimator):
    """Catches a correction with the wrong sign or size on any of the three entropies."""
    bias = {}
    for name in ("plug_in", estimator):
        values = [curve.mi for curve in curves(60, 8, 60, seed=5, estimator=name, blocks=0, lags=[4])]
        bias[name] = abs(np.mean(values) - TRUTH[2])
    assert bias[estimator] < bias["plug_in"] * 0.5


def test_jackknife_correction_removes_plug_in_bias():
    """Catches half of the bias taken away, or none, or twice, by the curve's own jackknife."""
    measured = curves(180, 32, 40, seed=6, estimator="plug_in", lags=[4])
    assert not any(curve.bias_corrected for curve in measured)  # what a null gives too is no business of correct_bias
    plain = np.mean([curve.mi for curve in measured])
    corrected = np.mean([curve.jackknife().corrected for curve in measured])
    assert abs(corrected - TRUTH[2]) < 0.3 * abs(plain - TRUTH[2])


def test_bars_fall_as_one_over_root_n():
    """Catches bars that do not shrink with the data, or shrink as 1/N."""
    bars = [np.mean([curve.stderr[0] for curve in curves(20, 32, n, seed=n)]) for n in (100, 1600)]
    assert 3.2 < bars[0] / bars[1] < 4.8


@pytest.mark.parametrize(
    ("kinds", "shape"),
    [(2, (64, 300)), pytest.param(20, (64, 300), marks=pytest.mark.long), (20, (1, 20_000)), (600, (64, 300))],
)
def test_false_alarms_on_independent_symbols_are_rare(kinds, shape):
    """Catches a floor that is too low (undersampled alphabets above all), and bars too small at the floor."""
    rng = np.random.default_rng(kinds)
    lags = [1, 2, 3, 5, 8, 13, 21, 34]
    measured = [ms.measure(list(rng.integers(0, kinds, shape)), lags, threads=1) for _ in range(60)]
    single = np.mean([curve.p_values < 0.05 for curve in measured])
    any_lag = np.mean([curve.significant().any() for curve in measured])
    assert single <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert any_lag <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    z = np.mean([curve.excess for curve in measured], axis=0) / np.mean(
        [curve.excess_stderr for curve in measured], axis=0
    )
    assert np.all(np.abs(z) < 0.5)


def test_undersampled_estimate_is_its_floor():
    """K^2 = 12 N: the estimate itself is nearly all bias, and the floor must say so."""
    rng = np.random.default_rng(3)
    curve = ms.measure(list(rng.integers(0, 600, (64, 470))), [1, 5, 25])
    assert np.all(curve.mi > 1)
    assert np.all(np.abs(curve.excess) < 3 * curve.excess_stderr)
    assert any("more than half" in text for text in curve.warnings)


def test_power_at_the_floor():
    """A dependence of three times the spread is found: bars at the floor must not be far too wide."""
    rng = np.random.default_rng(8)
    stay, lag = 0.75, 4  # c = 1/16, MI 0.002
    found = [
        ms.measure(list(two_state_chain(rng, 64, 400, stay)), [lag], threads=1).significant()[0] for _ in range(40)
    ]
    assert two_state_information(stay, lag) == pytest.approx(0.00196, rel=0.01)
    assert np.mean(found) > 0.9


def test_composition_is_told_from_order():
    """Documents of i.i.d. symbols with P(1) = (1 + delta)/2, delta uniform in +-0.8: f(mean delta^2) at every lag,
    all of it composition."""
    rng = np.random.default_rng(4)
    delta = rng.uniform(-0.8, 0.8, 160)
    documents = [(rng.random(1000) < (1 + d) / 2).astype(int) for d in delta]
    curve = ms.measure(documents, [1, 10, 300], null="document")
    c = 0.8**2 / 3
    truth = 0.5 * ((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c))
    low, high = curve.interval()
    assert np.all((low < truth) & (truth < high))
    parts = curve.split()
    np.testing.assert_allclose(parts.composition, truth, atol=2.5 * curve.stderr.max())
    assert np.all(np.abs(parts.sequential) < 3 * curve.excess_stderr)
    assert np.all(curve.excess_stderr < curve.stderr / 2)  # the bars know that both go up and down together
    assert not curve.significant().any()
    assert ms.measure(documents, [1, 10, 300]).significant().all()  # above chance it is, of course


def test_boundaries_forgotten_make_false_long_range():
    """The same documents joined into one: correlation delta^2 (1 - lag/L), exactly."""
    rng = np.random.default_rng(5)
    delta, length = 0.5, 1000
    signs = np.repeat([1, -1], 200)[rng.permutation(400)]
    joined = (rng.random((400, length)) < (1 + delta * signs[:, None]) / 2).astype(int).ravel()
    lags = np.array([1, 250, 500, 750])
    c = delta**2 * (1 - lags / length)
    truth = 0.5 * ((1 + c) * np.log1p(c) + (1 - c) * np.log1p(-c))
    curve = ms.measure(joined, lags)
    low, high = curve.interval(0.99)
    assert np.all((low < truth) & (truth < high))


def sticky(rng, shape, kinds, stay):
    fresh = rng.integers(0, kinds, shape)
    kept = rng.random(shape) < stay
    kept[:, 0] = False
    last = np.maximum.accumulate(np.where(kept, 0, np.arange(shape[1])), axis=1)
    return list(np.take_along_axis(fresh, last, axis=1))


def test_rotation_is_the_floor_of_serially_dependent_data():
    """Runs of equal symbols make the counts of pairs more uneven than chance does: the chance floor is too low there,
    and the curve must say so; the rotated floor is not."""
    rng = np.random.default_rng(6)
    documents = sticky(rng, (64, 500), 100, 0.5)
    chance = ms.measure(documents, [12])
    assert chance.excess[0] > 5 * chance.excess_stderr[0]  # though the truth is 1e-5 nats
    assert any('measure with null="rotate"' in text for text in chance.warnings)
    rotated = ms.measure(documents, [12], null="rotate")
    assert abs(rotated.excess[0]) < 3 * rotated.excess_stderr[0]
    assert not any('measure with null="rotate"' in text for text in rotated.warnings)


def test_long_memory_in_one_document_is_confessed():
    """Bars that cover 15 % must not pass without a word: one long sequence whose correlation falls as lag^-0.2."""
    rng = np.random.default_rng(7)
    n = 1 << 15
    frequency = np.fft.rfftfreq(2 * n)
    frequency[0] = frequency[1]
    noise = rng.normal(size=(2, len(frequency)))
    symbols = (np.fft.irfft((noise[0] + 1j * noise[1]) * frequency**-0.4)[:n] > 0).astype(int)
    curve = ms.measure(symbols, "1:1000")
    (said,) = (text for text in curve.warnings if "long memory in few documents" in text)
    seen = curve.significant()
    doubtful = seen & (curve.excess < 2 * curve.excess_stderr)
    assert ("significant though their bars reach 0" in said) == doubtful.any()
    if doubtful.any():
        assert f"{doubtful.sum()} of {seen.sum()} lags" in said
    short = ms.measure(two_state_chain(rng, 1, n, 0.8)[0], "1:1000")
    assert not any("long memory" in text for text in short.warnings)


def test_unequal_documents_have_honest_bars():
    """Catches the formula for equal blocks where blocks differ: coverage with lengths from 20 to 2000."""
    rng = np.random.default_rng(9)
    lengths = np.maximum(20, rng.pareto(1.2, 120) * 60).astype(int).clip(max=2000)
    inside, n_runs = 0, 80
    blocks = (np.split(chain(rng, 20 * len(lengths), int(lengths.max()), TRANSITION), 20) for _ in range(n_runs // 20))
    for block in itertools.chain.from_iterable(blocks):
        documents = [row[:length] for row, length in zip(block, lengths, strict=True)]
        low, high = ms.measure(documents, [2], threads=1, null="none").interval()
        inside += (low[0] <= TRUTH[1]) and (high[0] >= TRUTH[1])
    assert 0.88 <= inside / n_runs <= 0.99


def test_stored_jackknife_is_the_jackknife(many):
    curve = many[0]
    errors = jackknife(curve.mi, curve.replicates, curve.block_pairs)
    np.testing.assert_allclose(errors.stderr, curve.stderr)
