"""A network over its first time steps, as data: ``unrolled_text`` and ``unrolled_figure`` draw it.

Each feature is a tower of blocks, from its inputs upwards; what reads several features stands on
top.  It is made from the calls of any Keras model (``models.describe.counted_calls``).  Layers
whose inner working is not known are drawn as a bar over all steps.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import keras

from models.describe import CountedCall
from models.layers.sequence import BesideSteps, ReverseSequence, ZeroPadding

FIRST = 3
"""Steps that are drawn at the beginning of a longer row; the last one stands behind them."""
LENGTH = "_length"

Direction = Literal["", "right", "left"]
Form = Literal["steps", "through", "across", "pool", "vector", "line"]
"""Of a block: a box at each step; nothing but its name at each step; a box over all steps; one that
makes them one vector; a box of a vector; nothing but its name on a vector's way."""

POINTWISE = (
    keras.layers.Dense,
    keras.layers.Embedding,
    keras.layers.LayerNormalization,
    keras.layers.TimeDistributed,
    keras.layers.BatchNormalization,
)
NAMES = {
    "Add": "sum",
    "BesideSteps": "beside each step",
    "Concatenate": "side by side",
    "Dense": "dense",
    "Embedding": "embedding",
    "LastPooling": "last step",
    "LayerNormalization": "layer norm",
    "MaxPooling": "max",
    "MeanPooling": "mean",
    "Reshape": "as a vector",
    "SimpleRNN": "simple RNN",
}


class Shown(NamedTuple):
    """What stands at an input or at the answer.

    Attributes:
        kind: of the feature, or the name of the label.
        steps: a text for each step, or one.
    """

    kind: str
    steps: list[str]


class Line(NamedTuple):
    """A line of a block: its name, and the way its state goes."""

    text: str
    direction: Direction = ""


class Block(NamedTuple):
    """A layer, or several that read the same.

    Attributes:
        form: how it is drawn.
        lines: a name each.
        units: width of its result, ``[64]``.
    """

    form: Form
    lines: tuple[Line, ...]
    units: str = ""

    @property
    def has_time(self) -> bool:
        """Whether its result is one of each step."""
        return self.form in ("steps", "through", "across")


class Tower(NamedTuple):
    """A feature.

    Attributes:
        name: of the feature, with its kind.
        inputs: what stands at the drawn steps, or the one value.
        numbers: of the drawn steps, from 1; empty if there is no time.
        blocks: from the input upwards.
    """

    name: str
    inputs: tuple[str, ...]
    numbers: tuple[int, ...]
    blocks: tuple[Block, ...]


class Drawing(NamedTuple):
    """A network.

    Attributes:
        towers: a feature each; the one that ``top`` stands on comes first.
        top: blocks that read several features.
        answers: an answer at each drawn step of the first tower, or one.
        answer: what is answered.
    """

    towers: tuple[Tower, ...]
    top: tuple[Block, ...]
    answers: tuple[str, ...]
    answer: str


def draw(calls: Sequence[CountedCall], shown: Mapping[str, Shown], label: Shown) -> Drawing:
    """Draws a network.

    Args:
        calls: of the network.
        shown: what stands at the inputs, by feature.
        label: what stands at the answers; its kind is the name.
    """
    plan = _Plan(calls, shown)
    for place, call in enumerate(calls):
        if not call.is_input:
            plan.add(place, call)
    last = len(calls) - 1
    first = plan.base(last)
    # Towers of features that the network reads, as a user's own may leave some out.
    names = [name for name in shown if name in plan.read]
    names.sort(key=lambda name: name != first)
    numbers = {name: _numbers(len(shown[name].steps)) for name in names}
    towers = []
    for name in names:
        kept = numbers[name] if plan.timed(name) else ()
        inputs = [shown[name].steps[number - 1] for number in kept or (1,)]
        title = f"{name} ({shown[name].kind})"
        towers.append(Tower(title, tuple(inputs), kept, plan.blocks(name)))
    at_steps = calls[last].has_time and names
    kept = numbers[names[0]] if at_steps else (1,)
    answers = [label.steps[n - 1] if n <= len(label.steps) else "" for n in kept]
    return Drawing(tuple(towers), plan.blocks(None), tuple(answers), label.kind)


def _numbers(steps: int) -> tuple[int, ...]:
    return tuple(range(1, steps + 1)) if steps <= FIRST + 1 else (*range(1, FIRST + 1), steps)


