"""MICurve: intervals, covariance, parts, units, tables and what it prints."""

import dataclasses
import importlib.util

import numpy as np
import pytest
from scipy import stats

import miscope as ms
from miscope import InputError, MICurve
from miscope.errors import MissingExtraError

B = 12
LENGTH = 400


@pytest.fixture(scope="module")
def documents() -> list[np.ndarray]:
    """As many documents of one length as blocks, so that blocks are equal; each with its own composition."""
    generator = np.random.default_rng(3)
    made = []
    for k in range(B):
        fresh = (generator.random(LENGTH) < 0.3 + 0.4 * (k % 2)).astype(int)
        stays = generator.random(LENGTH) < 0.6
        stays[0] = False
        made.append(fresh[np.maximum.accumulate(np.where(stays, 0, np.arange(LENGTH)))])
    return made


@pytest.fixture(scope="module")
def curve(documents) -> MICurve:
    return ms.measure(documents, "1:100", blocks=B, label="made")


@pytest.fixture(scope="module")
def composed(documents) -> MICurve:
    return ms.measure(documents, "1:100", blocks=B, null="document")


@pytest.fixture(scope="module")
def bare(documents) -> MICurve:
    return ms.measure(documents, "1:100", blocks=0)


@pytest.fixture(scope="module")
def long(documents) -> MICurve:
    return ms.measure(documents, "all:150", blocks=B, label="long")


def test_covariance_is_that_of_equal_blocks(curve):
    """METHODS, section 4: the delete-block jackknife, (B-1)/B sum (I_j - mean)(I_j - mean)'."""
    assert (curve.block_pairs == curve.block_pairs[0]).all()
    for excess, replicates in ((False, curve.replicates), (True, curve.replicates - curve.null_replicates)):
        centred = replicates - replicates.mean(axis=0)
        expected = (B - 1) / B * centred.T @ centred
        scale = np.abs(expected).max()
        found = curve.jackknife(excess=excess)
        np.testing.assert_allclose(found.covariance, expected, rtol=1e-9, atol=1e-12 * scale)
        np.testing.assert_allclose(found.stderr, np.sqrt(np.diag(expected)), rtol=1e-9)
        whole = curve.excess if excess else curve.mi
        np.testing.assert_allclose(
            found.corrected, B * whole - (B - 1) * replicates.mean(axis=0), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(found.degrees, B - 1)


def test_the_bars_of_the_curve_are_those_of_its_replicates(curve):
    np.testing.assert_allclose(curve.stderr, curve.jackknife().stderr, rtol=1e-12)
    errors = curve.jackknife(excess=True).stderr
    np.testing.assert_allclose(curve.excess_stderr, errors, rtol=1e-5)
    assert (curve.excess_stderr >= errors).all()  # what the correction of the bias leaves in doubt is far smaller here


def test_replicates_are_measurements_without_a_block(curve, documents):
    """Each block is one document here; some order of blocks gives each replicate once."""
    plain = ms.measure(documents, curve.lags, blocks=B, correct_bias=False)
    without = [ms.measure(documents[:j] + documents[j + 1 :], curve.lags, blocks=0).mi for j in range(B)]
    order = np.lexsort(np.array(without).T)
    expected, found = np.array(without)[order], plain.replicates[np.lexsort(plain.replicates.T)]
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort(expected[:, 0]), rtol=1e-10)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


@pytest.fixture(scope="module")
def alike() -> list[np.ndarray]:
    """Documents of one and the same composition, three symbols that stay."""
    generator = np.random.default_rng(4)
    fresh = generator.integers(0, 3, (B, LENGTH))
    stays = generator.random((B, LENGTH)) < 0.8
    stays[:, 0] = False
    last = np.maximum.accumulate(np.where(stays, 0, np.arange(LENGTH)), axis=1)
    return list(np.take_along_axis(fresh, last, axis=1))


