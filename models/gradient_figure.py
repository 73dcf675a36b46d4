"""The picture of the gradient by lag: a line an epoch, logarithmic, a panel a recurrent layer."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

MOST_LINES = 6


def draw(records: Mapping[str, Mapping[str, Mapping[str, Any]]], what: str = "hidden") -> Figure:
    """Norms by lag.

    Args:
        records: by line (such as ``epoch 1``), each as ``models.gradients.to_json`` gives it.
            Of more than six lines the first, the last and some between them are drawn.
        what: ``hidden`` or ``state``.
    """
    lines = list(records)
    if len(lines) > MOST_LINES:
        picked = np.unique(np.linspace(0, len(lines) - 1, MOST_LINES).round().astype(int))
        lines = [lines[index] for index in picked]
    layers = list(dict.fromkeys(layer for line in lines for layer in records[line]))
    columns = min(2, len(layers))
    rows = math.ceil(len(layers) / columns)
    figure = Figure(figsize=(6.0 * columns + 1.0, 4.0 * rows), layout="constrained", dpi=100)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(lines)))
    for panel, layer in zip(panels, layers, strict=False):
        for line, colour in zip(lines, colours, strict=True):
            if layer not in records[line]:
                continue
            norms = np.array(records[line][layer][what], float)
            # A norm of zero, or of no row, has no place on a logarithmic axis.
            panel.plot(np.where(norms > 0.0, norms, np.nan), color=colour, label=line)
        panel.set_yscale("log")
        panel.set_title(layer)
        panel.set_xlabel("lag (timesteps before the last)")
        taken = dict.fromkeys(
            records[line][layer]["of"] for line in lines if layer in records[line]
        )
        symbol = " or ".join(taken) if what == "hidden" else "state"
        panel.set_ylabel(
            f"norm of d loss / d {symbol}, mean over rows\n(loss per unit of {symbol})"
        )
        panel.grid(True, which="major", alpha=0.3)
        panel.legend()
    for panel in panels[len(layers) :]:
        panel.remove()
    return figure
