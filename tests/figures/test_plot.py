"""Figures: what is drawn is what the curve says, and the same curve gives the same file."""

import dataclasses
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import miscope as ms
from miscope import InputError, figures

WHITE = to_rgba("white")


@pytest.fixture(scope="module")
def documents() -> list[np.ndarray]:
    """Sticky sequences: dependent at short lags, independent at long ones."""
    generator = np.random.default_rng(11)
    made = []
    for _ in range(32):
        fresh, stays = generator.integers(0, 3, 600), generator.random(600) < 0.75
        stays[0] = False
        made.append(fresh[np.maximum.accumulate(np.where(stays, 0, np.arange(600)))])
    return made


@pytest.fixture(scope="module")
def curve(documents):
    found = ms.measure(documents, "1:500", label="sticky")
    below = np.arange(len(found)) >= len(found) - 3  # the last three lags are set below the null, whatever was drawn
    mi, p_values = np.where(below, found.null - 2e-4, found.mi), np.where(below, 0.8, found.p_values)
    found = dataclasses.replace(found, mi=mi, p_values=p_values)
    assert 5 < found.significant().sum() < len(found) - 3
    assert (found.excess < 0).any()
    return found


@pytest.fixture(scope="module")
def composed(documents):
    return ms.measure(documents, "1:100", null="document", label="within documents")


def markers(axes, shape: str, hollow: bool | None = None) -> list[tuple[float, float]]:
    """Points drawn with markers of a shape, filled or hollow, in the order of lags."""
    points = []
    for line in axes.get_lines():
        is_hollow = to_rgba(line.get_markerfacecolor()) == WHITE
        if line.get_marker() == shape and hollow in (None, is_hollow):
            points += zip(line.get_xdata(), line.get_ydata(), strict=True)
    return sorted((float(x), float(y)) for x, y in points)


def pairs(lags, values) -> list[tuple[float, float]]:
    return [(float(lag), float(value)) for lag, value in zip(lags, values, strict=True)]


def dashed(axes) -> list:
    return [line for line in axes.get_lines() if line.get_linestyle() == "--"]


def legend(axes) -> list[str]:
    return [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]


def bars(axes) -> dict[float, tuple[float, float]]:
    segments = [segment for collection in axes.collections for segment in collection.get_segments()]
    return {float(low[0]): (float(low[1]), float(high[1])) for low, high in segments}


@pytest.mark.parametrize("scale", ["log-log", "lin-log", "log-lin", "lin-lin"])
def test_filled_is_significant_and_hollow_is_not(curve, scale):
    axes = ms.plot(curve, scale=scale)
    sure, lowest = curve.significant(), axes.get_ylim()[0]
    shown = curve.excess > lowest if scale.endswith("-log") else np.ones(len(curve), dtype=bool)
    assert markers(axes, "o", hollow=False) == pairs(curve.lags[sure & shown], curve.excess[sure & shown])
    assert markers(axes, "o", hollow=True) == pairs(curve.lags[~sure & shown], curve.excess[~sure & shown])


def test_every_lag_is_drawn_once(curve):
    axes = ms.plot(curve)
    assert sorted(x for shape in "ov" for x, _ in markers(axes, shape)) == curve.lags.tolist()


def test_values_at_or_below_zero_are_triangles_on_the_lower_edge(curve):
    axes = ms.plot(curve)
    triangles, lowest = markers(axes, "v"), axes.get_ylim()[0]
    below = curve.excess <= 0
    assert {x for x, _ in triangles} >= set(curve.lags[below].tolist())
    assert {y for _, y in triangles} == {lowest}
    for lag, _ in triangles:
        assert curve.excess[curve.lags == lag] <= lowest


def test_no_triangles_where_the_axis_is_linear(curve):
    axes = ms.plot(curve, scale="log-lin")
    assert markers(axes, "v") == []
    assert axes.get_ylim()[0] < curve.excess.min()


@pytest.mark.parametrize("level", [0.68, 0.95])
def test_bars_are_the_intervals(curve, level):
    drawn = bars(ms.plot(curve, scale="lin-lin", level=level))
    low, high = curve.interval(level, excess=True)
    assert drawn == {float(lag): (float(a), float(b)) for lag, a, b in zip(curve.lags, low, high, strict=True) if b > 0}