def test_bias_correction_is_the_jackknifes(alike):
    """Without a null it is all that leaving out blocks shows; values and replicates move alike, so bars stay."""
    plain, corrected = (
        ms.measure(alike, "1:100", blocks=B, null="none", correct_bias=correct) for correct in (False, True)
    )
    assert (plain.bias_corrected, corrected.bias_corrected) == (False, True)
    shift = plain.mi - corrected.mi
    least = -4 / (2 * plain.n_pairs)  # four degrees of freedom: what serial dependence can take away at most
    np.testing.assert_allclose(shift, np.maximum(plain.mi - plain.jackknife().corrected, least), rtol=1e-9, atol=1e-15)
    assert (shift > 0).mean() > 0.7
    np.testing.assert_allclose(plain.replicates - corrected.replicates, np.tile(shift, (B, 1)), atol=1e-15)
    np.testing.assert_allclose(corrected.jackknife().covariance, plain.jackknife().covariance, rtol=1e-8, atol=1e-18)


def test_bias_correction_leaves_chance_to_the_null():
    """Of the bias shown, what is in the null stays: it would be taken away twice. Chance falls as n^-p there, p > 1."""
    generator = np.random.default_rng(5)
    documents = [np.repeat(generator.integers(0, 27, LENGTH // 2), 2) for _ in range(B)]
    plain, corrected = (ms.measure(documents, "10:100", blocks=B, correct_bias=correct) for correct in (False, True))
    assert (plain.bias_corrected, corrected.bias_corrected) == (False, True)
    np.testing.assert_array_equal(corrected.null, plain.null)
    shown = plain.mi - plain.jackknife().corrected
    left = shown - (plain.mi - corrected.mi)
    assert (left > 0).all()
    order = left / plain.null
    np.testing.assert_allclose(order, order[0], rtol=1e-9)
    assert 1 < order[0] < 5


def test_nothing_is_taken_away_without_blocks_or_from_drawn_nulls_or_other_quantities(documents):
    others = [{"estimator": name} for name in ("plug_in", "grassberger", "chao_shen", "shrinkage", "nsb", "bracket")]
    for options in (*others, {"blocks": 0}, {"null": "rotate"}, {"quantity": "correlation"}, {"quantity": "rational"}):
        for null in ("none", "global"):
            settings = {"lags": [1, 5], "blocks": B, "null": null} | options
            on, off = (ms.measure(documents, correct_bias=correct, **settings) for correct in (True, False))
            assert not on.bias_corrected
            np.testing.assert_array_equal(on.mi, off.mi)


@pytest.mark.parametrize("level", [0.5, 0.68, 0.95, 0.999])
def test_intervals_are_students(curve, level):
    width = stats.t.ppf(0.5 + level / 2, B - 1)
    for excess, centre, bar in ((False, curve.mi, curve.stderr), (True, curve.excess, curve.excess_stderr)):
        low, high = curve.interval(level, excess=excess)
        np.testing.assert_allclose(low, centre - width * bar, rtol=1e-9)
        np.testing.assert_allclose(high, centre + width * bar + width**2 * curve.second_order, rtol=1e-9)


def test_second_order_of_two_symbols(curve, documents):
    """I = c^2 / 2: a bar is c s, so that s^2 / 2 = bar^2 / (4 I); where I is lost in it, at least 1 / 2n."""
    assert (curve.second_order >= 0.5 / curve.n_pairs * (1 - 1e-9)).all()
    bars = curve.jackknife(excess=True).stderr
    clear = curve.excess > 1.5 * bars
    assert clear.any()
    expected = bars**2 / (4 * curve.excess)
    np.testing.assert_allclose(curve.second_order[clear], np.maximum(expected, curve.second_order)[clear], rtol=1e-9)
    assert (curve.second_order[clear] < 1.001 * np.maximum(expected, 10 / curve.n_pairs)[clear]).all()
    assert ms.measure(documents, [1], blocks=B, quantity="correlation").second_order is None


def test_an_interval_by_hand(curve):
    """t(11, 97.5 %) = 2.20099, from a printed table of Student's t."""
    low, _ = curve.interval()
    assert (curve.mi[0] - low[0]) / curve.stderr[0] == pytest.approx(2.20099, abs=5e-6)


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, float("nan")])
def test_a_level_that_is_none(curve, level):
    with pytest.raises(InputError, match="between 0 and 1"):
        curve.interval(level)


def test_without_blocks_there_are_no_intervals(bare):
    assert bare.n_blocks == 0
    for values in (*bare.interval(), bare.stderr, bare.excess_stderr, bare.p_values, bare.q_values):
        assert np.isnan(values).all()
    assert not bare.significant().any()
    assert bare.replicates.shape == (0, len(bare))


def test_parts_add_up(composed):
    part = composed.split()
    np.testing.assert_allclose(part.chance + part.composition + part.sequential, composed.mi, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(part.chance, composed.chance)
    np.testing.assert_array_equal(part.sequential, composed.excess)
    assert (part.composition > 0.005).all()  # compositions of 0.3 and 0.7 in turn: about 0.16^2 / 2
    assert np.abs(part.chance).max() < 0.001


def test_parts_in_bits_add_up(composed):
    part = composed.in_bits().split()
    for bits, nats in zip(part, composed.split(), strict=True):
        np.testing.assert_allclose(bits, nats / np.log(2), rtol=1e-9, atol=1e-15)


def test_only_a_document_null_can_be_split(curve):
    with pytest.raises(InputError, match='only a curve measured with null="document" can be split'):
        curve.split()


def test_bits(composed):
    bits = composed.in_bits()
    assert (composed.unit, bits.unit) == ("nats", "bits")
    names = ("mi", "stderr", "null", "excess", "excess_stderr", "replicates", "null_replicates", "chance")
    for name in names:
        np.testing.assert_allclose(getattr(bits, name), getattr(composed, name) / np.log(2), rtol=1e-10, atol=1e-15)
    for name in ("lags", "n_pairs", "block_pairs", "p_values", "q_values"):
        np.testing.assert_array_equal(getattr(bits, name), getattr(composed, name))
    for one, other in zip(bits.interval(), composed.interval(), strict=True):
        np.testing.assert_allclose(one, other / np.log(2), rtol=1e-10)
    np.testing.assert_allclose(bits.jackknife().covariance, composed.jackknife().covariance / np.log(2) ** 2, rtol=1e-8)
    assert bits.in_bits() is bits


def test_warnings_of_a_curve_in_bits_do_not_speak_of_nats(documents):
    noise = ms.measure(np.random.default_rng(0).integers(0, 40, 3000), "1:100", null="none", estimator="plug_in")
    assert any("nats" in text for text in noise.warnings)
    assert not any("nats" in text for text in noise.in_bits().warnings)


def test_what_has_no_unit_cannot_be_in_bits(documents):
    for quantity in ("correlation", "rational"):
        with pytest.raises(InputError, match=f"{quantity} has no unit to convert"):
            ms.measure(documents, [1], blocks=0, quantity=quantity).in_bits()


def test_q_values(curve):
    """Benjamini and Hochberg by their definition: the smallest of p(k) n / k from rank on."""
    p = np.sort(curve.p_values)
    expected = [min(1.0, *(p[k:] * len(p) / np.arange(k + 1, len(p) + 1))) for k in range(len(p))]
    np.testing.assert_allclose(np.sort(curve.q_values), expected, rtol=1e-12)
    np.testing.assert_allclose(curve.q_values, stats.false_discovery_control(curve.p_values), rtol=1e-12)
    for level in (0.01, 0.05, 0.5):
        np.testing.assert_array_equal(curve.significant(level), curve.q_values <= level)


def test_q_values_leave_nan_out(curve):
    p = np.array(curve.p_values)
    p[::2] = np.nan
    some = dataclasses.replace(curve, p_values=p)
    assert np.isnan(some.q_values[::2]).all()
    np.testing.assert_allclose(some.q_values[1::2], stats.false_discovery_control(p[1::2]), rtol=1e-12)
    assert not some.significant()[::2].any()


def test_p_values_are_students(curve):
    expected = stats.t.sf(curve.excess / curve.excess_stderr, B - 1)
    np.testing.assert_allclose(curve.p_values, expected, rtol=1e-8)


def test_the_table(composed):
    table = composed.to_table()
    assert table.num_rows == len(composed)
    names = ["lag", "mi", "stderr", "low", "high", "null", "excess", "excess_stderr", "p_value", "q_value", "n_pairs"]
    assert table.column_names == [*names, "chance", "composition", "sequential"]
    low, high = composed.interval()
    for name, values in (("lag", composed.lags), ("mi", composed.mi), ("low", low), ("high", high)):
        np.testing.assert_array_equal(table.column(name).to_numpy(), values)


def test_the_table_without_a_split(curve):
    assert "chance" not in curve.to_table().column_names


def test_a_frame_needs_pandas_and_says_so(curve):
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(MissingExtraError, match=r'to_frame\(\) needs .pandas.*pip install "miscope\[pandas\]"'):
            curve.to_frame()
    else:
        assert list(curve.to_frame().columns) == curve.to_table().column_names


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.split()[:1] and line.split()[0].isdigit()]


def test_it_prints_as_a_table(curve):
    lines = str(curve).splitlines()
    assert lines[0] == repr(curve)
    assert lines[1].split() == ["lag", "mi", "stderr", "null", "excess", "stderr", "q", "pairs"]
    found = rows(str(curve))
    assert [int(row[0]) for row in found] == curve.lags.tolist()
    for i, row in enumerate(found):
        assert float(row[1]) == pytest.approx(curve.mi[i], rel=1e-3)
        assert float(row[2]) == pytest.approx(curve.stderr[i], rel=1e-3)
        assert int(row[7].replace(",", "")) == curve.n_pairs[i]
        assert (row[-1] == "*") == curve.significant()[i]
    assert "false discovery rate of 5 %" in str(curve)


def test_columns_are_aligned(curve):
    lines = [line for line in str(curve).splitlines() if line.split()[0].isdigit()]
    assert len({len(line.removesuffix("*").rstrip()) for line in lines}) == 1


def test_a_long_curve_is_shortened_and_says_so(long):
    text = str(long)
    found = [int(row[0]) for row in rows(text)]
    assert found == [*range(1, 56), *range(146, 151)]
    lines = text.splitlines()
    (gap,) = [k for k, line in enumerate(lines) if line == "... 90 lags not shown ..."]
    assert lines[gap - 1].split()[0] == "55"
    assert lines[gap + 1].split()[0] == "146"
    assert len(lines) < 70


def test_sixty_lags_are_shown_whole(documents):
    curve = ms.measure(documents, "all:60", blocks=B)
    assert len(rows(str(curve))) == 60
    assert "not shown" not in str(curve)
    one_more = ms.measure(documents, "all:61", blocks=B)
    assert len(rows(str(one_more))) == 60
    assert "... 1 lags not shown ..." in str(one_more) or "... 1 lag not shown ..." in str(one_more)


def test_without_bars_it_prints_dashes(bare):
    for row in rows(str(bare)):
        assert (row[2], row[5], row[6]) == ("-", "-", "-")
    assert "nan" not in str(bare)
    assert "*" not in str(bare)


def test_warnings_are_printed(curve):
    warned = dataclasses.replace(curve, warnings=("mind the gap", "and the step"))
    assert str(warned).splitlines()[-2:] == ["warning: mind the gap", "warning: and the step"]
    assert "warning" not in str(curve)


def test_repr_is_one_line(curve, long):
    assert repr(curve) == (
        f"MICurve('made': mutual information in nats at {len(curve)} lags 1..100, miller_madow, null global, 12 blocks)"
    )
    assert "\n" not in repr(long)


def test_repr_without_unit(documents):
    rational = ms.measure(documents, [1, 2], blocks=B, quantity="rational")
    assert "rational at 2 lags 1..2" in repr(rational)
    assert str(rational).startswith(repr(rational))


def test_a_curve_does_not_change(curve):
    with pytest.raises(dataclasses.FrozenInstanceError):
        curve.mi = curve.mi * 2
    assert len(curve) == len(curve.lags)
