"""The picture of a metric by name, such as by length: a line a model, and the rows of each."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

Table = Mapping[str, Mapping[str, float]]


def draw(tables: Mapping[str, Table], metric: str, what: str) -> Figure:
    """A metric of several models by name.

    Args:
        tables: by model, each with a row by name, ``count`` and the metric among its figures.
        metric: which figure is drawn.
        what: the names are of.
    """
    names = sorted({name for table in tables.values() for name in table})
    counts = [
        max(int(table[name]["count"]) for table in tables.values() if name in table)
        for name in names
    ]
    places = np.arange(len(names))
    figure = Figure(figsize=(7.5, 4.5), layout="constrained", dpi=110)
    panel = figure.subplots()
    colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(tables)))
    for (model, table), colour in zip(tables.items(), colours, strict=True):
        values = [table[name][metric] if name in table else np.nan for name in names]
        panel.plot(places, values, marker="o", color=colour, label=model)
    panel.set_xticks(
        places, [f"{name}\n{count} rows" for name, count in zip(names, counts, strict=True)]
    )
    panel.set_xlabel(what)
    panel.set_ylabel(metric)
    panel.set_ylim(bottom=0.0)
    panel.grid(True, axis="y", alpha=0.3)
    panel.legend()
    return figure