def test_bars_without_the_null_taken_away(curve):
    drawn = bars(ms.plot(curve, subtract_null=False))
    low, high = curve.interval()
    assert drawn[1.0] == (low[0], high[0])


def test_bars_of_values_below_zero_are_whole_on_a_linear_axis(curve):
    """An interval that lies below zero is no reason to leave its bar out."""
    moved = dataclasses.replace(curve, mi=curve.mi - 0.5)
    assert sorted(bars(ms.plot(moved, scale="lin-lin"))) == moved.lags.tolist()


def test_bars_on_a_logarithmic_axis_end_at_its_edge(curve):
    axes = ms.plot(curve)
    lowest = axes.get_ylim()[0]
    low, high = curve.interval(excess=True)
    for lag, (start, end) in bars(axes).items():
        (i,) = np.flatnonzero(curve.lags == lag)
        assert (start, end) == (max(low[i], lowest), high[i])


def test_no_bars_without_blocks(documents):
    bare = ms.measure(documents, "1:100", blocks=0, label="bare")
    axes = ms.plot(bare)
    assert bars(axes) == {}
    assert markers(axes, "o", hollow=True) == []
    assert len(markers(axes, "o", hollow=False)) + len(markers(axes, "v")) == len(bare)
    assert "not significant" not in legend(axes)


def test_the_floor_is_a_dashed_line(documents):
    curve = ms.measure([text[:60] for text in documents], "1:20", estimator="plug_in", blocks=8, label="short")
    axes = ms.plot(curve, scale="log-lin")
    (floor,) = dashed(axes)
    shown = ~np.isnan(floor.get_ydata())
    assert shown.any()
    np.testing.assert_array_equal(floor.get_xdata(), curve.lags)
    np.testing.assert_array_equal(floor.get_ydata()[shown], curve.null[shown])
    assert "chance floor (taken away):\nwhat chance alone would give" in legend(axes)
    assert floor.get_color() == axes.get_lines()[0].get_color()


def test_the_floor_of_a_document_null_is_chance(composed):
    axes = ms.plot(composed, scale="log-lin")
    for floor in dashed(axes):
        shown = ~np.isnan(floor.get_ydata())
        np.testing.assert_array_equal(floor.get_ydata()[shown], composed.chance[shown])


def test_no_floor_without_a_null(documents):
    axes = ms.plot(ms.measure(documents, "1:100", null="none"))
    assert dashed(axes) == []
    assert axes.get_ylabel() == "mutual information (nats)"


def test_several_curves(curve, composed):
    third = dataclasses.replace(curve, label="third")
    axes = ms.plot([curve, composed, third], scale="lin-lin")
    assert legend(axes)[:3] == ["sticky", "within documents", "third"]
    labelled = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    assert len({line.get_color() for line in labelled}) == 3
    assert len({line.get_marker() for line in labelled}) == 3
    assert "not significant" in legend(axes)


def test_an_iterator_of_curves(curve, composed):
    assert legend(ms.plot(each for each in (curve, composed)))[:2] == ["sticky", "within documents"]


def test_more_curves_than_colours(curve):
    axes = ms.plot([dataclasses.replace(curve, label=f"curve {k}") for k in range(9)])
    looks = {(line.get_color(), line.get_marker()) for line in axes.get_lines() if not line.get_label().startswith("_")}
    assert len(looks) == 9


def test_a_label_may_begin_with_an_underscore(curve):
    """Matplotlib hides such labels from legends; a file may well be named so."""
    assert "_private.txt" in legend(ms.plot(dataclasses.replace(curve, label="_private.txt")))


def test_labels_are_no_formulas(curve, tmp_path):
    ms.plot(dataclasses.replace(curve, label="prices $ and $\\nonsense$.txt"), tmp_path / "dollar.png")
    assert (tmp_path / "dollar.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("scale", "x", "y"),
    [
        ("log-log", "log", "log"),
        ("lin-log", "linear", "log"),
        ("log-lin", "log", "linear"),
        ("lin-lin", "linear", "linear"),
    ],
)
def test_scales(curve, scale, x, y):
    axes = ms.plot(curve, scale=scale)
    assert (axes.get_xscale(), axes.get_yscale()) == (x, y)


