"""Neighbours, and pictures that say what stands on their axes."""

import io

import matplotlib.figure
import numpy as np
import pytest

from models.insight import figures
from models.insight.activations import LayerActivations, LayerWeights
from models.insight.neighbours import nearest

STEPS = ["the", "$x_1$", "cat", "", "a\nline", "incomprehensibilities"]
NAMES = ["the", "$x_1$", "cat", "·", "a line", "incomprehensibi…"]
RANDOM = np.random.default_rng(0)


def drawn(figure: matplotlib.figure.Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def texts(figure: matplotlib.figure.Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


HIDDEN = LayerActivations(
    "text.forward.0", RANDOM.normal(size=(6, 5)), {"input gate": RANDOM.uniform(size=(6, 5))}
)
FIGURES = {
    "activations": (
        lambda: figures.activations_figure(STEPS, HIDDEN),
        {"hidden state", "input gate", "unit", "activation (no unit)", "text.forward.0"},
    ),
    "attribution": (
        lambda: figures.attribution_figure(STEPS, RANDOM.normal(size=6), "a $ b $"),
        {"integrated gradients\n(nats of log-probability)", "a $ b $"},
    ),
    "attribution of steps": (
        lambda: figures.step_attribution_figure(STEPS, ["A", "B"], RANDOM.normal(size=(2, 6)), "t"),
        {"integrated gradients\n(nats of log-probability)", "A", "B", "answered step"},
    ),
    "attention": (
        lambda: figures.attention_figure(STEPS, LayerWeights("text.attention", np.eye(6)[0])),
        {"weight (share of 1)", "head", "text.attention"},
    ),
    "attention of steps": (
        lambda: figures.attention_figure(STEPS, LayerWeights("block", np.ones((2, 6, 6)) / 6)),
        {"weight (share of 1)", "head 1", "head 2", "looking step", "block"},
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_names_steps_axes_and_units(name: str) -> None:
    make, expected = FIGURES[name]
    figure = make()
    assert drawn(figure).startswith(b"\x89PNG")
    assert expected | {"step", *NAMES} <= texts(figure)


def test_many_steps_are_named_as_far_as_there_is_room() -> None:
    steps = [str(number) for number in range(500)]
    figure = figures.attribution_figure(steps, np.zeros(500), "flat")
    (ax,) = figure.axes
    assert len(ax.get_xticks()) <= figures.MOST_NAMES
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        str(int(place)) for place in ax.get_xticks()
    ]
    assert figure.get_figwidth() == figures.WIDEST


@pytest.mark.parametrize(
    ("pictures", "weights"),
    [((1, 6, 40, 1), (2, 2, 10)), ((1, 8, 8, 3), (2, 2, 2)), ((2, 6, 8, 1), (2, 3, 2, 2))],
)
def test_a_caption_is_drawn_over_its_pictures(pictures: tuple, weights: tuple) -> None:
    looked = RANDOM.uniform(size=weights)
    figure = figures.caption_figure(
        RANDOM.uniform(size=pictures), ["one", "$x_1$"], looked, 4, "one $x_1$"
    )
    assert drawn(figure).startswith(b"\x89PNG")
    assert {"one", "$x_1$", "one $x_1$", "weight (share of 1)"} <= texts(figure)
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert len(panels) == 2
    # The picture, and over it what was looked at of each of the pictures that are there.
    assert all(len(ax.images) == 1 + pictures[0] for ax in panels)


def test_neighbours_are_ranked_by_cosine() -> None:
    vectors = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 3.0], [-1.0, 0.0], [0.0, 0.0]])
    found = nearest(vectors, 0, 9)
    assert [row for row, _ in found] == [1, 2, 4, 3]
    np.testing.assert_allclose(
        [cosine for _, cosine in found], [2.0 / np.hypot(2.0, 0.1), 0.0, 0.0, -1.0]
    )
    assert nearest(vectors, 4, 1)[0][1] == 0.0
    figure = figures.neighbours_figure("cat", [("dog", 0.9), ("$", -0.1)], "text.embedding")
    assert drawn(figure).startswith(b"\x89PNG")
    assert {"dog", "$", "cosine of the embeddings (no unit)"} <= texts(figure)
