"""Options of the network and of its training; importing them imports no TensorFlow."""

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from models.dotted import cell_module, cell_names, function_options, function_problem
from models.options import Options, did_you_mean

Pooling = Literal["last", "mean", "max", "attention", "bahdanau", "luong", "self_attention"]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]


HEADS = 4
"""Where there are heads and their number is left out."""


class ConvolutionOptions(Options):
    """Convolutions over the steps, in front of the recurrent layers.

    Attributes:
        filters: width of each.
        kernel_size: steps that each output sees.
        layers: one on top of the other.
    """

    filters: int = Field(64, ge=1, le=4096)
    kernel_size: int = Field(3, ge=1, le=255)
    layers: int = Field(1, ge=1, le=16)


class TransformerOptions(Options):
    """Transformer encoder blocks, behind the recurrent layers.

    Attributes:
        blocks: one on top of the other.
        feed_forward_units: width of the feed-forward layer; four times that of the steps if left
            out.
        dropout: share dropped of the attention weights and of what each half of a block adds.
    """

    blocks: int = Field(1, ge=1, le=16)
    feed_forward_units: int | None = Field(None, ge=1, le=16384)
    dropout: Rate = 0.0


class NetworkOptions(Options):
    """How a sequence becomes a vector or, where a task answers each step, a vector for each.

    Attributes:
        cell: recurrent cell (``elman``, ``jordan``, ``lstm``, ``gru``, ``indrnn``, ``slstm``,
            ``mlstm``), ``none`` for a dense layer on each step, or the dotted path of a module of
            one's own with ``layer(units, name)``.
        units: width of each recurrent layer, in each direction.
        layers: recurrent layers, one on top of the other; 0 pools the embeddings themselves.
        bidirectional: reads the sequence from both ends.
        timescale: longest dependency expected, in timesteps: gates that remember start with
            memories up to it (chrono initialisation), and the recurrent weights of ``indrnn`` are
            bounded for it.
        heads: groups of units side by side in ``slstm``, ``mlstm``, ``self_attention`` pooling and
            the Transformer; 4 if left out.
        recurrent_dropout: share of the hidden state's units that a training sequence goes without,
            the same ones at each step.
        residual: adds to the outputs of each recurrent layer those of the one below, in the same
            direction, from the second layer on.
        layer_norm: normalises the outputs of each recurrent layer.
        layer_dropout: share of the outputs of a recurrent layer that the next one goes without,
            the same ones at each step.
        convolution: convolutions in front of the recurrent layers.
        transformer: Transformer blocks behind them.
        pooling: how the outputs over time become one vector; several are concatenated.  ``last``,
            ``mean``, ``max``; ``attention`` and ``self_attention`` weigh the steps by learnt
            queries (one; ``heads``, side by side), ``bahdanau`` and ``luong`` by the last output.
            A sequence whose every step is answered is not pooled.
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
    timescale: int | None = Field(None, ge=3, le=10_000_000)
    heads: int | None = Field(None, ge=1, le=256)
    recurrent_dropout: Rate = 0.0
    residual: bool = False
    layer_norm: bool = False
    layer_dropout: Rate = 0.0
    convolution: ConvolutionOptions | None = None
    transformer: TransformerOptions | None = None
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
            allowed = ", ".join(get_args(Pooling))
            raise ValueError(f"name at least one pooling, each once; allowed: {allowed}")
        return pooling

    @property
    def cell_options(self) -> dict[str, Any]:
        """What the cell's ``layer`` is given beside units and name; defaults are left to it."""
        options = {"timescale": self.timescale, "recurrent_dropout": self.recurrent_dropout}
        given = {field: value for field, value in options.items() if value}
        return given | ({"heads": self.head_count} if self._cell_takes("heads") else {})

    @property
    def head_count(self) -> int:
        """Heads, where there are any."""
        return self.heads or HEADS

    def _cell_takes(self, option: str) -> bool:
        taken = _taken_by(self.cell)
        return option in taken if taken is not None else bool(getattr(self, option))

    @model_validator(mode="after")
    def _options_that_something_takes(self) -> "NetworkOptions":
        if self.build_model is not None:
            return self
        others = self.transformer is not None or "self_attention" in self.pooling
        for field in ("timescale", "recurrent_dropout", "heads"):
            if not getattr(self, field) or (field == "heads" and others):
                continue
            if self.layers == 0 or not self._cell_takes(field):
                cell = "layers: 0" if self.layers == 0 else f"cell: {self.cell}"
                able = ", ".join(name for name in cell_names() if field in (_taken_by(name) or ()))
                beside = "; so do transformer and pooling: self_attention"
                raise ValueError(
                    f"{field} with {cell}, which takes none (leave it out; the cells {able} take "
                    f"it{beside if field == 'heads' else ''})"
                )
        for field in ("residual", "layer_dropout"):
            if getattr(self, field) and self.layers < 2:
                raise ValueError(
                    f"{field} stands between recurrent layers, and layers is {self.layers} "
                    "(set layers: 2 or more, or leave it out)"
                )
        if self.layer_norm and self.layers == 0:
            raise ValueError("layer_norm with layers: 0: there is no recurrent layer to normalise")
        divided = self.transformer is not None or self._cell_takes("heads")
        filters = self.convolution.filters if self.convolution else None
        if not self.layers and self.transformer and filters and filters % self.head_count:
            raise ValueError(
                f"convolution.filters: {filters} in {self.head_count} heads of the transformer: "
                "heads must divide filters (change one of them)"
            )
        if self.layers and divided and self.units % self.head_count:
            raise ValueError(
                f"units: {self.units} in {self.head_count} heads: heads must divide units "
                "(change one of them)"
            )
        return self

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
            if "last" in self.pooling and not (self.transformer or self.convolution):
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


