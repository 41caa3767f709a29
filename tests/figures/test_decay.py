"""The figure of a fit: what is drawn is what the fit says, and nothing lies over anything else."""

import dataclasses
import itertools
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_rgba

import miscope as ms
from miscope import InputError
from miscope.figures import plot_fit
from miscope.figures.decay import _number
from miscope.processes import Heterogeneous, PowerLawBinary

WHITE = to_rgba("white")
LAGS = np.unique(np.geomspace(1, 1000, 40).round())


def fitted(values, error=1e-3, seed=5, lags=LAGS):
    noise = error * np.random.default_rng(seed).standard_normal(len(lags))
    return ms.fit((lags, np.asarray(values) + noise, np.full(len(lags), error)))


@pytest.fixture(scope="module")
def exponential():
    """Significant up to about lag 120, nothing beyond."""
    found = fitted(0.2 * np.exp(-LAGS / 30))
    assert found.verdict.kind == "exponential"
    assert 60 < found.verdict.last < 300
    assert (found.values < 0).any()
    return found


@pytest.fixture(scope="module")
def power():
    found = fitted(0.1 * LAGS**-0.5, error=5e-4)
    assert found.verdict.kind == "power law"
    return found


@pytest.fixture(scope="module")
def between():
    found = fitted(0.2 * LAGS**-0.4 * np.exp(-LAGS / 80), error=2e-4)
    assert found.verdict.kind == "between"
    return found


@pytest.fixture(scope="module")
def nothing():
    """Independent coins."""
    coins = Heterogeneous(compositions=[[0.5, 0.5]])
    found = ms.fit(ms.measure(coins.sample(16, 1024), label="coins"))
    assert found.verdict.kind == "no dependence"
    assert not found.laws
    return found


@pytest.fixture(scope="module")
def short():
    """Less than a decade of significant lags."""
    found = fitted(0.2 * np.exp(-LAGS / 1.2))
    assert found.verdict.kind == "undecided"
    assert found.verdict.last < 10
    assert found.laws
    return found


@pytest.fixture(scope="module")
def bare():
    return ms.fit((LAGS, 0.2 * np.exp(-LAGS / 30) * np.exp(0.1 * np.random.default_rng(3).standard_normal(len(LAGS)))))


@pytest.fixture(scope="module")
def negative():
    return fitted(np.full(len(LAGS), -0.01))


@pytest.fixture(scope="module")
def negative_bare():
    return ms.fit((LAGS, np.full(len(LAGS), -0.01)))


KINDS = ["exponential", "power", "between", "nothing", "short", "bare", "negative", "negative_bare"]


@pytest.fixture(params=KINDS)
def each(request):
    return request.getfixturevalue(request.param)


def points(axes, marker="o", gid="curve", hollow=None):
    """(lag, value) of markers of a shape, filled or hollow."""
    found = []
    for line in axes.get_lines():
        is_hollow = to_rgba(line.get_markerfacecolor()) == WHITE
        if line.get_gid() == gid and line.get_marker() == marker and hollow in (None, is_hollow):
            found += zip(map(float, line.get_xdata()), map(float, line.get_ydata()), strict=True)
    return sorted(found)


def pairs(lags, values):
    return sorted(zip(map(float, lags), map(float, values), strict=True))


def laws(axes):
    """Lines of laws within the range of the verdict, by the law's name."""
    return {line.get_label().split(":")[0]: line for line in axes.get_lines() if line.get_gid() == "law"}


def heading(axes) -> str:
    return axes[0, 0].figure.get_suptitle().replace("\n", " ")


def legend(axes) -> list[str]:
    (found,) = axes[0, 0].figure.legends
    return [text.get_text().replace("\n", " ") for text in found.get_texts() if text.get_text().strip()]


def test_log_log_beside_lin_log(each):
    axes = ms.plot(each)
    assert axes.shape == (2 if np.isfinite(each.stderr).any() else 1, 2)
    for row in axes:
        assert [one.get_xscale() for one in row] == ["log", "linear"]
    assert [one.get_yscale() for one in axes[0]] == ["log", "log"]
    if len(axes) == 2:
        assert [one.get_yscale() for one in axes[1]] == ["linear", "linear"]
        assert axes[0, 0].get_xlim() == axes[1, 0].get_xlim()
        heights = [one.get_position().height for one in axes[:, 0]]
        assert heights[1] / sum(heights) == pytest.approx(1 / 3, abs=0.02)


