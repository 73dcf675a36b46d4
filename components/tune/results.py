"""How good the values of a search are; read and shown without TensorFlow."""

import dataclasses
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

SEARCH = "search.json"
"""In the Tuner's results: everything about the search."""
DEFAULT = "default"
QUALIFIED = re.compile(r"^(\w+\.)+(?=\w+(: |$))")


@dataclass(frozen=True)
class Trial:
    """How good some values are.

    Attributes:
        trial: its number; ``default`` for the experiment's own values.
        state: how far it is.
        values: by field, or by the name that a user's function gave them.
        score: the objective at its best epoch.
        metrics: of that epoch.
        error: what stopped it, with its trace.
        epoch: the last one done, while it runs.
    """

    trial: str
    state: Literal["running", "completed", "failed"]
    values: dict[str, Any]
    score: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    epoch: int = 0

    @property
    def reason(self) -> str:
        """The last line of the error, its class without the module."""
        lines = (self.error or "").strip().splitlines()
        return QUALIFIED.sub("", lines[-1].strip()) if lines else ""


@dataclass(frozen=True)
class SearchResult:
    """A search, finished or under way.

    Attributes:
        objective: the metric, ``val_*``.
        direction: ``min`` or ``max``.
        trials: in the order that they were begun; the experiment's own values among them.
        planned: how many trials there will be, beside the experiment's own values; None where
            that is the algorithm's to decide.
        parallel: trials at a time.
    """

    objective: str
    direction: Literal["min", "max"]
    trials: tuple[Trial, ...]
    planned: int | None
    parallel: int

    @property
    def completed(self) -> list[Trial]:
        """The trials that have a score, the best first."""
        found = [trial for trial in self.trials if trial.state == "completed"]
        sign = 1 if self.direction == "min" else -1
        return sorted(found, key=lambda trial: sign * (trial.score or 0.0))

    @property
    def default(self) -> Trial | None:
        """The experiment's own values."""
        return next((trial for trial in self.trials if trial.trial == DEFAULT), None)

    def to_json(self) -> str:
        """JSON that ``from_json`` reads back."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "SearchResult":
        """Reads what ``to_json`` wrote."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "SearchResult":
        """From what ``dataclasses.asdict`` gives."""
        trials = tuple(Trial(**trial) for trial in content["trials"])
        return cls(**{**content, "trials": trials})
