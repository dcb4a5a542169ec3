"""Plots as SVG: the same bytes for the same data, readable in print and for the colour-blind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SVG_BYTES_MAX: Final = 100_000

# The palette of Okabe and Ito. Lines also differ by dashes and markers, for print without colour.
_COLOURS: Final = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES: Final = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 2)))
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot over one pair of axes."""

    name: str
    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_log: bool = False
    y_log: bool = False
    markers: bool = True

    def write(self, folder: Path) -> Path:
        """Write ``<name>.svg``; AssertionError if it is larger than the limit for committed files."""
        pyplot = _pyplot()
        figure, axes = pyplot.subplots(figsize=(7.0, 3.8), layout="constrained")
        for index, series in enumerate(self.series):
            axes.plot(
                series.x,
                series.y,
                label=series.name,
                color=_COLOURS[index % len(_COLOURS)],
                linestyle=_DASHES[index % len(_DASHES)],
                marker=_MARKERS[index % len(_MARKERS)] if self.markers else None,
                markersize=4,
                linewidth=1.6,
            )
        axes.set_title(self.title, fontsize=11, pad=10)
        axes.set(xlabel=self.x_label, ylabel=self.y_label)
        if self.x_log:
            axes.set_xscale("log", base=2)
            _plain_numbers(axes.xaxis)
        if self.y_log:
            axes.set_yscale("log")
            _plain_numbers(axes.yaxis, between=(1, 2, 5))
        else:
            axes.set_ylim(bottom=0)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if len(self.series) > 1:
            figure.legend(loc="outside right upper", frameon=False, fontsize=9)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.svg"
        # No date and no random ids: the same data gives the same file, and a diff shows what changed.
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
        size = path.stat().st_size
        assert size <= SVG_BYTES_MAX, f"{path.name} has {size} bytes"
        return path


def _plain_numbers(axis: Any, between: tuple[int, ...] = (1,)) -> None:
    """Write 1,024 on a logarithmic axis instead of a power; ticks at these multiples of each power."""
    from matplotlib import ticker  # noqa: PLC0415 - see _pyplot

    base = axis.get_transform().base
    axis.set_major_locator(ticker.LogLocator(base=base, subs=between, numticks=20))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _pyplot() -> Any:
    """Import the library late: most parts and tests need no plots."""
    import matplotlib as mpl  # noqa: PLC0415 - see above

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.family": "sans-serif"})
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend

    return plt
