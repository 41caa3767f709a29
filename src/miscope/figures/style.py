"""What all figures share: colours, sizes of type, new figures, and writing them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from miscope.atomic import atomic_path
from miscope.errors import InputError

__all__ = ["COLOURS", "FORMATS", "MARKERS", "STYLE", "check_suffix", "new_figure", "save_figure"]

FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d")  # Okabe and Ito 2008
MARKERS = "osD^P*X<"
STYLE: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 10,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "miscope",
    "pdf.fonttype": 42,
}


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure (type by suffix) to a temporary name and rename it into place; the same input, the same bytes."""
    path = Path(path)
    check_suffix(path)
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}
    import matplotlib as mpl

    with atomic_path(path) as temporary, mpl.rc_context(STYLE):
        kind = path.suffix.lower()
        figure.savefig(temporary, format=kind[1:], dpi=200, bbox_inches="tight", metadata=undated[kind])


def check_suffix(path: Path) -> None:
    """Refuse a file type that no figure is written as."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"a figure is written as one of {', '.join(FORMATS)}, not {path.name!r}")


def new_figure(size: tuple[float, float]) -> Any:
    """An empty figure, in inches."""
    # Not through pyplot: a figure nobody keeps is then collected, and no window system is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
