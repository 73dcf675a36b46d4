"""Networks drawn over their first steps, as text and as pictures."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import pytest

from models.describe import counted_calls
from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.series import Options as Series
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.network import build
from models.options import FeatureOptions, TaskOptions
from models.spec import NetworkOptions
from models.tasks.classify import Options as Classify
from models.tasks.tag import Options as Tag
from models.unrolled import Drawing, Shown, draw
from models.unrolled_figure import figure
from models.unrolled_text import fitted, text, width

REVIEW = {"review": Text(kind="text")}
MIXED = REVIEW | {"price": Numeric(kind="numeric"), "shop": Categorical(kind="categorical")}
TAGGED = {"words": Tokens(kind="tokens"), "wave": Series(kind="series", depth=2)}
CLASSIFY = Classify(kind="classify", label="mood")
TAG = Tag(kind="tag", label="slots", aligned_with="words")
SHOWN = {
    "review": Shown("text", ["not", "a", "bad", "film", "at", "all"]),
    "price": Shown("numeric", ["3.2"]),
    "shop": Shown("categorical", ["north"]),
    "words": Shown("tokens", ["from", "new", "york", "to", "boston"]),
    "wave": Shown("series", ["2 numbers"] * 2),
}
MOOD = Shown("mood", ["good"])
SLOTS = Shown("slots", ["O", "from", "from", "O", "to"])


@pytest.fixture(scope="module")
def drawn(plain_learnt: Callable) -> Callable[..., Drawing]:
    words = [f"word{number}" for number in range(5)]
    names = ("review", "shop", "words")
    learnt = plain_learnt({name: words for name in names} | {"label": ["a", "b", "c"]})

    def draw_network(
        features: Mapping[str, FeatureOptions], task: TaskOptions, **network: Any
    ) -> Drawing:
        options = NetworkOptions(units=4, embedding_size=3, **network)
        found = counted_calls(build(features, task, options, learnt))
        label = SLOTS if task.kind == "tag" else MOOD
        return draw(found, {name: SHOWN[name] for name in features}, label)

    return draw_network


BIDIRECTIONAL = """\
mood, as labelled                                  good
                                                     ↑
                                             ┌───────────────┐
dense 3, softmax                             │      [3]      │
                                             └───────────────┘
side by side [19]                                    │
                                                     ↑
                            ┌─────────────────────────────────────────────────┐
over time                   │             last step of forward, backward      │
                            │          mean of forward, backward, embedding   │
                            └─────────────────────────────────────────────────┘
                                ↑            ↑            ↑               ↑
                            ┌───────┐    ┌───────┐    ┌───────┐       ┌───────┐
LSTM 4 →                    │  →h1  │───→│  →h2  │───→│  →h3  │─ … ──→│  →h6  │
LSTM 4 ←                    │  ←h1  │←───│  ←h2  │←───│  ←h3  │←─ … ──│  ←h6  │
                            └───────┘    └───────┘    └───────┘       └───────┘
                                ↑            ↑            ↑               ↑
                            ┌───────┐    ┌───────┐    ┌───────┐       ┌───────┐
embedding 3                 │  [3]  │    │  [3]  │    │  [3]  │       │  [3]  │
                            └───────┘    └───────┘    └───────┘       └───────┘
                                ↑            ↑            ↑               ↑