def test_axes_say_what_and_in_which_unit(curve, composed):
    assert ms.plot(curve).get_xlabel() == "lag (symbols)"
    assert ms.plot(curve).get_ylabel().replace("\n", " ") == "mutual information above chance (nats)"
    assert ms.plot(curve.in_bits()).get_ylabel().replace("\n", " ") == "mutual information above chance (bits)"
    assert ms.plot(composed).get_ylabel().replace("\n", " ") == "mutual information above chance and composition (nats)"
    assert ms.plot(curve, subtract_null=False).get_ylabel().replace("\n", " ") == "mutual information (nats)"
    assert ms.plot(curve, title="Sticky").get_title() == "Sticky"


@pytest.mark.parametrize(("quantity", "name"), [("rational", "rational mutual information"), ("correlation", "correl")])
def test_other_quantities_have_no_unit(documents, quantity, name):
    axes = ms.plot(ms.measure(documents, [1, 2, 4, 8], quantity=quantity))
    assert axes.get_ylabel().startswith(name)
    assert "nats" not in axes.get_ylabel()


@pytest.mark.parametrize("scale", ["log-log", "lin-log", "log-lin", "lin-lin"])
def test_a_single_lag_is_inside_the_axes(documents, scale):
    axes = ms.plot(ms.measure(documents, [5]), scale=scale)
    left, right = axes.get_xlim()
    assert left < 4.9
    assert right > 5.1
    bottom, top = axes.get_ylim()
    ((_, value),) = markers(axes, "o")
    assert bottom < value < top


def test_data_of_one_symbol(tmp_path):
    axes = ms.plot(ms.measure([0] * 300, "1:50"), tmp_path / "one.png")
    assert len(markers(axes, "v") + markers(axes, "o")) > 5


def test_axes_that_are_given(curve, tmp_path):
    figure = Figure()
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    assert ms.plot(curve, tmp_path / "both.png", ax=left) is left
    assert ms.plot(curve, ax=right, scale="lin-log") is right
    assert len(left.get_lines()) > 0
    assert right.get_xscale() == "linear"
    assert (tmp_path / "both.png").exists()


def test_axes_of_a_subfigure(curve, tmp_path):
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subfigures(1, 2)[0].add_subplot()
    ms.plot(curve, tmp_path / "part.svg", ax=axes)
    assert (tmp_path / "part.svg").read_text().rstrip().endswith("</svg>")


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_curve_gives_the_same_bytes(curve, composed, tmp_path, kind):
    for name in ("first", "second"):
        ms.plot([curve, composed], tmp_path / f"{name}.{kind}", title="Twice")
    first = (tmp_path / f"first.{kind}").read_bytes()
    assert first == (tmp_path / f"second.{kind}").read_bytes()
    assert len(first) > 5000


def test_text_in_svg_is_text(curve, tmp_path):
    ms.plot(curve, tmp_path / "a.svg", title="A & B < C")
    words = "".join(ElementTree.parse(tmp_path / "a.svg").getroot().itertext())
    for word in ("lag (symbols)", "sticky", "A & B < C"):
        assert word in words


@pytest.mark.parametrize(
    ("label", "title"),
    [("a label far too long for the width of a figure, " * 3, None), ("short", "a long title " * 12)],
)
def test_long_words_leave_room_for_the_data(curve, tmp_path, label, title):
    """The figure grows or the words wrap, but neither axes nor words are squeezed or cut off."""
    axes = ms.plot(dataclasses.replace(curve, label=label), tmp_path / "long.png", title=title)
    axes.figure.canvas.draw()
    renderer = axes.figure.canvas.get_renderer()
    width = axes.figure.bbox.width
    assert axes.get_window_extent(renderer).width > 0.6 * width
    assert axes.get_legend().get_window_extent(renderer).x0 >= 0
    assert axes.title.get_window_extent(renderer).width <= width


