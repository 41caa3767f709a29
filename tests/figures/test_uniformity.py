"""Figures of uneven corpora: what is drawn is what the results say."""

import numpy as np
import pytest

import miscope as ms
from miscope.figures.uniformity import plot_drift, plot_uniformity
from miscope.probing.drift import drift
from miscope.probing.uniformity import uniformity
from miscope.processes import Heterogeneous, IsingChain


@pytest.fixture(scope="module")
def uneven():
    parts = {"one": IsingChain(0.5).sample(24, 300, seed=1), "two": IsingChain(1.0).sample(24, 300, seed=2)}
    return uniformity(parts, [1, 2, 50], n_permutations=99, blocks=8)


@pytest.fixture(scope="module")
def trend():
    chains = [IsingChain(coupling).sample(2, 500, seed=3) for coupling in np.linspace(0.3, 0.8, 8)]
    return drift(ms.Sequences.concatenate(chains), [1, 2, 20], windows=8)


def test_parts_side_by_side(uneven, tmp_path):
    above, below, beside = plot_uniformity(uneven, tmp_path / "parts.png")
    assert (tmp_path / "parts.png").stat().st_size > 5000
    assert above.figure.get_suptitle().startswith("not alike: one and two differ in strength of dependence")
    drawn = sorted(float(y) for line in above.lines for y in line.get_ydata())
    bottom = above.get_ylim()[0]
    values = sorted(max(float(value), bottom) for curve in uneven.curves for value in curve.excess)
    np.testing.assert_allclose(drawn, values)
    legend = above.figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [
        "one",
        "two",
        "below the lower edge",
        "strength differs",
    ]
    assert [label.get_text() for label in beside.get_yticklabels()]
    assert below.get_ylabel().startswith("composition")


def test_a_space_has_a_name():
    letters = [[k % 3 % 2 for k in range(n, n + 200)] for n in range(20)]
    other = [[k % 2 for k in range(n, n + 200)] for n in range(20)]
    parts = {"one": letters, "two": other}
    parts = {name: ms.Sequences.from_arrays(each, alphabet=[" ", "a"]) for name, each in parts.items()}
    _, _, beside = plot_uniformity(uniformity(parts, [1, 2], n_permutations=99, blocks=8))
    assert "space" in [label.get_text() for label in beside.get_yticklabels()]


def test_cells_of_two_lags_end_near_them():
    chain = IsingChain(0.5).sample(16, 200, seed=1)
    left, _ = plot_drift(drift(chain, [1, 10], windows=8))
    first, last = left.get_xlim()
    assert 0.5 < first < 1
    assert 10 < last < 20


def test_nothing_to_see(tmp_path):
    coins = Heterogeneous(compositions=[[0.5, 0.5]])
    found = uniformity(coins.sample(1, 4000, seed=1), [1, 2, 4], segments=2, n_permutations=99, blocks=8)
    axes = plot_uniformity(found, tmp_path / "nothing.svg", title="coins")
    assert axes[0].figure.get_suptitle() == "coins"
    assert "no dependence of several documents" in (tmp_path / "nothing.svg").read_text()


def test_map_of_drift(trend, tmp_path):
    left, right = plot_drift(trend, tmp_path / "map.pdf")
    assert (tmp_path / "map.pdf").stat().st_size > 2000
    np.testing.assert_allclose(np.ma.getdata(left.collections[0].get_array()), trend.values)
    departures = (trend.values - trend.values.mean(axis=0)) / trend.stderr
    np.testing.assert_allclose(np.ma.getdata(right.collections[0].get_array()), departures)
    (mark,) = right.lines
    assert mark.get_xdata().tolist() == trend.lags[trend.lag_p <= 0.05].tolist()
    assert left.figure.get_suptitle().replace("\n", " ") == trend.sentence
    assert left.get_ylim() == (8.0 * 2 * 500 / 1, 0) or left.get_ylim()[1] == 0


def test_single_lag(tmp_path):
    found = drift(IsingChain(0.5).sample(16, 200, seed=1), [1], windows=8)
    plot_drift(found, tmp_path / "one.png")
    assert (tmp_path / "one.png").exists()


@pytest.mark.parametrize("draw", [plot_uniformity, plot_drift])
def test_refuses_other_files(draw, uneven, trend):
    with pytest.raises(ms.InputError, match=r"a figure is written as one of"):
        draw(uneven if draw is plot_uniformity else trend, "parts.jpg")