def test_every_lag_is_drawn_once_log_log(each):
    left = plot_fit(each)[0, 0]
    assert sorted(lag for shape in "ov" for lag, _ in points(left, shape)) == each.lags.tolist()
    first, last = left.get_xlim()
    assert first < each.lags[0] < each.lags[-1] < last


def test_filled_is_significant_and_hollow_is_not(exponential):
    left = plot_fit(exponential)[0, 0]
    sure, shown = exponential.significant, exponential.values > left.get_ylim()[0]
    for hollow, chosen in ((False, sure & shown), (True, ~sure & shown)):
        assert points(left, "o", hollow=hollow) == pairs(exponential.lags[chosen], exponential.values[chosen])
    assert "not significant" in legend(plot_fit(exponential))


def test_values_below_zero_are_triangles_on_the_lower_edge(exponential):
    left = plot_fit(exponential)[0, 0]
    lowest = left.get_ylim()[0]
    triangles = dict(points(left, "v", hollow=True))
    assert set(triangles) == set(exponential.lags[exponential.values <= lowest].tolist())
    assert set(triangles) >= set(exponential.lags[exponential.values <= 0].tolist())
    assert set(triangles.values()) == {lowest}


def test_without_bars_no_marker_is_hollow(bare):
    """Nothing is known of significance, and hollow markers would say that nothing was found."""
    left = plot_fit(bare)[0, 0]
    assert points(left, "o", hollow=True) == []
    assert points(left, "o", hollow=False)
    assert "not significant" not in legend(plot_fit(bare))


@pytest.mark.parametrize(("level", "z"), [(0.95, 1.959964), (0.68, 0.994458)])
def test_bars_are_intervals_down_to_the_edge(exponential, level, z):
    left = plot_fit(exponential, level=level)[0, 0]
    (drawn,) = (found.get_segments() for found in left.collections if found.get_gid() != "band")
    lowest = left.get_ylim()[0]
    low, high = exponential.values - z * exponential.stderr, exponential.values + z * exponential.stderr
    seen = high > lowest
    wanted = np.stack([exponential.lags, np.maximum(low, lowest), exponential.lags, high], axis=1)[seen]
    np.testing.assert_allclose(np.reshape(drawn, (-1, 4)), wanted, rtol=1e-5)
    assert f"{100 * level:g} % intervals: bars and band" in legend(plot_fit(exponential, level=level))


def test_the_linear_axis_ends_a_bit_beyond_the_last_significant_lag(exponential):
    """Lags up to 1000 would squeeze an exponential of length 30 against the left edge."""
    right = plot_fit(exponential)[0, 1]
    start, end = right.get_xlim()
    assert start == 0
    assert exponential.verdict.last < end < 1.3 * exponential.verdict.last
    drawn = [lag for shape in "ov" for lag, _ in points(right, shape)]
    assert sorted(drawn) == exponential.lags[exponential.lags <= end].tolist()


def test_the_linear_axis_ends_where_nothing_is_left_without_bars(bare):
    right = plot_fit(bare)[0, 1]
    assert 100 < right.get_xlim()[1] < 700


@pytest.mark.parametrize("kind", ["exponential", "power", "between", "short", "bare"])
def test_the_law_of_the_verdict_is_the_strong_one(kind, request):
    fit = request.getfixturevalue(kind)
    for axes in plot_fit(fit)[0]:
        lines = {name.split(" (")[0]: line for name, line in laws(axes).items()}
        assert set(lines) == {fit.best.name, "exponential", "power law"}
        strong = lines.pop(fit.best.name)
        assert all(strong.get_linewidth() > 1.5 * line.get_linewidth() for line in lines.values())
        assert len({line.get_color() for line in (strong, *lines.values())}) == len(lines) + 1


