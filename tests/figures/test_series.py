"""Figures said as data: drawn as they say, and the same after JSON."""

import json
import math

import numpy as np
import pytest

import miscope as ms
from miscope.figures.series import Plot, Series, plot_series

LAGS = (1.0, 10.0, 100.0)
POINTS = Series("measured", LAGS, (0.1, 0.04, -0.01), (0.09, 0.03, -0.03), (0.11, 0.05, 0.02), sure=(True, True, False))
LINE = Series.line("exact", np.array(LAGS), [0.1, 0.039, 0.016], of="measured")
PLOT = Plot("law", "A law", "how to read it", "lag", "nats", (POINTS, LINE), rules=((0.02, "half"),))


def test_what_is_drawn():
    axes = plot_series(PLOT)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("lag", "nats", "A law")
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert drawn["measured"].get_xdata().tolist() == [1.0, 10.0]  # what is not positive has no place on this axis
    assert drawn["exact"].get_ydata().tolist() == [0.1, 0.039, 0.016]
    assert drawn["exact"].get_color() == drawn["measured"].get_color()
    named = {text.get_text() for text in axes.get_legend().get_texts()}
    assert named == {"measured", "exact", "half", "at or below the lower edge"}


def triangles(axes):
    return [line for line in axes.get_lines() if line.get_gid() == "below"]


def test_what_lies_below_is_marked_on_the_edge():
    """A model of which one lag alone stands above the axis has all its lags in the figure."""
    hidden = Series(
        "model", LAGS, (0.01, -0.001, 0.0), (0.009, -0.02, -0.02), (0.011, 0.02, 0.02), sure=(True, False, False)
    )
    data = Series("data", LAGS, (0.1, 0.04, 0.02), (0.09, 0.03, 0.01), (0.11, 0.05, 0.5))
    axes = plot_series(Plot("p", "t", "", "x", "y", (data, hidden)))
    [marks] = triangles(axes)
    assert marks.get_xdata().tolist() == [10.0, 100.0]
    assert {*marks.get_ydata()} == {axes.get_ylim()[0]}
    assert marks.get_color() == axes.get_lines()[2].get_color()
    assert axes.get_ylim()[1] > 0.5  # bars end inside
    places = [segment[0][0] for found in axes.collections for segment in found.get_segments()]
    assert sorted(places) == [1.0, 1.0, 10.0, 100.0]  # triangles have none, where others could be hidden by them
    alone = plot_series(Plot("p", "t", "", "x", "y", (hidden,)))
    assert sum(len(found.get_segments()) for found in alone.collections) == 3
    assert not triangles(plot_series(Plot("p", "t", "", "x", "y", (data,))))
    assert not triangles(plot_series(Plot("p", "t", "", "x", "y", (hidden,), log="x")))


def test_linear_axes_show_everything(tmp_path):
    plot = Plot("p", "t", "", "x", "y", (POINTS,), log="", diagonal=True)
    axes = plot_series(plot, tmp_path / "figure.png")
    shown = [tuple(line.get_ydata()) for line in axes.get_lines()]
    assert (0.1, 0.04) in shown
    assert (-0.01,) in shown  # hollow
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_through_json():
    again = Plot.from_dict(json.loads(json.dumps(PLOT.to_dict())))
    assert again == PLOT
    hole = Plot("p", "t", "", "x", "y", (Series("a", (1.0, 2.0), (math.nan, 1.0)),))
    body = json.loads(json.dumps(hole.to_dict()).replace("NaN", "null"))
    assert math.isnan(Plot.from_dict(body).series[0].y[0])


def test_of_a_curve():
    curve = ms.measure(ms.processes.IsingChain(1.0).sample(32, 512, seed=0), "1:30", label="chain")
    series = Series.of_curve(curve)
    assert series.label == "chain"
    assert series.y == tuple(curve.excess.tolist())
    assert series.low == tuple(curve.interval(excess=True)[0].tolist())
    assert series.sure == tuple(curve.significant().tolist())


def test_bad_input(tmp_path):
    with pytest.raises(ms.InputError, match="unknown kind of series 'bars'"):
        plot_series(Plot("p", "t", "", "x", "y", (Series("a", LAGS, LAGS, kind="bars"),)))
    with pytest.raises(ms.InputError, match="no value that could be drawn"):
        plot_series(Plot("p", "t", "", "x", "y", (Series("a", LAGS, (-1.0, -2.0, math.nan)),)))
    with pytest.raises(ms.InputError, match=r"not 'figure\.gif'"):
        plot_series(PLOT, tmp_path / "figure.gif")
