"""The figure of a training: what is drawn are the numbers of its history."""

from types import SimpleNamespace

import numpy as np
import pytest

from miscope.errors import InputError
from miscope.figures.history import plot_history


def trained(label="LSTM 16", loss=(0.7, 0.6, 0.5), valid=(0.68, 0.55, 0.58), rate=0.45):
    valid = np.array(valid)
    best = None if np.isnan(valid).all() else int(np.nanargmin(valid))

    class History(SimpleNamespace):
        def __len__(self):
            return len(self.loss)

    steps = np.arange(1, len(loss) + 1) * 10
    return SimpleNamespace(
        label=label, entropy_rate=rate, history=History(steps=steps, loss=np.array(loss), valid=valid, best=best)
    )


def lines(axes, name):
    return [np.column_stack(line.get_data()).tolist() for line in axes.get_lines() if line.get_gid() == name]


def words(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_losses_the_best_and_the_entropy_rate():
    axes = plot_history(trained())
    assert lines(axes, "loss") == [[[10, 0.7], [20, 0.6], [30, 0.5]]]
    assert lines(axes, "held out") == [[[10, 0.68], [20, 0.55], [30, 0.58]]]
    assert lines(axes, "best") == [[[20, 0.55]]]
    assert [line[0][1] for line in lines(axes, "entropy rate")] == [0.45]
    assert words(axes) == ["LSTM 16", "held out", "entropy rate"]
    assert axes.get_ylim()[0] < 0.45 < 0.7 < axes.get_ylim()[1]


def test_what_is_not_there_is_not_explained():
    axes = plot_history(trained(valid=[np.nan] * 3, rate=None))
    assert words(axes) == ["LSTM 16"]
    assert lines(axes, "best") == lines(axes, "entropy rate") == []


def test_several_have_their_colours_and_one_entropy_rate():
    axes = plot_history([trained(), trained("GRU 8")])
    assert words(axes) == ["LSTM 16", "GRU 8", "held out", "entropy rate"]
    assert len(lines(axes, "entropy rate")) == 1
    assert len({line.get_color() for line in axes.get_lines() if line.get_gid() == "loss"}) == 2


def test_one_evaluation_is_seen():
    (line,) = [each for each in plot_history(trained(loss=[0.5], valid=[0.5])).get_lines() if each.get_gid() == "loss"]
    assert line.get_marker() == "_"


def test_the_same_bytes(tmp_path):
    """Of all kinds of files, see test_plot.py."""
    for name in ("one", "two"):
        plot_history(trained("with $ in it"), tmp_path / f"{name}.svg", title="A title")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.svg").stat().st_size > 1000


def test_what_cannot_be_drawn(tmp_path):
    with pytest.raises(InputError, match=r"\.png, \.svg, \.pdf"):
        plot_history(trained(), tmp_path / "loss.jpg")
    with pytest.raises(InputError, match="the history is empty"):
        plot_history(trained(loss=[], valid=[]))
    with pytest.raises(InputError, match="the history is empty"):
        plot_history([])
    with pytest.raises(InputError, match=r"a trained model, as train\(\) returns it, has a history; a str has none"):
        plot_history(["model"])
