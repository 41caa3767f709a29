"""measure(..., estimator="bracket"): bounds that hold where no estimate can be trusted, end to end."""

import re

import numpy as np
import pytest

import miscope as ms
from miscope.counting.doors import Counter
from miscope.estimation.bracket import bracket
from miscope.processes import Heterogeneous, HiddenMarkov

LAGS = [1, 4, 16]


def zipf(n):
    weights = 1 / np.arange(1, n + 1)
    return weights / weights.sum()


def classes_of_words(n_classes, per_class, stay):
    """A sticky chain of classes, each with words of its own: the information is that of the classes."""
    transition = stay * np.eye(n_classes) + (1 - stay) / n_classes
    return HiddenMarkov(transition.tolist(), np.kron(np.eye(n_classes), zipf(per_class)[None]).tolist())


def measured(data, lags=LAGS, **options):
    return ms.measure(data, lags, estimator="bracket", threads=1, **options)


@pytest.fixture(scope="module")
def words():
    return classes_of_words(4, 100, 0.9)


@pytest.fixture(scope="module")
def curve(words):
    return measured(words.sample(64, 250, seed=0), label="words")


def test_a_big_vocabulary_is_bracketed(words):
    """400 words, 16,000 pairs, 160,000 possible ones. Catches a bound on the wrong side, and one without its bar."""
    truth, held, n_runs = words.mutual_information(LAGS), 0, 40
    widths = []
    for seed in range(n_runs):
        low, high = measured(words.sample(64, 250, seed=seed)).bracket()
        held += (low <= truth) & (truth <= high)
        widths.append(high - low)
    assert np.all(held >= 0.95 * n_runs)
    assert np.mean(widths, axis=0)[0] < 4 * np.log(4)
    assert np.mean(widths) > 0


def test_the_lower_bound_finds_what_there_is(words):
    """Catches a bound that holds because it is nothing: far above 0 where classes stay, far below where they do not."""
    for seed in range(5):
        low, _ = measured(words.sample(64, 250, seed=seed)).bracket()
        assert low[0] > 0.25 * words.mutual_information([1])[0]


def test_independent_words_are_bracketed_and_give_no_alarm():
    process = Heterogeneous(compositions=[zipf(300).tolist()])
    curves = [measured(process.sample(64, 200, seed=seed), [1, 9]) for seed in range(40)]
    ends = [curve.bracket() for curve in curves]
    assert np.mean([(low <= 0) & (high >= 0) for low, high in ends]) >= 0.95
    assert np.mean([curve.p_values <= 0.05 for curve in curves]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    plain = ms.measure(process.sample(64, 200, seed=0), [1], null="none")
    assert plain.mi[0] > 0.5  # what an estimate says


def test_bounds_are_those_of_the_counts(curve, words):
    counter = Counter(words.sample(64, 250, seed=0), LAGS, 32, "auto")
    for k, lag in enumerate(LAGS):
        upper, lower = bracket(counter.kernel().cells(lag), counter.data.alphabet_size, 32)
        np.testing.assert_allclose(curve.mi[k], upper[0], rtol=1e-12)
        np.testing.assert_allclose(curve.excess[k], lower[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(curve.replicates[:, k], upper[1:], rtol=1e-12)
        np.testing.assert_allclose((curve.replicates - curve.null_replicates)[:, k], lower[1:], rtol=1e-9, atol=1e-12)


def test_the_interval_goes_from_bound_to_bound(curve):
    low, high = curve.bracket()
    assert np.all(low < curve.excess)
    assert np.all(curve.excess < curve.mi)
    assert np.all(curve.mi < high)
    np.testing.assert_array_equal(low, curve.interval(excess=True)[0])
    np.testing.assert_array_equal(high, curve.interval()[1])
    wide = curve.bracket(0.999)
    assert np.all(wide[0] < low)
    assert np.all(wide[1] > high)
    with pytest.raises(ms.InputError, match="between 0 and 1"):
        curve.bracket(95)


def test_methods_agree(words, curve):
    for method in ("dense", "sparse"):
        other = measured(words.sample(64, 250, seed=0), method=method)
        for name in ("mi", "null", "replicates", "excess_stderr"):
            np.testing.assert_allclose(getattr(other, name), getattr(curve, name), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("options", [{"blocks": 0}, {"blocks": 1}])
def test_blocks_are_needed(words, options):
    with pytest.raises(ms.InputError, match="blocks"):
        measured(words.sample(8, 50, seed=0), [1], **options)


@pytest.mark.parametrize("estimator", ["miller_madow", "plug_in", "gaussian"])
def test_other_curves_have_no_bounds(estimator):
    source = np.random.default_rng(0).standard_normal((4, 100)) if estimator == "gaussian" else "abba" * 100
    other = ms.measure(source, [1], estimator=estimator, blocks=4)
    with pytest.raises(ms.InputError, match=re.escape('only a curve measured with estimator="bracket" has bounds')):
        other.bracket()


def test_nothing_is_corrected_and_no_warning_speaks_of_floors(curve):
    assert not curve.bias_corrected
    assert curve.wander is None
    assert (curve.estimator, curve.null_name) == ("bracket", "held-out")
    assert not any('null="rotate"' in text or "null gives" in text for text in curve.warnings)
    assert curve.provenance["null"] == {"name": "held-out", "surrogates_drawn": 0}


def test_one_symbol_has_nothing_to_bound():
    none = measured(np.zeros(400, int), [1], blocks=4)
    assert (none.mi[0], none.excess[0]) == (0, 0)


def test_it_prints(curve):
    text = str(curve)
    assert text.startswith(
        "MICurve('words': mutual information in nats at 3 lags 1..16, bracket, null held-out, 32 blocks)"
    )
    row = text.splitlines()[2].split()
    assert float(row[1]) == pytest.approx(curve.mi[0], rel=1e-3)
    assert float(row[4]) == pytest.approx(curve.excess[0], rel=1e-3)
    assert "nan" not in text


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_it_is_saved_and_converted(curve, tmp_path, suffix):
    curve.save(tmp_path / f"a{suffix}")
    loaded = ms.MICurve.load(tmp_path / f"a{suffix}")
    for one, other in zip(loaded.bracket(), curve.bracket(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(loaded.in_bits().bracket(), curve.bracket(), strict=True):
        np.testing.assert_allclose(one, other / np.log(2), rtol=1e-12)
