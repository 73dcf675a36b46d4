"""A network over its first steps as text of at most 80 columns, with lines or in plain ASCII."""

import textwrap
import unicodedata
from itertools import pairwise

from models.unrolled import Block, Drawing, Tower

NAME = 28
BOX = 9
BETWEEN = 4
GAP = 7
"""Columns: of the names at the left, of a step's box, between two, and where steps are left out."""
ASCII = str.maketrans("┌┐└┘├┤│─→←↑…", "++++||" + "|-><^.")


class _Grid:
    """Columns of the steps of a tower."""

    def __init__(self, numbers: tuple[int, ...]):
        self.numbers = numbers or (1,)
        self.gaps = [after - before > 1 for before, after in pairwise(numbers)]
        self.starts = [NAME]
        for gap in self.gaps:
            self.starts.append(self.starts[-1] + BOX + (GAP if gap else BETWEEN))
        # The box of a single value is as wide as a step's; a vector's is wider.
        self.end = max(self.starts[-1] + BOX, NAME + 2 * BOX)
        self.middle = (NAME + self.end) // 2 if numbers else NAME + BOX // 2

    def row(self, name: str, texts: list[tuple[int, str]]) -> str:
        """A row with texts at columns, that do not overlap."""
        line = fitted(name, NAME - 1)
        for column, text in texts:
            line += " " * (column - width(line)) + text
        return line.rstrip()

    def at_steps(self, texts: list[str], name: str = "") -> str:
        """A row with a text centred at each step."""
        return self.row(
            name,
            [
                (start + (BOX - width(fitted(text, BOX + 2))) // 2, fitted(text, BOX + 2))
                for start, text in zip(self.starts, texts, strict=True)
            ],
        )


def text(drawing: Drawing, plain: bool = False) -> str:
    """The drawing as lines, the answer above, the inputs below.

    Args:
        drawing: what to draw.
        plain: in ASCII; what else stands in the data's own words becomes ``?``.
    """
    lines: list[str] = []
    for place, tower in enumerate(drawing.towers):
        grid = _Grid(tower.numbers)
        blocks = [*tower.blocks, *(drawing.top if place == 0 else ())]
        if place == 0:
            lines += _answers(drawing, grid)
        else:
            lines += ["", grid.row(tower.name, [(grid.middle, "↑ read above")])]
        drawn = [line for block in reversed(blocks) for line in _block(block, grid)]
        drawn += _inputs(tower, grid)
        lines += drawn[1:] if place and drawn[0] == _arrows(grid, False) else drawn
    joined = "\n".join(lines)
    if plain:
        joined = joined.translate(ASCII).encode("ascii", "replace").decode("ascii")
    return joined


def _answers(drawing: Drawing, grid: _Grid) -> list[str]:
    name = f"{drawing.answer}, as labelled"
    if len(drawing.answers) > 1 or not drawing.towers[0].blocks:
        shown = grid.at_steps(list(drawing.answers), name)
    else:
        answer = fitted(drawing.answers[0], 2 * BOX)
        shown = grid.row(name, [(max(grid.middle - width(answer) // 2, NAME), answer)])
    return [shown]


def _inputs(tower: Tower, grid: _Grid) -> list[str]:
    rows = [_arrows(grid, bool(tower.numbers)), grid.at_steps(list(tower.inputs), tower.name)]
    if tower.numbers:
        rows.append(grid.at_steps([f"x{number}" for number in tower.numbers], ""))
    return rows


def _arrows(grid: _Grid, timed: bool, mark: str = "↑", name: str = "") -> str:
    if timed:
        return grid.row(name, [(start + BOX // 2, mark) for start in grid.starts])
    return grid.row(name, [(grid.middle, mark)])


def _block(block: Block, grid: _Grid) -> list[str]:
    """Arrow out of the block, and the block."""
    arrow = _arrows(grid, block.has_time)
    if block.form in ("through", "line"):
        return _named(block, _arrows(grid, block.has_time, "│"), grid)
    if block.form == "steps":
        return [arrow, *_steps(block, grid)]
    if block.form == "vector":
        start = max(grid.middle - BOX + 1, NAME)
        inside = block.units.center(2 * BOX - 3)
        body = grid.row(block.lines[0].text, [(start, f"│{inside}│")])
        edge = "─" * (2 * BOX - 3)
        return [
            arrow,
            grid.row("", [(start, f"┌{edge}┐")]),
            *_wrapped_name(block, body, grid),
            grid.row("", [(start, f"└{edge}┘")]),
        ]
    inner = grid.end - NAME - 2
    texts = [part for line in block.lines for part in textwrap.wrap(line.text, inner - 2)]
    if block.units:
        texts[-1] = f"{texts[-1]} {block.units}"
    name = "over time" if block.form == "pool" else "over all steps"
    rows = [
        grid.row(name if place == 0 else "", [(NAME, f"│{part.center(inner)}│")])
        for place, part in enumerate(texts)
    ]
    edge = "─" * inner
    return [arrow, grid.row("", [(NAME, f"┌{edge}┐")]), *rows, grid.row("", [(NAME, f"└{edge}┘")])]


def _named(block: Block, row: str, grid: _Grid) -> list[str]:
    name = block.lines[0].text
    return _wrapped_name(block, fitted(name, NAME - 1) + row[width(fitted(name, NAME - 1)) :], grid)


def _wrapped_name(block: Block, row: str, grid: _Grid) -> list[str]:
    """A row, with the rest of a long name in rows beneath it."""
    parts = textwrap.wrap(block.lines[0].text, NAME - 2)
    if len(parts) < 2:
        return [row]
    body = row[NAME - 1 :]
    rows = [parts[0].ljust(NAME - 1) + body]
    passing = _arrows(grid, block.has_time, "│")[NAME - 1 :] if block.form != "vector" else ""
    return [*rows, *(part.ljust(NAME - 1) + passing for part in parts[1:])]


def _steps(block: Block, grid: _Grid) -> list[str]:
    edge = "─" * (BOX - 2)
    many = len(block.lines) > 1
    rows = [grid.row("", [(start, f"┌{edge}┐") for start in grid.starts])]
    for line in block.lines:
        mark = {"right": "→", "left": "←", "": ""}[line.direction]
        texts = []
        for place, (start, number) in enumerate(zip(grid.starts, grid.numbers, strict=True)):
            inside = f"{mark if many else ''}h{number}" if mark else block.units
            before = "├" if mark == "left" else "│"
            texts.append((start, f"{before}{fitted(inside, BOX - 2).center(BOX - 2)}│"))
            if mark and place < len(grid.gaps):
                texts.append((start + BOX, _state(mark, grid.gaps[place])))
        rows.append(grid.row(f"{line.text} {mark}".rstrip(), texts))
    return [*rows, grid.row("", [(start, f"└{edge}┘") for start in grid.starts])]


def _state(mark: str, gap: bool) -> str:
    way = "─" * (BETWEEN - 1) if not gap else "─ … ──"
    return f"{way}→" if mark == "→" else f"←{way}"


def width(content: str) -> int:
    """Columns that a terminal needs."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in content
    )


def fitted(content: str, columns: int) -> str:
    """Content cut to some columns, with ``…`` where it was cut; nothing in it moves the cursor."""
    content = "".join(each if each.isprintable() else " " for each in content)
    if width(content) <= columns:
        return content
    kept = ""
    for each in content:
        if width(kept + each) > columns - 1:
            break
        kept += each
    return f"{kept}…"
