"""Reads goals: updates of each turn, cumulated, or the value of each slot after each turn."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.options import checked_label, did_you_mean
from models.raw import RawError, column_value, shown

SLOT = "{slot}"
"""What stands for a slot's name in the label of several columns."""
YES = {"yes": 1.0, "true": 1.0, "1": 1.0, "no": 0.0, "false": 0.0, "0": 0.0}


def goals_by_updates(
    fields: Mapping[str, Any],
    column: str,
    called: Mapping[str, str],
    ignored: Sequence[str],
    none: str,
) -> dict[str, list[str]]:
    """The goal after each turn, from the updates of each.

    Args:
        fields: a row.
        column: holds a list over the turns, each a list of ``slot=value`` (or one such text; null
            or an empty list updates nothing).  A slot that a turn updates twice has the last value.
        called: how updates call each slot, by its name.
        ignored: what updates may call what is no slot.
        none: the value before the first turn, and of an update without a value.

    Returns:
        by slot, its value after each turn.

    Raises:
        RawError: there is no turn, or an update cannot be read.
    """
    turns = _turns(fields, column)
    names = {name: slot for slot, name in called.items()}
    goal = dict.fromkeys(called, none)
    goals: dict[str, list[str]] = {slot: [] for slot in called}
    for number, turn in enumerate(turns):
        where = f"column {column!r}, turn {number + 1}"
        for update in _updates(where, turn):
            name, separator, value = update.partition("=")
            name, value = name.strip(), value.strip()
            if not separator:
                raise RawError(f"{where}: {shown(update)} came, where slot=value is read")
            if name in names:
                goal[names[name]] = checked_label(column, value or none)
            elif name not in ignored:
                raise RawError(
                    f"{where}: {shown(update)} updates the slot {name!r}; the slots are "
                    f"{', '.join(names)}{did_you_mean(name, names)} (add it to the task's slots:, "
                    "or to ignored:)"
                )
        for slot, value in goal.items():
            goals[slot].append(value)
    return goals


def goals_by_columns(
    fields: Mapping[str, Any], columns: Mapping[str, str], none: str
) -> dict[str, list[str]]:
    """The goal after each turn, from a column a slot.

    Args:
        fields: a row.
        columns: of each slot: a list with its value after each turn.
        none: the value that null and empty text stand for.

    Raises:
        RawError: there is no turn, a value is no text, or the columns differ in their turns.
    """
    goals = {}
    for slot, column in columns.items():
        goals[slot] = [
            checked_label(column, _value(f"column {column!r}, turn {number + 1}", value) or none)
            for number, value in enumerate(_turns(fields, column))
        ]
    turns = {columns[slot]: len(values) for slot, values in goals.items()}
    if len(set(turns.values())) > 1:
        counted = ", ".join(f"{column!r} has {count}" for column, count in turns.items())
        raise RawError(f"columns of the goal differ in their turns: {counted} (correct the row)")
    return goals


def flags_of(fields: Mapping[str, Any], column: str, turns: int) -> list[float]:
    """Yes or no for each turn, as 1.0 or 0.0; what is said once holds for each.

    Raises:
        RawError: something else came, or for another number of turns.
    """
    value = column_value(fields, column)
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list):
        return [_flag(f"column {column!r}", value)] * turns
    if len(value) != turns:
        raise RawError(
            f"column {column!r} has {len(value)} turns, and the goal has {turns} (correct the row)"
        )
    return [
        _flag(f"column {column!r}, turn {number + 1}", flag) for number, flag in enumerate(value)
    ]


def _turns(fields: Mapping[str, Any], column: str) -> list[Any]:
    value = column_value(fields, column)
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list):
        raise RawError(f"column {column!r}: {shown(value)} came, where a list over turns is read")
    if not value:
        raise RawError(f"column {column!r} has no turn, and a dialog without teaches nothing")
    return value


def _updates(where: str, turn: Any) -> list[str]:
    turn = turn.tolist() if hasattr(turn, "tolist") else turn
    updates = [] if turn is None else [turn] if isinstance(turn, str) else turn
    if not isinstance(updates, list) or any(not isinstance(update, str) for update in updates):
        raise RawError(f"{where}: {shown(turn)} came, where a list of slot=value is read")
    return updates


def _value(where: str, value: Any) -> str:
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RawError(f"{where}: {shown(value)} came, where a slot's value is read")


def _flag(where: str, value: Any) -> float:
    flag = YES.get(str(value).strip().lower()) if isinstance(value, str | bool | int) else None
    if flag is None:
        raise RawError(f"{where}: {shown(value)} came, where yes or no is read")
    return flag
