"""How the plots of scores look, and how they become files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfrecords_builder.atomic import atomic_write

BLUE, GREEN, RED, GREY, DARK = "#2f5fa8", "#1a7f5a", "#c2452d", "#9aa3ad", "#30343b"
CELLS = "Blues"


def new_figure(
    panels: int = 1, *, width: float = 6.8, height: float = 4.4, ratios: Sequence[float] | None = None
) -> tuple[Any, list[Any]]:
    """Returns a figure without global state and its panels, side by side.

    Args:
        panels: how many.
        width: of a panel, in inches of 120 pixels.
        height: of the figure, in inches.
        ratios: of the panels' widths; equal if None.
    """
    # Imported here: most callers of the scores plot nothing.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * panels, height), layout="constrained")
    grid = figure.add_gridspec(1, panels, width_ratios=ratios)
    axes = [figure.add_subplot(grid[0, place]) for place in range(panels)]
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_axisbelow(True)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Writes a figure as PNG; equal numbers give equal bytes.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_write(path, "wb") as file:
        # The writer's version would make the bytes depend on it.
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