def test_the_vertical_label_fits_the_figure(curve, composed):
    axes = ms.plot([curve, composed])
    axes.figure.canvas.draw()
    extent = axes.yaxis.label.get_window_extent(axes.figure.canvas.get_renderer())
    assert extent.y0 >= 0
    assert extent.y1 <= axes.figure.bbox.height


def test_the_legend_covers_no_point(curve):
    noise = ms.measure(np.random.default_rng(0).integers(0, 4, 5000), "1:1000", label="noise")
    for each in (curve, noise):
        axes = ms.plot(each)
        axes.figure.canvas.draw()
        box = axes.get_legend().get_window_extent(axes.figure.canvas.get_renderer())
        points = [point for shape in "ov" for point in markers(axes, shape)]
        assert not any(box.contains(*axes.transData.transform(point)) for point in points)


@pytest.mark.parametrize("nothing", [[], (), iter([])])
def test_no_curves(nothing):
    with pytest.raises(InputError, match="nothing to plot: give at least one curve"):
        ms.plot(nothing)


@pytest.mark.parametrize("wrong", [[1, 2], "curve.json", 3, None])
def test_things_that_are_no_curves(wrong):
    with pytest.raises(InputError, match="draws curves, as measure"):
        ms.plot(wrong)


def test_units_do_not_mix(curve):
    with pytest.raises(InputError, match=r"different quantities or units.*in_bits"):
        ms.plot([curve, curve.in_bits()])


def test_quantities_do_not_mix(curve, documents):
    with pytest.raises(InputError, match="different quantities or units"):
        ms.plot([curve, ms.measure(documents, [1, 2], quantity="rational")])


def test_an_unknown_scale(curve, tmp_path):
    with pytest.raises(InputError, match=r"unknown scale 'loglog'; did you mean 'log-log'\?"):
        ms.plot(curve, tmp_path / "a.png", scale="loglog")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_that_is_none(curve, level):
    with pytest.raises(InputError, match="between 0 and 1"):
        ms.plot(curve, level=level)


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.gz", ".png"])
def test_an_unknown_type_of_file(curve, tmp_path, name):
    with pytest.raises(InputError, match=r"a figure is written as one of \.png, \.svg, \.pdf"):
        ms.plot(curve, tmp_path / name)
    with pytest.raises(InputError, match=r"a figure is written as one of"):
        figures.save_figure(Figure(), tmp_path / name)


def test_a_folder_that_is_not_there(curve, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        ms.plot(curve, tmp_path / "none" / "a.png")


def test_settings_stay_as_they_are(curve, tmp_path):
    before = dict(mpl.rcParams)
    ms.plot(curve, tmp_path / "a.svg")
    assert dict(mpl.rcParams) == before


def test_settings_of_the_user_do_not_change_the_data_ink(curve, tmp_path):
    ms.plot(curve, tmp_path / "plain.svg")
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "other", "axes.spines.top": True}):
        ms.plot(curve, tmp_path / "changed.svg")
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "changed.svg").read_bytes()