def test_lines_are_the_laws_and_solid_where_the_verdict_speaks(exponential):
    verdict = exponential.verdict
    for axes in plot_fit(exponential)[0]:
        for name, line in laws(axes).items():
            lags, values = line.get_data()
            np.testing.assert_allclose(values, exponential[name](lags), rtol=1e-12)
            assert (lags[0], lags[-1]) == (verdict.first, verdict.last)
            assert line.get_linestyle() == "-"
        dashed = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
        assert len(dashed) == 2
        assert all(line.get_xdata()[0] == verdict.last for line in dashed)
        edges = [span.get_extents().transformed(axes.transData.inverted()) for span in axes.patches]
        assert [(edge.x0, edge.x1) for edge in edges] == [pytest.approx((verdict.first, verdict.last))]


def test_lines_are_dashed_before_the_range_too(power):
    late = dataclasses.replace(power, verdict=dataclasses.replace(power.verdict, first=10.0))
    left = plot_fit(late)[0, 0]
    dashed = [line.get_xdata() for line in left.get_lines() if line.get_linestyle() == "--"]
    assert any(lags[0] == 1 and lags[-1] == 10 for lags in dashed)
    assert all(line.get_xdata()[0] == 10 for line in laws(left).values())


@pytest.mark.parametrize("level", [0.68, 0.95])
def test_the_band_is_that_of_the_law(power, level):
    left = plot_fit(power, level=level)[0, 0]
    (band,) = (found for found in left.collections if found.get_gid() == "band")
    ends = band.get_paths()[0].vertices
    for lag in (1.0, power.verdict.last):
        low, high = power.best.band([lag], level)
        here = ends[np.isclose(ends[:, 0], lag), 1]
        np.testing.assert_allclose((here.min(), here.max()), (low[0], high[0]), rtol=1e-9)


def test_three_laws_at_most_and_another_where_no_simple_one_was_fitted(power):
    given = (power.lags, power.values, power.stderr)
    left = plot_fit(ms.fit(given, laws=["stretched exponential", "power law with cut-off"]))[0, 0]
    assert {name.split(" (")[0] for name in laws(left)} == {"stretched exponential", "power law with cut-off"}
    assert len(laws(plot_fit(power)[0, 0])) <= 3


def test_residuals_are_in_standard_errors(power):
    lower = plot_fit(power)[1, 0]
    assert lower.get_ylabel() == "residual in\nstandard errors"
    half = lower.get_ylim()[1]
    wanted = {law: (power.values - power[law](power.lags)) / power.stderr for law in ("power law", "exponential")}
    within = {law: pairs(power.lags[abs(r) <= half], r[abs(r) <= half]) for law, r in wanted.items()}
    assert points(lower, gid="residual") == sorted(within["power law"] + within["exponential"])
    assert len(within["power law"]) == len(power.lags)
    for marker, beyond in (("^", wanted["exponential"] > half), ("v", wanted["exponential"] < -half)):
        found = points(lower, marker, gid="beyond")
        assert [lag for lag, _ in found] == power.lags[beyond].tolist()
        assert all(0.8 * half < abs(value) < half and (value > 0) == (marker == "^") for _, value in found)
    assert (abs(wanted["exponential"]) > half).any()  # or there was nothing to see here
    levels = [line.get_ydata()[0] for line in lower.get_lines() if line.get_linestyle() == ":"]
    assert levels == [-2, 2]


def test_without_a_law_values_are_over_their_standard_errors(nothing):
    axes = plot_fit(nothing)
    assert axes[1, 0].get_ylabel() == "value / its\nstandard error"
    assert points(axes[1, 0], gid="residual") == pairs(nothing.lags, nothing.values / nothing.stderr)
    assert laws(axes[0, 0]) == {}
    assert not axes[0, 0].patches


def test_values_all_below_zero_are_seen_in_the_lower_row(negative):
    axes = plot_fit(negative)
    assert points(axes[0, 0], "o") == []
    assert points(axes[1, 0], gid="residual") == pairs(negative.lags, negative.values / negative.stderr)


def test_bars_reach_above_zero_where_no_value_does(negative):
    """An axis chosen by values alone would have nothing on it."""
    found = dataclasses.replace(negative, values=np.full(len(LAGS), -1e-4), stderr=np.full(len(LAGS), 1e-3))
    low, high = plot_fit(found)[0, 0].get_ylim()
    assert low < -1e-4 + 1.96e-3 < high


