"""A tracker without learning: the last value of a slot that was named is what is wanted."""

import re
from collections.abc import Mapping, Sequence

SEPARATOR = re.compile(r"[^\w']|_")


def words_of(text: str) -> list[str]:
    """Lower-case words of a text, roughly as a phrases feature has them."""
    return SEPARATOR.sub(" ", text.lower()).split()


class Keywords:
    """Follows a dialog by the names of values, whatever else was said.

    Args:
        ways: by value, the ways to say it.
        none: the value before one is named.
    """

    def __init__(self, ways: Mapping[str, Sequence[str]], none: str) -> None:
        self._none = none
        self._values: dict[tuple[str, ...], str] = {}
        for value, said in ways.items():
            for way in said:
                self._values.setdefault(tuple(words_of(way)), value)
        self._longest = max(map(len, self._values), default=0)

    def goals(self, turns: Sequence[str]) -> list[str]:
        """The value after each turn.

        Args:
            turns: what was heard in each.
        """
        goal, goals = self._none, []
        for text in turns:
            goal = self._last(words_of(text)) or goal
            goals.append(goal)
        return goals

    def _last(self, words: list[str]) -> str | None:
        """The value named last: of those that end there, by the longest way."""
        for end in range(len(words), 0, -1):
            for size in range(min(self._longest, end), 0, -1):
                value = self._values.get(tuple(words[end - size : end]))
                if value is not None:
                    return value
        return None