def test_no_global_state(tmp_path):
    """Pyplot, which keeps every figure and may look for a window system, stays out."""
    program = (
        "import sys, miscope as ms\n"
        "ms.plot(ms.measure('abcd' * 300, [1, 2, 3]), sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bar_holds_its_marker(documents):
    """Upper ends where nothing is seen may lie, ends both, far above the value."""
    curve = ms.measure(documents, "1:20", label="sticky")
    low, high = curve.interval(excess=True)
    far = dataclasses.replace(curve, mi=np.where(curve.lags >= 10, curve.null - 0.1, curve.mi))
    shifted = {"interval": lambda *_, **__: (low + 0.5, high + 0.5)}
    odd = type("Odd", (ms.MICurve,), shifted)(**{f.name: getattr(far, f.name) for f in dataclasses.fields(far)})
    drawn = bars(ms.plot(odd, scale="lin-lin"))
    for lag, value, end in zip(far.lags, far.excess, high + 0.5, strict=True):
        assert drawn[float(lag)] == (min(value, end - (high - low)[far.lags == lag][0]), end)
    assert drawn[10.0][0] == far.excess[far.lags == 10][0]


def test_triangles_are_explained(curve):
    assert "at or below the lower edge" in legend(ms.plot(curve))
    assert "at or below the lower edge" not in legend(ms.plot(curve, scale="lin-lin"))


def test_bars_of_several_curves_do_not_merge(curve):
    """Triangles have none, and those of hollow markers are pale; a curve alone keeps all of them."""
    axes = ms.plot([curve, dataclasses.replace(curve, label="again")])
    sure, shown = curve.significant(), curve.excess > axes.get_ylim()[0]
    strong, pale = ({float(each[0][0]) for each in found.get_segments()} for found in axes.collections[:2])
    assert strong == {*curve.lags[sure & shown].astype(float)}
    assert pale == {*curve.lags[~sure & shown].astype(float)}
    assert axes.collections[0].get_alpha() > axes.collections[1].get_alpha()
    alone = ms.plot(curve)
    high = curve.interval(excess=True)[1]
    assert {*bars(alone)} == {*curve.lags[high > alone.get_ylim()[0]].astype(float)}


@pytest.mark.parametrize(
    ("sources", "unit"),
    [
        ([{"unit": "word"}], "words"),
        ([{"unit": "character"}, {"unit": "word"}], "characters or words"),
        ([{"unit": "word"}, {}], "symbols"),
        ([{"gaps": {"usual_step": 86400.0}, "times": ["1/4/1999", "12/31/2018"]}], "days"),
        ([{"gaps": {"usual_step": 1.0}, "times": ["0", "5030"]}], "symbols"),  # numbers of an unknown unit
        ([{"gaps": {"usual_step": 7.5}}], "symbols"),
    ],
    ids=str,
)
def test_lags_are_in_the_unit_that_provenance_says(curve, sources, unit):
    curves = [dataclasses.replace(curve, provenance={"source": source}) for source in sources]
    assert ms.plot(curves).get_xlabel() == f"lag ({unit})"


def test_the_vertical_axis_is_named_in_one_line(curve, composed):
    for each in (curve, composed):
        axes = ms.plot(each)
        axes.figure.draw_without_rendering()
        assert "\n" not in axes.get_ylabel()
        box = axes.yaxis.label.get_window_extent()
        assert (box.y0 >= 0, box.y1 <= axes.figure.bbox.height) == (True, True)


@pytest.mark.parametrize("scale", ["log-log", "lin-log"])
def test_of_many_lags_some_are_drawn(documents, scale):
    curve = ms.measure(documents, np.arange(1, 501), blocks=8, label="many")
    axes = ms.plot(curve, scale=scale)
    drawn = sorted(x for shape in "ov" for x, _ in markers(axes, shape))
    assert drawn[0] == 1
    assert drawn[-1] == 500
    assert 100 < len(drawn) <= 250
    assert set(bars(axes)) <= set(drawn)
    assert f"{len(drawn)} of 500 lags drawn" in legend(axes)
    few = ms.plot(ms.measure(documents, np.arange(1, 301), blocks=8, label="few"))
    assert not any("lags drawn" in text for text in legend(few))


def test_the_legend_covers_no_marker_nor_bar(curve, composed):
    for curves in (curve, [curve, composed]):
        axes = ms.plot(curves)
        axes.figure.draw_without_rendering()
        assert axes.get_legend().get_window_extent().y1 < axes.xaxis.label.get_window_extent().y0
        assert axes.get_legend().get_window_extent().y0 >= 0


@pytest.mark.parametrize(
    ("lags", "wanted"), [("1:10", ["1", "2", "5", "10"]), ("1:500", ["1", "2", "5", "10", "20", "50", "100", "200"])]
)
def test_lags_are_plain_numbers(documents, lags, wanted):
    axes = ms.plot(ms.measure(documents, lags, label="sticky"))
    first, last = axes.get_xlim()
    axes.figure.draw_without_rendering()
    labels = axes.xaxis.get_majorticklabels()
    shown = [each.get_text() for each in labels if first <= each.get_position()[0] <= last]
    if last / first < 600:
        assert shown[: len(wanted)] == wanted
    else:
        assert shown == ["1", "10", "100"]