def test_the_title_is_the_verdict_with_its_parameter(exponential, power, between):
    length, exponent = exponential.correlation_length, power.exponent
    for fit, law, name, estimate, unit in (
        (exponential, "exponential", "correlation length", length, " symbols"),
        (power, "power law", "exponent", exponent, ""),
    ):
        title = heading(plot_fit(fit))
        assert title.startswith(f"{law}: {name} ")
        numbers = title.removeprefix(f"{law}: {name} ").replace(unit or "\0", "").replace("(", "").replace(")", "")
        value, low, _, high = numbers.split()
        assert [float(value), float(low), float(high)] == pytest.approx(
            [estimate.value, estimate.low, estimate.high], rel=0.006
        )
    title = heading(plot_fit(between))
    assert title.startswith(f"between an exponential and a power law, as a {between.best.name}: ")


def test_the_title_is_the_reason_where_there_is_no_law(nothing, short, bare):
    for fit in (nothing, short, bare):
        assert heading(plot_fit(fit)) == f"{fit.verdict.kind}: {fit.verdict.reason}"
    assert any(name.startswith(f"{short.best.name} (likeliest): ") for name in legend(plot_fit(short)))


def test_a_title_of_ones_own(power):
    assert heading(ms.plot(power, title="mine")) == "mine"
    assert heading(ms.plot(power, title="")) == ""


def test_numbers_have_three_digits():
    values = (0.41, 4.7321, 102.3, 1024.0, 123456.0, 1.5e7, 0.0, 20.0, np.inf, 1e-12)
    wanted = ["0.410", "4.73", "102", "1,024", "123,456", "1.5e+07", "0", "20", "infinity", "1.00e-12"]
    assert [_number(value) for value in values] == wanted


@pytest.mark.parametrize(
    ("unit", "null", "label"),
    [
        ("nats", "global", "mutual information above chance (nats)"),
        ("bits", "global", "mutual information above chance (bits)"),
        ("nats", "document", "mutual information above chance and composition (nats)"),
        ("nats", "none", "mutual information (nats)"),
        ("nats", "held-out", "mutual information, lower bound (nats)"),
        ("nats", None, "excess (nats)"),
        ("", "global", "excess above chance"),
        ("", None, "excess"),
    ],
)
def test_the_value_axis_says_what_is_known(power, unit, null, label):
    provenance = {"null": {"name": null}} if null else {}
    left = plot_fit(dataclasses.replace(power, unit=unit, provenance=provenance))[0, 0]
    assert left.get_ylabel().replace("\n", " ") == label


def test_a_measured_curve_in_bits():
    curve = ms.measure(PowerLawBinary(0.1, 0.4).sample(16, 512), label="a sample")
    axes = ms.plot(ms.fit(curve.in_bits(), laws=["exponential", "power law"]))
    assert axes[0, 0].get_ylabel() == "mutual information\nabove chance (bits)"
    assert "a sample" in legend(axes)
    np.testing.assert_allclose(points(axes[0, 0])[0], (1, curve.excess[0] / np.log(2)))


LABELS = ["plain", "costs $5 or $x_{1}$, $", "_hidden", "very long words " * 20, "w" * 300, "f(x) = (a (b)) " * 6]


