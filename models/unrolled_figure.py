"""A network over its first steps as a picture: the same blocks as ``unrolled_text`` draws."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from models.unrolled import Block, Drawing, Tower

STEP, GAP, NAMES = 1.7, 0.9, 3.4
"""Widths: from step to step, more where steps are left out, of the names beside a tower."""
BOX = 1.15
LINE, BETWEEN = 0.42, 0.42
"""Heights: of a line in a box, and between two blocks."""
INCHES = 0.78
COLOURS = {
    "steps": "#dbe9f6",
    "across": "#e5dcf2",
    "pool": "#fbe5c8",
    "vector": "#d9efd6",
}
STATE, UP = "#1f5f9e", "#555555"
LONGEST = 13


def figure(drawing: Drawing, title: str) -> Figure:
    """Draws a network, its towers side by side, what reads several of them on top."""
    columns = [_Columns(tower) for tower in drawing.towers]
    left = 0.0
    for each in columns:
        each.move(left + NAMES)
        left = each.right + 0.6
    heights = [sum(_height(block) for block in tower.blocks) for tower in drawing.towers]
    level = max(heights, default=0.0)
    height = level + sum(_height(block) for block in drawing.top)
    made = Figure(figsize=(max(left * INCHES, 6.0), (height + 3.0) * INCHES), dpi=120)
    axes = made.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set_xlim(-0.2, max(left, 6.0 / INCHES))
    axes.set_ylim(-1.1, height + 1.6)
    axes.set_axis_off()
    axes.text(0.0, height + 1.35, title, size=12, weight="bold", va="top")
    base: _Columns | None = columns[0] if columns else None
    for tower, each, top in zip(drawing.towers, columns, heights, strict=True):
        _inputs(axes, tower, each)
        y = 0.0
        for block in tower.blocks:
            y = _block(axes, block, each, y)
        if drawing.top and base is not None:
            timed = bool(tower.numbers) and (not tower.blocks or tower.blocks[-1].has_time)
            starts = each.centres if timed else [each.middle]
            _join(axes, base, None if each is base else each, starts, top, level, drawing.top[0])
    if base is None:
        return made
    y = level if drawing.top else heights[0]
    for block in drawing.top:
        y = _block(axes, block, base, y)
    last = (*drawing.towers[0].blocks, *drawing.top)
    timed = bool(base.tower.numbers) and (not last or last[-1].has_time)
    for x, answer in zip(base.centres if timed else [base.middle], drawing.answers, strict=True):
        _arrow(axes, (x, y), (x, y + BETWEEN), UP)
        axes.text(x, y + BETWEEN + 0.08, _short(answer), ha="center", va="bottom", size=10)
    name = f"{drawing.answer}, as labelled"
    axes.text(base.left - NAMES, y + BETWEEN + 0.08, name, va="bottom", size=9)
    return made


def _join(
    axes: Axes,
    base: "_Columns",
    other: "_Columns | None",
    starts: Sequence[float],
    top: float,
    level: float,
    block: Block,
) -> None:
    """Leads a tower that ends at ``top`` to the first block that reads several, at ``level``."""
    if other is None:
        for x in starts:
            axes.plot([x, x], [top, level], color=UP, lw=1)
        return
    y = level + min(_height(block), BETWEEN) / 2
    end = base.centres[-1] if block.has_time else base.middle
    for x in starts:
        axes.plot([x, x], [top, y], color=UP, lw=1)
    _arrow(axes, (max(starts), y), (end, y), UP)


class _Columns:
    """Where the steps of a tower stand, from left to right."""

    def __init__(self, tower: Tower):
        self.tower = tower
        self.centres = [0.0]
        numbers = tower.numbers or (1,)
        self.gaps = [after - before > 1 for before, after in pairwise(numbers)]
        for gap in self.gaps:
            self.centres.append(self.centres[-1] + STEP + (GAP if gap else 0.0))

    def move(self, left: float) -> None:
        """Puts the left edge of the first step."""
        self.centres = [centre + left + BOX / 2 for centre in self.centres]

    @property
    def left(self) -> float:
        return self.centres[0] - BOX / 2

    @property
    def right(self) -> float:
        # A vector's box and a bar need some room, also over one step.
        return max(self.centres[-1] + BOX / 2, self.left + 2 * BOX)

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2 if self.tower.numbers else self.centres[0]


def _height(block: Block) -> float:
    if block.form in ("through", "line"):
        return LINE + 0.08
    return BETWEEN + LINE * max(len(block.lines), 1) + 0.12


def _inputs(axes: Axes, tower: Tower, columns: _Columns) -> None:
    for x, given in zip(columns.centres, tower.inputs, strict=True):
        axes.text(x, -0.1, _short(given), ha="center", va="top", size=10)
    for x, number in zip(columns.centres, tower.numbers, strict=False):
        axes.text(x, -0.5, f"$x_{{{number}}}$", ha="center", va="top", size=9, color=UP)
    axes.text(columns.left - NAMES, -0.1, tower.name, va="top", size=9, weight="bold")
    for x, gap in zip(columns.centres, columns.gaps, strict=False):
        if gap:
            axes.text(x + (STEP + GAP) / 2, -0.1, "…", ha="center", va="top", size=11)


def _block(axes: Axes, block: Block, columns: _Columns, y: float) -> float:
    """Draws a block above ``y`` with the arrows into it; gives where it ends."""
    single = not columns.tower.numbers
    places: Sequence[float] = columns.centres if block.has_time or block.form == "pool" else []
    places = [columns.middle] if single or not places else places
    top = y + _height(block)
    if block.form in ("through", "line"):
        for x in places:
            axes.plot([x, x], [y, top], color=UP, lw=1)
        axes.text(columns.left - NAMES, (y + top) / 2, _named(block), va="center", size=8, color=UP)
        return top
    for x in places:
        _arrow(axes, (x, y), (x, y + BETWEEN), UP)
    bottom, inside = y + BETWEEN, top - y - BETWEEN
    if block.form == "steps":
        _steps(axes, block, columns, bottom, inside)
        return top
    left, right = columns.left, columns.right
    if block.form == "vector":
        left, right = columns.middle - BOX, columns.middle + BOX
    _box(axes, left, right, bottom, inside, COLOURS[block.form])
    if block.form == "vector":
        axes.text(
            columns.middle, bottom + inside / 2, block.units, ha="center", va="center", size=9
        )
        axes.text(columns.left - NAMES, bottom + inside / 2, _named(block), va="center", size=9)
        return top
    for place, line in enumerate(block.lines):
        height = bottom + inside - 0.06 - LINE * (place + 0.5)
        shown = f"{line.text} {block.units}".strip()
        axes.text((left + right) / 2, height, shown, ha="center", va="center", size=8)
    return top


def _steps(axes: Axes, block: Block, columns: _Columns, bottom: float, height: float) -> None:
    for x in columns.centres:
        _box(axes, x - BOX / 2, x + BOX / 2, bottom, height, COLOURS["steps"])
    numbers = columns.tower.numbers or (1,)
    for place, line in enumerate(block.lines):
        y = bottom + height - 0.06 - LINE * (place + 0.5)
        axes.text(columns.left - NAMES, y, _named(block, place), va="center", size=9)
        over = {"right": r"\rightarrow", "left": r"\leftarrow"}.get(line.direction)
        for x, number in zip(columns.centres, numbers, strict=True):
            state = rf"$\overset{{{over}}}{{h}}_{{{number}}}$" if over else block.units
            axes.text(x, y, state, ha="center", va="center", size=10 if over else 9)
        for x, following, gap in zip(
            columns.centres, columns.centres[1:], columns.gaps, strict=False
        ):
            if not over:
                continue
            ends = ((x + BOX / 2, y), (following - BOX / 2, y))
            start, end = ends if line.direction == "right" else ends[::-1]
            _arrow(axes, start, end, STATE)
            if gap:
                axes.text(
                    (start[0] + end[0]) / 2,
                    y,
                    " … ",
                    ha="center",
                    va="center",
                    size=11,
                    color=STATE,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0},
                )


def _named(block: Block, place: int = 0) -> str:
    line = block.lines[place]
    return line.text + {"right": " →", "left": " ←", "": ""}[line.direction]


def _box(axes: Axes, left: float, right: float, bottom: float, height: float, colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left + 0.05, bottom),
            right - left - 0.1,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour,
            edgecolor=UP,
            linewidth=0.8,
        )
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def _short(content: str) -> str:
    # A dollar sign would begin mathematics.
    content = content if len(content) <= LONGEST else f"{content[: LONGEST - 1]}…"
    return content.replace("$", r"\$")