class _Plan:
    """Blocks as they are added; a place is a feature's name, or None for what reads several."""

    def __init__(self, calls: Sequence[CountedCall], shown: Mapping[str, Shown]):
        self._calls = calls
        self._features: list[set[str]] = []
        self._blocks: dict[str | None, list[Block]] = {name: [] for name in (*shown, None)}
        self._pools: dict[str | None, list[tuple[str, str]]] = {}
        self._runs: dict[tuple[int, ...], int] = {}
        # Of each call: where its block is, what it is called as a source, whether it is reversed.
        self._block_of: dict[int, tuple[str | None, int]] = {}
        self._names: dict[int, str] = {}
        self._reversed: dict[int, bool] = {}
        for place, call in enumerate(calls):
            if call.is_input:
                feature = call.name.removesuffix(LENGTH) if call.name not in shown else call.name
                self._features.append({feature})
                self._block_of[place] = (feature, -1)
                self._names[place] = feature
            else:
                self._features.append(set().union(*(self._features[s] for s in call.sources)))

    @property
    def read(self) -> set[str]:
        """The features that the network reads."""
        return set().union(*self._features)

    def timed(self, name: str) -> bool:
        """Whether a feature has time steps."""
        return any(call.is_input and call.name == name and call.has_time for call in self._calls)

    def base(self, place: int) -> str:
        """The feature whose steps a call works on, or the first it reads."""
        call = self._calls[place]
        if call.is_input:
            return call.name
        sources = self._sources(call)
        timed = [source for source in sources if self._calls[source].has_time]
        return self.base((timed or sources)[0])

    def blocks(self, name: str | None) -> tuple[Block, ...]:
        """Of a place, upwards: what has time, the pooling, and what comes after."""
        blocks = self._blocks.get(name, [])
        below = [block for block in blocks if block.has_time]
        above = [block for block in blocks if not block.has_time]
        kinds: dict[str, list[str]] = {}
        for kind, source in self._pools.get(name, []):
            kinds.setdefault(kind, []).append(source)
        lines = tuple(Line(f"{kind} of {', '.join(read)}") for kind, read in kinds.items())
        return (*below, *([Block("pool", lines)] if lines else []), *above)

    def _sources(self, call: CountedCall) -> list[int]:
        """What a call reads, without the lengths."""
        sources = [s for s in call.sources if not self._is_length(self._calls[s])]
        return sources or list(call.sources)

    def _is_length(self, call: CountedCall) -> bool:
        return call.is_input and call.name.endswith(LENGTH) and len(call.shape) == 1

    def add(self, place: int, call: CountedCall) -> None:
        """Adds a call to the blocks."""
        sources = self._sources(call)
        features = self._features[place]
        tower = next(iter(features)) if len(features) == 1 else None
        first = sources[0]
        turned = self._reversed.get(first, False)
        if isinstance(call.layer, ReverseSequence | ZeroPadding):
            self._same_as(place, first)
            self._reversed[place] = turned != isinstance(call.layer, ReverseSequence)
            return
        timed = any(self._calls[source].has_time for source in sources)
        text, name = _said(call), NAMES.get(call.kind, call.kind)
        if _is_recurrent(call):
            backward = turned != bool(getattr(call.layer, "go_backwards", False))
            name = "backward" if backward else "forward"
            line = Line(text, "left" if backward else "right")
            self._add_recurrent(place, tower, tuple(self._block_of[first]), line, call)
            self._reversed[place] = turned
            if not call.has_time:
                self._pools.setdefault(tower, []).append(("last step", name))
        elif timed and not call.has_time:
            self._pools.setdefault(tower, []).append((text, self._names[first]))
            self._block_of[place] = (tower, -2)
        else:
            if isinstance(call.layer, keras.layers.Concatenate | BesideSteps) or not _weighs(call):
                form: Form = "through" if call.has_time else "line"
                name = self._names[first]
            elif not call.has_time:
                form = "vector"
            else:
                form = "steps" if isinstance(call.layer, POINTWISE) else "across"
            lines = (Line(text + self._note(tower, sources)),)
            self._append(place, tower, Block(form, lines, _units(call)))
        self._names[place] = name

    def _same_as(self, place: int, other: int) -> None:
        self._block_of[place] = self._block_of[other]
        self._names[place] = self._names[other]

    def _append(self, place: int, tower: str | None, block: Block) -> None:
        self._blocks.setdefault(tower, []).append(block)
        self._block_of[place] = (tower, len(self._blocks[tower]) - 1)

    def _add_recurrent(
        self, place: int, tower: str | None, source: tuple, line: Line, call: CountedCall
    ) -> None:
        """Layers that read the same steps, each its own way, are one block."""
        known = self._runs.get((tower, *source))
        if known is None:
            lines: tuple[Line, ...] = (line,)
            if isinstance(call.layer, keras.layers.Bidirectional):
                lines = (Line(line.text, "right"), Line(line.text, "left"))
            self._append(place, tower, Block("steps", lines, _units(call)))
            self._runs[tower, *source] = self._block_of[place][1]
            return
        block = self._blocks[tower][known]
        lines = tuple(sorted((*block.lines, line), key=lambda each: each.direction != "right"))
        self._blocks[tower][known] = block._replace(lines=lines)
        self._block_of[place] = (tower, known)

    def _note(self, tower: str | None, sources: list[int]) -> str:
        """What else is read than the block beneath; nothing at the foot of the top."""
        blocks = self._blocks.get(tower, [])
        if tower is None and not blocks:
            base = self.base(sources[0])
            features = set().union(*(self._features[source] for source in sources))
            joined = ", ".join(name for name in self._blocks if name in features - {base})
            return f" with {joined}" if joined else ""
        beneath = (tower, len(blocks) - 1)
        others = [
            self._names[source]
            for source in sources
            if self._block_of[source] not in (beneath, (tower, -2))
        ]
        if not others:
            return ""
        joined = ", ".join(dict.fromkeys(others))
        return f" with {joined}" if len(others) < len(sources) else f" of {joined}"


def _is_recurrent(call: CountedCall) -> bool:
    return isinstance(call.layer, keras.layers.RNN | keras.layers.Bidirectional)


def _weighs(call: CountedCall) -> bool:
    return bool(getattr(call.layer, "weights", []))


def _units(call: CountedCall) -> str:
    return f"[{call.shape[-1]}]" if len(call.shape) > 1 else ""


def _said(call: CountedCall) -> str:
    """What a person calls a layer: its kind, its width, what else decides."""
    layer, kind = call.layer, call.kind
    if "Dropout" in kind:
        whole = (getattr(layer, "noise_shape", None) or (None,))[-1] == 1
        return f"dropout {layer.rate:g}{' of the whole' if whole else ''}"
    name = NAMES.get(kind, re.sub(r"Pooling$", " pooling", kind))
    if not _weighs(call):
        return f"{name} {_units(call)}" if kind == "Concatenate" else name
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    shown = f", {activation}" if isinstance(layer, keras.layers.Dense) else ""
    return f"{name} {call.shape[-1]}" + (shown if activation != "linear" else "")
