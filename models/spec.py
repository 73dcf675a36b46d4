"""Options of the network and of its training; importing them imports no TensorFlow."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from models.dotted import cell_names, function_problem
from models.options import Options, did_you_mean

Pooling = Literal["last", "mean", "max"]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]


class NetworkOptions(Options):
    """How a sequence becomes a vector or, where a task answers each step, a vector for each.

    Attributes:
        cell: recurrent cell (``lstm``, ``gru``), ``none`` for a dense layer on each step, or the
            dotted path of a module of one's own with ``layer(units, name)``.
        units: width of each recurrent layer, in each direction.
        layers: recurrent layers, one on top of the other; 0 pools the embeddings themselves.
        bidirectional: reads the sequence from both ends.
        pooling: how the outputs over time become one vector; several are concatenated.  A sequence
            whose every step is answered is not pooled.
        embedding_size: width of the embedding of text, tokens and categories; pretrained vectors
            are as wide as their file has them.
        embedding_dropout: share of embedding channels dropped for a whole sequence.
        shortcut: also pools the embeddings themselves, past the recurrent layers.
        branch_dropout: share of sequences whose recurrent vector is dropped whole in a training
            step, so that the shortcut learns to answer alone; needs ``shortcut``.
        dropout: share of the pooled vector dropped before the task's head.
        build_model: dotted path of a function of yours that builds the whole network in place of
            the fields above, ``build_model(hp)`` or ``build_model(hp, parts)``; see docs/tuning.md.
    """

    cell: str = "lstm"
    units: int = Field(64, ge=1, le=4096)
    layers: int = Field(1, ge=0, le=16)
    bidirectional: bool = False
    pooling: tuple[Pooling, ...] = ("last",)
    embedding_size: int = Field(64, ge=1, le=4096)
    embedding_dropout: Rate = 0.0
    shortcut: bool = False
    branch_dropout: Rate = 0.0
    dropout: Rate = 0.0
    build_model: str | None = None

    @field_validator("build_model")
    @classmethod
    def _is_a_function(cls, path: str | None) -> str | None:
        problem = function_problem(path) if path is not None else None
        if problem:
            raise ValueError(problem)
        return path

    @field_validator("cell")
    @classmethod
    def _known_cell(cls, cell: str) -> str:
        if "." in cell:
            problem = function_problem(f"{cell}.layer")
            if problem:
                raise ValueError(problem)
        elif cell not in cell_names():
            raise ValueError(
                f"unknown cell {cell!r}; allowed: {', '.join(cell_names())}, or a module's dotted "
                f"path{did_you_mean(cell, cell_names())}"
            )
        return cell

    @field_validator("pooling", mode="before")
    @classmethod
    def _one_or_several(cls, pooling: object) -> object:
        return (pooling,) if isinstance(pooling, str) else pooling

    @field_validator("pooling")
    @classmethod
    def _some_pooling(cls, pooling: tuple[Pooling, ...]) -> tuple[Pooling, ...]:
        if not pooling or len(set(pooling)) != len(pooling):
            raise ValueError("name at least one pooling, each once; allowed: last, mean, max")
        return pooling

    @model_validator(mode="after")
    def _possible(self) -> "NetworkOptions":
        if self.cell == "none" or self.layers == 0:
            without = "cell: none" if self.cell == "none" else "layers: 0"
            if self.bidirectional:
                raise ValueError(
                    f"bidirectional: true with {without}: nothing is read in any direction "
                    "(set bidirectional: false, or a recurrent cell)"
                )
            if self.shortcut:
                raise ValueError(
                    f"shortcut: true with {without}: there is no recurrent layer to go past "
                    "(set shortcut: false, or a recurrent cell)"
                )
            if "last" in self.pooling:
                raise ValueError(
                    f"pooling: last with {without} would look at one step only "
                    "(use pooling: mean or max, or a recurrent cell)"
                )
        if self.branch_dropout and not self.shortcut:
            raise ValueError(
                "branch_dropout drops all that a sequence gives, unless shortcut: true"
            )
        if self.shortcut and self.pooling == ("last",):
            raise ValueError("shortcut: true needs pooling: mean or max, which it pools with")
        return self


class EarlyStopping(Options):
    """Stops when the validate split gets no better; the best epoch's weights are kept.

    Attributes:
        monitor: ``loss`` or one of the task's training metrics, on the validate split.
        patience: epochs without a new best before training stops.
    """

    monitor: str = "loss"
    patience: int = Field(2, ge=1, le=1000)


class TrainingOptions(Options):
    """How the network is trained.

    Attributes:
        batch_size: sequences a step.
        epochs: passes over the train split, at most.
        optimizer: Keras optimiser.
        learning_rate: step size.
        clip_norm: bound on the norm of the whole gradient; none if null.
        early_stopping: null trains all epochs and keeps the last.
        length_buckets: batches are cut from this many groups of similar length; 1 turns it off.
        seed: of initial weights, shuffling and dropout.
    """

    batch_size: int = Field(64, ge=1, le=65536)
    epochs: int = Field(10, ge=1, le=10000)
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: float = Field(1e-3, gt=0.0, le=10.0)
    clip_norm: float | None = Field(1.0, gt=0.0)
    early_stopping: EarlyStopping | None = EarlyStopping()
    length_buckets: int = Field(8, ge=1, le=64)
    seed: int = Field(0, ge=0, le=2**31 - 1)