def boxes(figure) -> dict[str, object]:
    """Where things lie on the canvas, in pixels."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = {f"legend {k}": one.get_window_extent(renderer) for k, one in enumerate(figure.legends)}
    if figure.get_suptitle():
        found["title"] = figure._suptitle.get_window_extent(renderer)
    for k, axes in enumerate(figure.axes):
        found[f"axes {k}"] = axes.get_window_extent(renderer)
        for name, artist in (("x label", axes.xaxis.label), ("y label", axes.yaxis.label), ("title", axes.title)):
            if artist.get_text():
                found[f"{name} {k}"] = artist.get_window_extent(renderer)
    return found


def check_apart(figure) -> None:
    found = boxes(figure)
    width, height = figure.canvas.get_width_height()
    for name, box in found.items():
        assert -1 <= box.x0 <= box.x1 <= width + 1, name
        assert -1 <= box.y0 <= box.y1 <= height + 1, name
    for (one, box), (other, another) in itertools.combinations(found.items(), 2):
        across = min(box.x1, another.x1) - max(box.x0, another.x0)
        along = min(box.y1, another.y1) - max(box.y0, another.y0)
        assert across < 1 or along < 1, f"{one} lies over {other}"


def test_nothing_lies_over_anything_else(each):
    check_apart(plot_fit(each)[0, 0].figure)


@pytest.mark.parametrize("label", LABELS)
def test_any_label_fits(between, label):
    axes = plot_fit(dataclasses.replace(between, label=label))
    check_apart(axes[0, 0].figure)
    assert legend(axes)[0].replace(r"\$", "$")[:18] == label[:18].strip()


@pytest.mark.parametrize("size", [(5.0, 5.0), (8.4, 4.6), (14.0, 6.0)])
def test_other_sizes(between, size):
    figure = plot_fit(between, size=size)[0, 0].figure
    assert tuple(figure.get_size_inches()) == size
    check_apart(figure)


@pytest.mark.parametrize("suffix", [".svg", *(pytest.param(each, marks=pytest.mark.long) for each in (".png", ".pdf"))])
def test_files(exponential, tmp_path, suffix):
    for name in ("one", "two"):
        ms.plot(exponential, tmp_path / f"{name}{suffix}")
    written = (tmp_path / f"one{suffix}").read_bytes()
    assert written.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])
    assert written == (tmp_path / f"two{suffix}").read_bytes()
    if suffix == ".svg":
        ElementTree.fromstring(written)


@pytest.mark.parametrize(
    "each",
    [pytest.param(k, marks=() if k in ("exponential", "bare") else pytest.mark.long) for k in KINDS],
    indirect=True,
)
def test_a_fit_from_a_file_is_drawn_the_same(each, tmp_path):
    each.save(tmp_path / "fit.json")
    plot_fit(each, tmp_path / "before.svg")
    plot_fit(ms.DecayFit.load(tmp_path / "fit.json"), tmp_path / "after.svg")
    assert (tmp_path / "before.svg").read_bytes() == (tmp_path / "after.svg").read_bytes()


def test_what_cannot_be_drawn_is_refused(power, tmp_path):
    with pytest.raises(InputError, match=r"one of \.png, \.svg, \.pdf"):
        plot_fit(power, tmp_path / "fit.gif")
    with pytest.raises(InputError, match=r"between 0 and 1, and this one is 1\.5"):
        plot_fit(power, level=1.5)
    with pytest.raises(InputError, match=r"truth, scale: for curves only"):
        ms.plot(power, truth=PowerLawBinary(0.1, 0.4), scale="lin-lin")
    with pytest.raises(InputError, match=r"one by one: plot\(fit\)"):
        ms.plot([power, power])
    assert not list(tmp_path.iterdir())


def test_imports_are_late():
    """Curves are drawn without what fits take, fits without a window system, and fitting takes no matplotlib."""
    script = (
        "import sys, numpy as np, miscope as ms\n"
        "assert 'matplotlib' not in sys.modules\n"
        "ms.plot(ms.measure('to be or not to be ' * 50, lags='1:20', blocks=8))\n"
        "assert 'miscope.decay' not in sys.modules\n"
        "lags = np.arange(1.0, 40.0)\n"
        "ms.plot(ms.fit((lags, 0.1 / lags, 0.001 + 0 * lags), laws=['power law', 'exponential']))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_lags_are_alike_on_both_sides(exponential):
    """Numbers have the same commas, and lags the unit that provenance says."""
    found = dataclasses.replace(exponential, provenance={"source": {"unit": "word"}})
    axes = plot_fit(found)
    assert {each.get_xlabel() for each in axes[-1]} == {"lag (words)"}
    assert "words" in axes[0, 0].figure.get_suptitle()
    formats = [each.xaxis.get_major_formatter() for each in axes[0]]
    assert [each(8000, 0) for each in formats] == ["8,000", "8,000"]
    assert formats[1](2.5, 0) == "2.5"
    assert {each.get_xlabel() for each in plot_fit(exponential)[-1]} == {"lag (symbols)"}
