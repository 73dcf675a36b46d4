"""What the data gate found: a line of its table each.  Imports no TensorFlow."""

from typing import Any, NamedTuple

from components.errors import DataError

SHOWN_ROWS = 3
SHOWN_CHARACTERS = 48


class Finding(NamedTuple):
    """Something about the data that is not as expected.

    Attributes:
        level: ``stop`` or ``warn``.
        split: where; empty for all of the data.
        feature: of which feature or label; empty for whole rows.
        check: which of the experiment's checks, see ``components.validate.options``.
        expected: what the schema, the experiment or other data say.
        came: what is there.
        rows: up to three rows that show it: location, and the value, shortened.
    """

    level: str
    split: str
    feature: str
    check: str
    expected: str
    came: str
    rows: list[list[str]] = []

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Finding":
        """Reads what ``_asdict`` gave, through JSON."""
        return cls(**content)

    def __str__(self) -> str:
        where = f"{self.split} split" if self.split else "data"
        if self.feature:
            where += f", feature {self.feature!r}"
        shown = "".join(f"\n    {row}: {value}".rstrip(": ") for row, value in self.rows)
        return f"{where}: {self.check}: expected {self.expected}; came {self.came}{shown}"


class UnfitData(DataError):
    """The data gate stopped the run.

    Attributes:
        messages: what is wrong beside the findings.
        findings: all of them, warnings too.
    """

    def __init__(self, messages: list[str], findings: list[Finding]):
        stopping = [str(finding) for finding in findings if finding.level == "stop"]
        super().__init__("\n".join([*messages, *stopping]))
        self.messages = messages
        self.findings = findings


def short(value: object) -> str:
    """A value for a row of the table, in one line."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