review (text)                  not           a           bad             all
                               x1           x2           x3              x6"""


def squeezed(drawing: str) -> list[str]:
    """Lines without how wide their blanks are."""
    return [" ".join(line.split()) for line in drawing.splitlines()]


def test_bidirectional_network_with_shortcut(drawn: Callable) -> None:
    drawing = drawn(REVIEW, CLASSIFY, bidirectional=True, pooling=("last", "mean"), shortcut=True)
    shown = text(drawing)
    assert squeezed(shown) == squeezed(BIDIRECTIONAL)
    arrows = [[at for at, each in enumerate(line) if each == "↑"] for line in shown.splitlines()]
    assert [places for places in arrows if len(places) == 4] == [[32, 45, 58, 74]] * 3


def test_stack_reads_both_directions_side_by_side(drawn: Callable) -> None:
    lines = squeezed(text(drawn(MIXED, CLASSIFY, bidirectional=True, layers=2, cell="gru")))
    assert lines.count("GRU 4 → │ →h1 │───→│ →h2 │───→│ →h3 │─ … ──→│ →h6 │") == 2
    assert lines.count("GRU 4 ← │ ←h1 │←───│ ←h2 │←───│ ←h3 │←─ … ──│ ←h6 │") == 2
    assert "side by side [8] │ │ │ │" in lines
    assert "over time │ last step of forward, backward │" in lines
    # The other features stand below, and the network's top says that it reads them.
    top = lines.index("side by side [12] with │")
    assert lines[top + 1] == "price, shop │"
    assert lines.count("price (numeric) ↑ read above") == lines.count("price (numeric) 3.2") == 1
    assert "embedding 3 │ [3] │" in lines and "shop (categorical) north" in lines


def test_an_answer_stands_above_each_step(drawn: Callable) -> None:
    drawing = drawn(TAGGED, TAG, bidirectional=True, shortcut=True, pooling=("max",))
    assert drawing.answers == ("O", "from", "from", "to")
    assert [tower.name for tower in drawing.towers] == ["words (tokens)", "wave (series)"]
    lines = squeezed(text(drawing))
    assert lines[0] == "slots, as labelled O from from to"
    assert "dense 3, softmax │ [3] │ │ [3] │ │ [3] │ │ [3] │" in lines
    assert "beside each step with wave │ │ │ │" in lines
    assert "side by side [11] with │ │ │ │" in lines
    pooled = next(block for block in drawing.towers[1].blocks if block.form == "pool")
    assert [line.text for line in pooled.lines] == ["max of forward, backward, wave"]
    assert "wave (series) 2 numbers 2 numbers" in lines and "x1 x2" in lines


@pytest.mark.parametrize(
    "network, line",
    [
        ({"cell": "none"}, "dense 4, relu │ [4] │ │ [4] │ │ [4] │ │ [4] │"),
        ({"layers": 0}, "over time │ mean of embedding │"),
        ({"embedding_dropout": 0.5}, "dropout 0.5 │ │ │ │"),
        ({"dropout": 0.25}, "dropout 0.25 │"),
    ],
)
def test_other_networks(drawn: Callable, network: dict[str, Any], line: str) -> None:
    shown = text(drawn(REVIEW, CLASSIFY, pooling=("mean",), **network))
    assert line in squeezed(shown)
    recurrent = network.get("cell") != "none" and network.get("layers") != 0
    assert ("→" in shown) == recurrent


def test_network_without_a_sequence(drawn: Callable) -> None:
    drawing = drawn({"price": MIXED["price"], "shop": MIXED["shop"]}, CLASSIFY)
    lines = squeezed(text(drawing))
    assert lines[0] == "mood, as labelled good"
    assert "side by side [4] with shop │" in lines
    assert all(not tower.numbers for tower in drawing.towers)


def test_layers_of_a_users_own_are_bars() -> None:
    review = keras.Input((None, 3), name="review")
    length = keras.Input((), dtype="int32", name="review_length")
    mixed = keras.layers.Conv1D(4, 3, padding="same")(review)
    both = keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True))(mixed)
    added = keras.layers.Add()([mixed, both])
    summed = keras.layers.GlobalAveragePooling1D()(added)
    network = keras.Model({"review": review, "review_length": length}, summed)
    drawing = draw(counted_calls(network), {"review": SHOWN["review"]}, MOOD)
    assert [block.form for block in drawing.towers[0].blocks] == [
        "across",
        "steps",
        "through",
        "pool",
    ]
    lines = squeezed(text(drawing))
    assert "over all steps │ Conv1D 4 [4] │" in lines
    assert "sum with Conv1D │ │ │ │" in lines
    assert sum("│───→│" in line for line in lines) == sum("│←───│" in line for line in lines) == 1


CASES = [
    (REVIEW, CLASSIFY, {"bidirectional": True, "layers": 3, "pooling": ("mean", "max", "last")}),
    (MIXED, CLASSIFY, {"pooling": ("mean",), "cell": "none"}),
    (TAGGED, TAG, {"bidirectional": True}),
    ({"price": MIXED["price"]}, CLASSIFY, {}),
]


@pytest.mark.parametrize("features, task, network", CASES)
def test_text_fits_and_the_picture_is_there(
    drawn: Callable, tmp_path: Path, features: Any, task: Any, network: dict[str, Any]
) -> None:
    drawing = drawn(features, task, **network)
    assert max(width(line) for line in text(drawing).splitlines()) <= 80
    plain = text(drawing, plain=True)
    assert plain.isascii() and len(plain.splitlines()) == len(text(drawing).splitlines())
    file = tmp_path / "network.png"
    figure(drawing, "reviews").savefig(file)
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG")
    across, down = struct.unpack(">II", content[16:24])
    assert 600 < across < 4000 and 300 < down < 4000


def test_words_take_the_columns_that_they_have() -> None:
    assert fitted("antidisestablishment", 9) == "antidise…"
    assert width("日本") == 4 and fitted("日本日本日本", 9) == "日本日本…"
    assert fitted("a\tb\x1b", 9) == "a b "


def test_dollar_signs_are_no_mathematics(tmp_path: Path, drawn: Callable) -> None:
    drawing = drawn(REVIEW, CLASSIFY)
    priced = drawing._replace(answers=("$x_{",))
    figure(priced, "cost").savefig(tmp_path / "network.png")
    assert (tmp_path / "network.png").stat().st_size > 5000
