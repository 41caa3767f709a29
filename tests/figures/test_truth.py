"""Figures beside what is exactly known: the line is the process, and the data stay what is looked at."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import miscope as ms
from miscope import InputError
from miscope.figures import exact_values
from miscope.processes import (
    FractionalNoise,
    GaussianCopula,
    IsingChain,
    LongRangeIsing,
    PowerLawBinary,
    RandomHierarchy,
)

CHAIN, POWER = IsingChain(coupling=1.0), PowerLawBinary(0.1, 0.4)


@pytest.fixture(scope="module")
def curve():
    return ms.measure(CHAIN.sample(64, 1000), "1:400", label="sample")


@pytest.fixture(scope="module")
def slow():
    return ms.measure(POWER.sample(64, 1000), "1:400")


@pytest.fixture(scope="module")
def bounds():
    return ms.measure(RandomHierarchy().sample(32), "1:200", estimator="bracket", label="tree")


def exact(axes) -> list:
    return [line for line in axes.get_lines() if line.get_gid() == "exact"]


def legend(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def points(axes) -> list[tuple[float, float]]:
    lines = [line for line in axes.get_lines() if line.get_marker() in "os" and line.get_gid() != "exact"]
    return [point for line in lines for point in zip(*line.get_data(), strict=True)]


@pytest.mark.parametrize("scale", ["log-log", "lin-log", "log-lin", "lin-lin"])
def test_the_line_is_the_process(curve, scale):
    axes = ms.plot(curve, truth=CHAIN, scale=scale)
    (line,) = exact(axes)
    lags, values = line.get_data()
    assert set(curve.lags) <= set(lags)
    assert (lags.min(), lags.max()) == (curve.lags.min(), curve.lags.max())
    assert len(lags) > 100
    shown = values > axes.get_ylim()[0]
    np.testing.assert_allclose(values[shown], CHAIN.mutual_information(lags)[shown], rtol=1e-12)
    assert "exact: IsingChain coupling 1, field 0" in legend(axes)


def test_it_is_thin_dark_and_behind_the_points(curve):
    axes = ms.plot(curve, truth=CHAIN)
    (line,) = exact(axes)
    assert max(to_rgb(line.get_color())) < 0.3
    assert (line.get_linestyle(), line.get_linewidth()) == ("-", 1.0)
    others = [each for each in axes.get_lines() if each.get_marker() in "ov" and each is not line]
    assert line.get_zorder() < min(each.get_zorder() for each in others)


@pytest.mark.parametrize("scale", ["log-log", "lin-log"])
def test_a_truth_far_below_does_not_stretch_the_axis(curve, scale):
    """At lag 400 the chain has 10^-95 nats."""
    with_truth, without = ms.plot(curve, truth=CHAIN, scale=scale), ms.plot(curve, scale=scale)
    assert with_truth.get_ylim()[0] == without.get_ylim()[0]
    assert with_truth.get_ylim()[1] < 3 * without.get_ylim()[1]
    bottom, top = with_truth.get_ylim()
    assert all(bottom < value < top for _, value in points(with_truth))


def test_a_truth_above_the_points_is_inside_the_axes(curve):
    axes = ms.plot(dataclasses.replace(curve, mi=curve.mi / 100), truth=CHAIN)
    assert axes.get_ylim()[1] > CHAIN.mutual_information([1])[0]


def test_bits_are_bits(curve):
    lags, values = exact(ms.plot(curve.in_bits(), truth=CHAIN, scale="lin-lin"))[0].get_data()
    np.testing.assert_allclose(values, CHAIN.mutual_information(lags) / np.log(2))


def test_a_single_lag_is_seen():
    (line,) = exact(ms.plot(ms.measure(CHAIN.sample(20, 100), [3]), truth=CHAIN))
    assert line.get_marker() == "_"
    assert line.get_data()[1] == CHAIN.mutual_information([3])


def test_one_truth_for_several_curves_is_one_line(curve, slow):
    assert len(exact(ms.plot([curve, slow], truth=CHAIN))) == 1
    shorter = dataclasses.replace(curve, label="other")
    axes = ms.plot([curve, shorter], truth=CHAIN)
    assert [name for name in legend(axes) if name.startswith("exact")] == ["exact: IsingChain coupling 1, field 0"]


def test_a_truth_for_each_curve(curve, slow):
    axes = ms.plot([curve, slow], truth=[CHAIN, POWER])
    first, second = exact(axes)
    assert first.get_color() != second.get_color()
    for line, process in ((first, CHAIN), (second, POWER)):
        lags, values = line.get_data()
        shown = values > axes.get_ylim()[0]
        np.testing.assert_allclose(values[shown], process.mutual_information(lags)[shown])
    assert [name for name in legend(axes) if name.startswith("exact")] == [
        "exact: IsingChain coupling 1, field 0",
        "exact: PowerLawBinary amplitude 0.1, exponent 0.4",
    ]


def test_names_that_are_there_already_are_not_repeated(curve, slow):
    axes = ms.plot([dataclasses.replace(curve, label=CHAIN.label), slow], truth=[CHAIN, POWER])
    assert len(exact(axes)) == 2
    assert [name for name in legend(axes) if name.startswith("exact")] == ["exact"]


def test_some_curves_may_have_no_truth(curve, slow):
    (line,) = exact(ms.plot([curve, slow], truth=[None, POWER]))
    np.testing.assert_allclose(line.get_data()[1], POWER.mutual_information(line.get_data()[0]))
    assert exact(ms.plot([curve, slow], truth=(None, None))) == []


def test_anything_that_knows_the_answer(curve):
    class Law:
        label = "1 / lag, for $5"

        def mutual_information(self, lags):
            return 1 / np.asarray(lags)

    axes = ms.plot(curve, truth=Law())
    np.testing.assert_allclose(exact(axes)[0].get_data()[1], 1 / exact(axes)[0].get_data()[0])
    assert r"exact: 1 / lag, for \$5" in legend(axes)


def test_lags_that_the_process_refuses_are_left_out(curve):
    short = GaussianCopula([0.2, 0.1, 0.05])
    lags, values = exact(ms.plot(curve, truth=short, scale="lin-lin"))[0].get_data()
    known = ~np.isnan(values)
    assert lags[known].tolist() == [1, 2, 3]
    np.testing.assert_allclose(values[known], [0.2, 0.1, 0.05], rtol=1e-5)


def test_what_nothing_is_known_of(curve):
    ring = LongRangeIsing(coupling=0.1, sigma=0.5, n_spins=40)
    with pytest.raises(InputError, match=r"nothing exact is known of LongRangeIsing.*at most 16 spins"):
        ms.plot(curve, truth=ring)


def test_correlation_is_that_of_the_numbers_of_the_process():
    measured = ms.measure(CHAIN.sample(64, 1000), [1, 2, 3], quantity="correlation", values=CHAIN.values)
    lags, values = exact(ms.plot(measured, truth=CHAIN, scale="log-lin"))[0].get_data()
    np.testing.assert_allclose(values, CHAIN.correlation(lags))
    assert (np.abs(measured.mi - values) < 4 * measured.stderr).all()


def test_rational_information_is_refused(tmp_path):
    measured = ms.measure(CHAIN.sample(4, 100), [1, 2], quantity="rational")
    with pytest.raises(InputError, match="no exact rational mutual information is known of IsingChain"):
        ms.plot(measured, tmp_path / "a.png", truth=CHAIN)
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_no_symbols():
    noise = FractionalNoise(hurst=0.8)
    sample = noise.sample(20, 200)
    with pytest.raises(InputError, match=r"of real numbers, the curve of symbols.*process\.quantised\(4\)"):
        ms.plot(ms.measure(sample, [1, 2]), truth=noise)
    assert len(exact(ms.plot(ms.measure(sample, [1, 2]), truth=noise.quantised(4)))) == 1
    assert len(exact(ms.plot(ms.measure(sample, [1, 2], estimator="gaussian"), truth=noise))) == 1


@pytest.mark.parametrize("wrong", [3, "ising-chain", np.zeros(3)])
def test_what_is_no_truth(curve, wrong):
    with pytest.raises(InputError, match=r"a truth is a process, or what else has mutual_information\(lags\)"):
        ms.plot(curve, truth=wrong)


def test_as_many_truths_as_curves(curve):
    with pytest.raises(InputError, match="there are 2 truths for 1 curves"):
        ms.plot(curve, truth=[CHAIN, POWER])


def test_a_truth_of_another_shape(curve):
    class Wrong:
        label = "wrong"

        def mutual_information(self, lags):
            return np.zeros(3)

    with pytest.raises(InputError, match=r"truth of wrong has shape \(3,\)"):
        exact_values(Wrong(), curve, curve.lags)


def test_the_same_figure_has_the_same_bytes(curve, tmp_path):
    for name in ("first.svg", "second.svg"):
        ms.plot(curve, tmp_path / name, truth=CHAIN)
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def bands(axes) -> list[np.ndarray]:
    return [collection.get_paths()[0].vertices for collection in axes.collections]


def test_bounds_are_a_band_inside_that_of_their_intervals(bounds):
    axes = ms.plot(bounds, scale="log-lin")
    for vertices, (low, high) in zip(bands(axes), (bounds.bracket(0.95), (bounds.excess, bounds.mi)), strict=True):
        drawn = {(float(x), float(y)) for x, y in vertices}
        assert drawn >= {(float(x), float(y)) for x, y in zip(bounds.lags, low, strict=True)}
        assert drawn >= {(float(x), float(y)) for x, y in zip(bounds.lags, high, strict=True)}
    assert axes.get_ylabel() == "mutual information (nats)"
    assert legend(axes) == ["tree", "between lower and upper bound", "and their intervals"]
    assert axes.get_lines()[0].get_marker() == "_"


def test_bounds_of_a_level(bounds):
    outer = bands(ms.plot(bounds, scale="log-lin", level=0.5))[0]
    assert outer[:, 1].max() == pytest.approx(bounds.bracket(0.5)[1].max())


def test_bounds_and_their_truth(bounds, tmp_path):
    axes = ms.plot(bounds.in_bits(), tmp_path / "a.png", truth=RandomHierarchy())
    (line,) = exact(axes)
    np.testing.assert_allclose(line.get_data()[1], RandomHierarchy().mutual_information(line.get_data()[0]) / np.log(2))
    bottom, top = axes.get_ylim()
    assert bottom < line.get_data()[1].min()
    assert top > line.get_data()[1].max()
    assert len([name for name in legend(axes) if name.startswith("exact")]) == 1


@pytest.mark.parametrize("label", ["_hidden", ""])
def test_bounds_beside_a_curve(bounds, curve, label):
    axes = ms.plot([dataclasses.replace(bounds, label=label), curve])
    assert (label or "bounds") in legend(axes)
    assert "sample" in legend(axes)
    assert axes.get_ylabel().replace("\n", " ") == "mutual information above chance (nats)"


def test_bounds_at_one_lag():
    one = ms.measure(RandomHierarchy().sample(32), [2], estimator="bracket")
    axes = ms.plot(one)
    bottom, top = axes.get_ylim()
    for line in axes.get_lines():
        assert all(bottom < value < top for value in line.get_data()[1])
