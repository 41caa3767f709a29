"""Figures of reach and couplings: what is drawn is what the results say."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy import special

import miscope as ms
from miscope import InputError
from miscope.figures.models import plot_couplings, plot_reach
from miscope.probing.couplings import Couplings
from miscope.probing.reach import Reach, reach

LAGS = np.array([1, 2, 4, 8, 16, 32, 64])


@pytest.fixture(scope="module")
def measured():
    data = ms.processes.PowerLawBinary(amplitude=0.1, exponent=0.4)
    chain = ms.processes.IsingChain(coupling=0.6)
    return reach(data, ms.measure(chain.sample(64, 512, seed=1), lags=[1, 2, 3, 4, 6, 8, 12], label="chain"))


def made(**fields):
    """A result whose numbers are plain to see."""
    n = len(LAGS)
    ratio = np.array([1.0, 0.95, 0.9, 0.7, 0.3, 0.1, -0.02])
    values = {
        "lag": 11.0,
        "low": 9.0,
        "high": 14.0,
        "level": 0.95,
        "factor": 0.5,
        "bound": "",
        "lags": LAGS,
        "ratio": ratio,
        "ratio_stderr": np.full(n, 0.05),
        "smoothed": ratio,
        "used": np.ones(n, bool),
        "data": np.full(n, 0.1),
        "data_stderr": np.full(n, 0.001),
        "model": 0.1 * ratio,
        "model_stderr": np.full(n, 0.005),
        "unit": "nats",
        "labels": ("the data", "LSTM 8"),
    }
    return Reach(**values | fields)


def coupled(values=(1.2, -0.4, 0.1, 0.0), signed=True, **fields):
    values = np.asarray(values, float)
    tables = np.zeros((len(values), 2, 2)) if signed else None
    lags = np.arange(1, len(values) + 1)
    return Couplings(**{
        "lags": lags, "values": values, "stderr": np.full(len(values), 0.02), "tables": tables,
        "n_contexts": 64, "context": 32, "label": "GRU 4",
    } | fields)  # fmt: skip


def points(axes, marker):
    """Of all lines with this marker: numbers, in one array."""
    lines = [line for line in axes.get_lines() if line.get_marker() == marker and len(line.get_xdata())]
    return np.concatenate([np.array(line.get_xydata()) for line in lines]) if lines else np.empty((0, 2))


def named(axes, gid):
    return [each for each in (*axes.get_lines(), *axes.patches) if each.get_gid() == gid]


class TestReach:
    def test_what_is_drawn(self):
        above, below = plot_reach(made())
        np.testing.assert_allclose(points(above, "o"), np.stack([LAGS, np.full(7, 0.1)], 1))
        np.testing.assert_allclose(points(above, "s"), np.stack([LAGS, made().model], 1)[:6])
        np.testing.assert_allclose(points(above, "v")[:, 0], [64])  # a value below zero
        np.testing.assert_allclose(points(below, "s"), np.stack([LAGS, made().ratio], 1)[:6])
        np.testing.assert_allclose(points(below, "v"), [[64, 0]])
        (line,) = named(below, "reach")
        assert set(line.get_xdata()) == {11.0}
        (span,) = named(below, "interval")
        assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((9.0, 14.0))
        (factor,) = named(below, "factor")
        assert set(factor.get_ydata()) == {0.5}
        assert [text.get_text() for text in above.get_legend().get_texts()] == ["the data", "LSTM 8"]
        assert above.get_ylabel() == "mutual information (nats)"

    def test_intervals_have_the_level(self):
        _, below = plot_reach(made(level=0.5))
        segments = next(each for each in below.collections if hasattr(each, "get_segments")).get_segments()
        np.testing.assert_allclose(segments[2][:, 1], 0.9 + special.ndtri(0.75) * 0.05 * np.array([-1, 1]))

    def test_heading(self):
        figure = plot_reach(made())[0].figure
        assert figure.get_suptitle().replace("\n", " ") == made().sentence
        assert plot_reach(made(), title="mine")[0].figure.get_suptitle() == "mine"
        assert plot_reach([made(), made()])[0].figure.get_suptitle() == ""
        long = made(labels=("War and Peace by the word, all of it", "a model of $10 and more words than fit"))
        lines = plot_reach(long)[0].figure.get_suptitle().split("\n")
        assert lines[-1] == "(95 %: 9 to 14)"
        assert r"\$10" in " ".join(lines)

    @pytest.mark.parametrize(("bound", "marker"), [("at least", ">"), ("less than", "<")])
    def test_bounds_are_arrows(self, bound, marker):
        found = made(bound=bound, lag=64.0, low=40.0, high=np.inf)
        _, below = plot_reach(found)
        (arrow,) = named(below, "reach")
        assert arrow.get_marker() == marker
        assert arrow.get_xydata().tolist() == [[64.0, 0.5]]
        (span,) = named(below, "interval")
        assert span.get_x() + span.get_width() == pytest.approx(below.get_xlim()[1])

    def test_lags_left_out_are_pale(self):
        used = LAGS < 30
        _, below = plot_reach(made(used=used, smoothed=np.where(used, made().ratio, np.nan)))
        pale = [line for line in below.get_lines() if line.get_alpha() == 0.3 and len(line.get_xdata())]
        np.testing.assert_allclose(np.concatenate([line.get_xdata() for line in pale]), [32])

    def test_far_ratios_are_at_the_edge(self):
        ratio = np.array([1.0, 5.0, 0.9, 0.7, 0.3, 0.1, 0.0])
        _, below = plot_reach(made(ratio=ratio))
        (point,) = points(below, "^")
        assert point.tolist() == [2, below.get_ylim()[1]]
        assert below.get_ylim()[1] < 2

    def test_several_of_the_same_data(self):
        other = made(labels=("the data", "GRU 8"), lag=20.0)
        above, below = plot_reach([made(), other])
        assert [text.get_text() for text in above.get_legend().get_texts()] == ["the data", "LSTM 8", "GRU 8"]
        lines = named(below, "reach")
        assert [line.get_xdata()[0] for line in lines] == [11.0, 20.0]
        assert to_rgba(lines[0].get_color()) != to_rgba(lines[1].get_color())

    def test_exact_curves_are_lines(self, measured):
        above, _ = plot_reach(measured)
        (line,) = [line for line in above.get_lines() if line.get_linestyle() == "-"]
        np.testing.assert_allclose(line.get_ydata(), measured.data)

    def test_nothing_makes_the_figure_tall(self, measured, tmp_path):
        """Pictures are cut to what is drawn: nothing may lie outside the axes."""
        import matplotlib.image

        for name, each in (("measured", measured), ("made", made()), ("bound", made(bound="at least", high=np.inf))):
            path = tmp_path / f"{name}.png"
            plot_reach(each, path)
            height, width = matplotlib.image.imread(path).shape[:2]
            assert 0.8 < height / width < 1.1

    def test_the_same_bytes(self, measured, tmp_path):
        """Of all kinds of files, see test_plot.py."""
        paths = [tmp_path / f"{name}.svg" for name in "ab"]
        for path in paths:
            plot_reach(measured, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()

    def test_errors(self, tmp_path):
        with pytest.raises(InputError, match="give at least one result of reach"):
            plot_reach([])
        with pytest.raises(InputError, match="a figure is written as one of"):
            plot_reach(made(), tmp_path / "a.bmp")
        with pytest.raises(InputError, match="different units, factors or levels"):
            plot_reach([made(), made(unit="bits")])


class TestCouplings:
    def test_signed(self):
        axes = plot_couplings(coupled())
        np.testing.assert_allclose(points(axes, "o"), [[1, 1.2], [2, -0.4], [3, 0.1], [4, 0]])
        segments = axes.collections[0].get_segments()
        np.testing.assert_allclose(segments[1][:, 1], -0.4 + 1.959964 * 0.02 * np.array([-1, 1]), rtol=1e-6)
        assert axes.get_ylabel() == "change of log-odds (nats)"
        assert axes.get_xscale() == "log"
        assert axes.get_yscale() == "linear"

    def test_sizes(self):
        axes = plot_couplings(coupled(), scale="log-log")
        hollow = [
            line for line in axes.get_lines() if line.get_marker() == "o" and line.get_markerfacecolor() == "white"
        ]
        np.testing.assert_allclose(np.concatenate([line.get_xydata() for line in hollow]), [[2, 0.4]])
        np.testing.assert_allclose(points(axes, "v")[:, 0], [4])
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["GRU 4", "negative"]
        assert axes.get_ylim()[1] < 10

    def test_several(self):
        axes = plot_couplings([coupled(), coupled(label="LSTM 4")], title="two")
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["GRU 4", "LSTM 4"]
        assert axes.get_title() == "two"

    def test_more_symbols(self):
        axes = plot_couplings(coupled((1.0, 0.5), signed=False, stderr=np.array([0.1, np.nan])))
        assert axes.get_ylabel().startswith("root mean square")
        assert len(axes.collections[0].get_segments()) == 1

    def test_into_axes_and_a_file(self, tmp_path):
        axes = plot_couplings(coupled())
        assert plot_couplings(coupled(label="again"), tmp_path / "both.png", ax=axes) is axes
        assert (tmp_path / "both.png").stat().st_size > 1000

    def test_errors(self):
        with pytest.raises(InputError, match="give at least one result of couplings"):
            plot_couplings([])
        with pytest.raises(InputError, match="did you mean 'log-log'"):
            plot_couplings(coupled(), scale="loglog")
        with pytest.raises(InputError, match="a confidence level lies between 0 and 1"):
            plot_couplings(coupled(), level=95)