def _taken_by(cell: str) -> list[str] | None:
    """Options of a cell's ``layer``; None if its source does not say."""
    return function_options(f"{cell_module(cell)}.layer")


class EarlyStopping(Options):
    """Stops when the validate split gets no better; the best epoch's weights are kept.

    Attributes:
        monitor: ``loss`` or one of the task's training metrics, on the validate split.
        patience: epochs without a new best before training stops.
    """

    monitor: str = "loss"
    patience: int = Field(2, ge=1, le=1000)


class RecordGradients(Options):
    """Records how the gradient fades with the lag, see ``models.gradients``.

    Attributes:
        every: epochs between two records; the first and the last epoch are recorded in any case.
        lags: steps back from the last one of a sequence.
        rows: of the train split, always the same, whose gradients are taken.
    """

    every: int = Field(1, ge=1, le=10000)
    lags: int = Field(64, ge=1, le=4096)
    rows: int = Field(32, ge=1, le=1024)


class TrainingOptions(Options):
    """How the network is trained.

    Attributes:
        batch_size: sequences a step.
        epochs: passes over the train split, at most.
        optimizer: Keras optimiser.
        learning_rate: step size.
        schedule: of the step size: ``constant``, or ``cosine``: it falls from epoch to epoch along
            half a cosine, to nothing after ``epochs`` of them (Loshchilov & Hutter 2017,
            https://arxiv.org/abs/1608.03983, without restarts).
        clip_norm: bound on the norm of the whole gradient; none if null.
        clip_value: bound on each number of the gradient (of an embedding: before the occurrences
            of a token in a batch are added up); none if null.  Keras clips by one of the two, so
            it needs ``clip_norm: null``.
        early_stopping: null trains all epochs and keeps the last.
        length_buckets: batches are cut from this many groups of similar length; 1 turns it off.
        seed: of initial weights, shuffling and dropout.
        record_gradients: records the gradient by lag while training; null does not.
    """

    batch_size: int = Field(64, ge=1, le=65536)
    epochs: int = Field(10, ge=1, le=10000)
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: float = Field(1e-3, gt=0.0, le=10.0)
    schedule: Literal["constant", "cosine"] = "constant"
    clip_norm: float | None = Field(1.0, gt=0.0)
    clip_value: float | None = Field(None, gt=0.0)
    early_stopping: EarlyStopping | None = EarlyStopping()
    length_buckets: int = Field(8, ge=1, le=64)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    record_gradients: RecordGradients | None = None

    def rate(self, epoch: int) -> float:
        """The step size of an epoch, the first one being 0."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1.0 + math.cos(math.pi * epoch / self.epochs)) / 2.0

    @model_validator(mode="after")
    def _clips_one_way(self) -> "TrainingOptions":
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError(
                f"clip_value: {self.clip_value:g} with clip_norm: {self.clip_norm:g} (1.0 unless "
                "it is set); a gradient is clipped one way (write clip_norm: null, or clip_value: "
                "null)"
            )
        return self
