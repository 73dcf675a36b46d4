"""Pictures of the arrays of insight: a row of a batch, its steps on the horizontal axis.

Every function takes the arrays of one sequence without its padding and gives a
``matplotlib.figure.Figure``, to be saved with ``savefig``.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.insight.activations import LayerActivations, LayerWeights

DOTS = 130
"""An inch."""
STEP_INCHES = 0.28
WIDEST = 24.0
MOST_NAMES = 80
NAME_CHARACTERS = 16
LONG_NAMES = 3
"""Characters of a step's name beyond which the names are turned on their side."""


def activations_figure(steps: Sequence[str], found: LayerActivations) -> Figure:
    """Hidden states and gates of a layer over the steps, a panel each.

    Args:
        steps: the steps' names, ``[time]``.
        found: arrays ``[time, units]``.
    """
    panels = {"hidden state": found.hidden} | found.gates
    figure = _figure(len(steps), 0.9 + 1.6 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        _heat(figure, ax, values.T, "activation (no unit)", "state")
        ax.set_title(name, fontsize=9, loc="left")
        ax.set_ylabel("unit")
    _name_steps(axes[-1], steps)
    figure.suptitle(found.layer, fontsize=10)
    return figure


def attribution_figure(steps: Sequence[str], shares: np.ndarray, title: str) -> Figure:
    """What each step contributed to an answer, bars upwards for it and downwards against it.

    Args:
        steps: the steps' names, ``[time]``.
        shares: nats, ``[time]``.
        title: says which answer.
    """
    figure = _figure(len(steps), 3.2)
    ax = figure.subplots()
    colours = np.where(shares >= 0, "#2166ac", "#b2182b")
    ax.bar(np.arange(len(steps)), shares, color=colours)
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_ylabel("integrated gradients\n(nats of log-probability)")
    ax.set_xlim(-0.6, len(steps) - 0.4)
    _name_steps(ax, steps)
    ax.set_title(title, fontsize=10, loc="left", parse_math=False)
    return figure


def step_attribution_figure(
    steps: Sequence[str], answers: Sequence[str], shares: np.ndarray, title: str
) -> Figure:
    """What each step contributed to the answer of each step.

    Args:
        steps: the steps' names, ``[time]``.
        answers: the answered steps' names, ``[answers]``.
        shares: nats, ``[answers, time]``.
        title: of the whole.
    """
    figure = _figure(len(steps), 1.6 + min(STEP_INCHES * len(answers), 14.0))
    ax = figure.subplots()
    _heat(figure, ax, shares, "integrated gradients\n(nats of log-probability)", "signed")
    _name_answers(ax, answers)
    ax.set_ylabel("answered step")
    _name_steps(ax, steps)
    ax.set_title(title, fontsize=10, loc="left", parse_math=False)
    return figure


def attention_figure(steps: Sequence[str], found: LayerWeights) -> Figure:
    """What a layer of attention looked at, a line a head, or a panel a head of one that answers
    each step.

    Args:
        steps: the steps' names, ``[time]``.
        found: weights ``[time]``, ``[heads, time]`` or ``[heads, step, time]``.
    """
    weights = found.weights
    panels = weights if weights.ndim == 3 else np.atleast_2d(weights)[None]
    high = float(np.clip(STEP_INCHES * panels.shape[1], 0.9, 8.0))
    figure = _figure(len(steps), 1.6 + (high + 0.4) * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for head, (ax, values) in enumerate(zip(axes, panels, strict=True)):
        _heat(figure, ax, values, "weight (share of 1)", "weight")
        if weights.ndim == 3:
            ax.set_title(f"head {head + 1}", fontsize=9, loc="left")
            _name_answers(ax, steps)
            ax.set_ylabel("looking step")
        else:
            ax.set_yticks(range(len(values)), [str(line + 1) for line in range(len(values))])
            ax.set_ylabel("head")
    _name_steps(axes[-1], steps)
    figure.suptitle(found.layer, fontsize=10)
    return figure


def caption_figure(
    pictures: np.ndarray, pieces: Sequence[str], weights: np.ndarray, cell: int, title: str
) -> Figure:
    """Where a decoder looked when it wrote each piece, over the picture, a panel a piece.

    Args:
        pictures: brightness from 0 to 1, ``[pictures, height, width, channels]``, side by side.
        pieces: as they were written, one at least.
        weights: ``[pieces, rows, columns]``, or ``[pieces, pictures, rows, columns]``; beyond the
            pictures there may be more.
        cell: pixels, along either side, that a weight is of.
        title: of the whole.
    """
    count, height, width, channels = pictures.shape
    if weights.ndim == 3:
        weights = weights[:, None]
    strip = np.concatenate(list(pictures), axis=1)
    shown = strip[:, :, 0] if channels == 1 else strip
    along = 1 if width * count > 2 * height else min(len(pieces), 4)
    down = -(-len(pieces) // along)
    wide = 6.5 if along == 1 else 2.2 * along
    panel = (wide / along) * height / (width * count)
    figure = Figure((wide + 0.9, (panel + 0.35) * down + 0.5), dpi=DOTS, layout="constrained")
    panels = figure.subplots(down, along, squeeze=False).ravel()
    top = float(weights.max(initial=0.0)) or 1.0
    drawn = None
    for ax, piece, looked in zip(panels, pieces, weights, strict=False):
        ax.imshow(np.clip(shown, 0.0, 1.0), cmap="gray", vmin=0.0, vmax=1.0)
        for place, of_picture in enumerate(looked[:count]):
            rows, columns = of_picture.shape
            left = place * width - 0.5
            drawn = ax.imshow(
                of_picture,
                cmap="autumn_r",
                vmin=0.0,
                vmax=top,
                alpha=0.75 * of_picture / top,
                interpolation="nearest",
                extent=(left, left + columns * cell, rows * cell - 0.5, -0.5),
            )
        ax.set_xlim(-0.5, width * count - 0.5)
        ax.set_ylim(height - 0.5, -0.5)
        ax.set_title(_plain(piece), fontsize=9, loc="left", parse_math=False)
    for ax in panels:
        ax.set_axis_off()
    figure.colorbar(drawn, ax=list(panels), pad=0.01).set_label("weight (share of 1)", fontsize=8)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def neighbours_figure(word: str, neighbours: Sequence[tuple[str, float]], title: str) -> Figure:
    """The nearest neighbours of a word and their cosines."""
    figure = Figure((6.0, 1.2 + 0.28 * len(neighbours)), dpi=DOTS, layout="constrained")
    ax = figure.subplots()
    places = np.arange(len(neighbours))
    ax.barh(places, [cosine for _, cosine in neighbours], color="#2166ac")
    ax.set_yticks(places, [_plain(other) for other, _ in neighbours], parse_math=False)
    ax.invert_yaxis()
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.set_xlabel("cosine of the embeddings (no unit)")
    ax.set_title(f"{title}: nearest to {word}", fontsize=10, loc="left", parse_math=False)
    return figure


def _figure(steps: int, height: float) -> Figure:
    width = float(np.clip(2.5 + STEP_INCHES * steps, 5.0, WIDEST))
    return Figure((width, height), dpi=DOTS, layout="constrained")


def _heat(figure: Figure, ax: Axes, values: np.ndarray, unit: str, kind: str) -> None:
    """A map of values ``[lines, time]``.

    Args:
        figure: that the colour bar is added to.
        ax: that is drawn on.
        values: what is drawn.
        unit: stands at the colour bar.
        kind: ``signed`` has two colours around 0; ``weight`` one from 0 to the largest; ``state``
            is the former where a value lies below 0, else one colour from 0 to at least 1.
    """
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    if kind == "signed" or (kind == "state" and values.min(initial=0.0) < 0.0):
        colours = {"cmap": "RdBu", "vmin": -largest, "vmax": largest}
    else:
        top = max(1.0, largest) if kind == "state" else largest
        colours = {"cmap": "viridis", "vmin": 0.0, "vmax": top}
    image = ax.imshow(values, aspect="auto", interpolation="nearest", **colours)
    figure.colorbar(image, ax=ax, pad=0.01).set_label(unit, fontsize=8)


def _name_steps(ax: Axes, steps: Sequence[str]) -> None:
    shown = _shown(steps)
    turned = any(len(_plain(steps[place])) > LONG_NAMES for place in shown)
    ax.set_xticks(
        shown,
        [_plain(steps[place]) for place in shown],
        rotation=90 if turned else 0,
        fontsize=8,
        parse_math=False,
    )
    ax.set_xlabel("step")


def _name_answers(ax: Axes, answers: Sequence[str]) -> None:
    shown = _shown(answers)
    names = [_plain(answers[place]) for place in shown]
    ax.set_yticks(shown, names, fontsize=8, parse_math=False)


def _shown(names: Sequence[str]) -> list[int]:
    """Places of the names that find room."""
    return list(range(0, len(names), -(-len(names) // MOST_NAMES) or 1))


def _plain(name: str) -> str:
    """A name that fits beside an axis."""
    line = " ".join(name.split()) or "·"
    return line[: NAME_CHARACTERS - 1] + "…" if len(line) > NAME_CHARACTERS else line
