"""What a signature takes and gives: names, dtypes and shapes, without TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        name: the name in the signature.
        dtype: TensorFlow's name of it: "string", "float32", "int64", ...
        shape: sizes, None for a free one; None instead of a tuple if even the rank is free.
        tensor_name: the graph tensor, such as "serving_default_review:0"; only shown in metadata.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    tensor_name: str = ""

    @property
    def has_batch_axis(self) -> bool:
        """Whether the first axis exists and is free."""
        return bool(self.shape) and self.shape[0] is None

    def describe(self) -> str:
        """For messages: `float32 [None, 3]`, `string of any shape`."""
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} [{', '.join(str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class SignatureSpec:
    """One signature of a SavedModel; inputs and outputs are in alphabetical order."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str = "tensorflow/serving/predict"

    @property
    def batchable(self) -> bool:
        """Whether rows of several requests may be concatenated and the outputs cut apart again."""
        tensors = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(tensor.has_batch_axis for tensor in tensors)

    @property
    def splittable(self) -> bool:
        """Whether one request may run in pieces: no output's row shape depends on its batch."""
        return self.batchable and all(
            None not in (tensor.shape or ())[1:] for tensor in self.outputs.values()
        )
