"""One predict request: TF Serving's JSON bodies, decoded and encoded by pure functions.

A predict body is an object with exactly one of `instances` (a list of rows) or `inputs` (columns)
and optionally `signature_name`; the answer holds `predictions` (a list of rows) or `outputs`
(columns) in turn, and a single output drops its name. NaN and Infinity are bare tokens both ways.
Where TF Serving has a message, ours begins with the same words.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from serving.errors import RequestError
from serving.json_tensor import array_from_json, is_b64_object, json_from_array, show_value
from serving.signature import DEFAULT_SIGNATURE, SignatureSpec

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class PredictRequest:
    """A decoded predict body.

    Attributes:
        signature: the signature asked for.
        row_format: whether it came as `instances`, and so the answer is `predictions`.
        inputs: an array for each input; strings are bytes in arrays of dtype object.
    """

    signature: SignatureSpec
    row_format: bool
    inputs: Arrays


def decode_predict(body: bytes, signatures: Mapping[str, SignatureSpec]) -> PredictRequest:
    """Decodes and checks a predict body.

    Raises:
        RequestError: status 400 (501 for dtypes JSON cannot express); the message names the
            instance, the input, what came and what is allowed.
    """
    document = _parse(body)
    signature = _choose_signature(document, signatures)
    if "instances" in document and "inputs" in document:
        raise RequestError(
            400,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist",
        )
    if "instances" in document:
        inputs = decode_instances(document["instances"], signature, _locate_instance)
    elif "inputs" in document:
        inputs = _decode_columns(document["inputs"], signature)
    else:
        raise RequestError(400, "Missing 'inputs' or 'instances' key")
    if any(array.dtype.kind == "f" and np.isinf(array).any() for array in inputs.values()):
        # The parser turns 1e999 into Infinity; only a second look at the text tells them apart.
        json.loads(body, parse_float=_finite_float)
    return PredictRequest(signature, "instances" in document, inputs)


def decode_instances(
    instances: object, signature: SignatureSpec, locate: Callable[[int, str | None], str]
) -> Arrays:
    """Turns a list of rows into one array for each input, along a new first axis.

    Args:
        instances: a list of objects keyed by input name or, if the signature has one input, of
            bare values.
        signature: names, dtypes and shapes `[batch, ...]` to check against.
        locate: given the 0-based row and the input's name, if known, begins an error message.

    Raises:
        RequestError: status 400, or 501 for dtypes JSON cannot express.
    """
    if type(instances) is not list:
        raise RequestError(
            400, f"Expecting 'instances' to be a list/array, but it is {show_value(instances)}"
        )
    if not instances:
        raise RequestError(400, "No values in 'instances' array; give at least one row")
    for spec in signature.inputs.values():
        if spec.shape == ():
            raise RequestError(
                400,
                f'input "{spec.name}" of signature "{signature.name}" is one value for the whole '
                "request, so rows cannot hold it; use 'inputs' instead of 'instances'",
            )
    names = list(signature.inputs)
    if any(_is_row_object(instance) for instance in instances):
        _check_row_objects(instances, names, locate)
        columns = {name: [instance[name] for instance in instances] for name in names}
    elif len(names) == 1:
        columns = {names[0]: instances}
    else:
        raise RequestError(
            400,
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            f"required: {', '.join(names)}",
        )

    def locate_in(name: str) -> Callable[[tuple[int, ...]], str]:
        return lambda path: locate(path[0], name) if path else f'input "{name}": '

    return {
        name: array_from_json(column, signature.inputs[name], locate_in(name))
        for name, column in columns.items()
    }


def encode_predict(outputs: Mapping[str, np.ndarray], row_format: bool) -> bytes:
    """Encodes outputs as `{"predictions": rows}` or `{"outputs": columns}`.

    Raises:
        RequestError: status 400 if rows were asked for and the outputs have no common first axis;
            501 for a dtype JSON cannot express.
    """
    if row_format:
        rows = encode_rows(outputs)
        if len(outputs) == 1:
            (name,) = outputs
            rows = [row[name] for row in rows]
        return _dump({"predictions": rows})
    columns = {name: json_from_array(array, name) for name, array in outputs.items()}
    return _dump({"outputs": next(iter(columns.values())) if len(columns) == 1 else columns})


def encode_rows(outputs: Mapping[str, np.ndarray]) -> list[dict[str, object]]:
    """Turns outputs `[batch, ...]` into one object a row, every output under its name.

    Raises:
        RequestError: as `encode_predict` does.
    """
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if len(set(sizes.values())) != 1 or None in sizes.values():
        shown = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise RequestError(
            400,
            f"the outputs have inconsistent batch size ({shown}), so they do not make rows; use "
            "'inputs' instead of 'instances'",
        )
    columns = [json_from_array(array, name) for name, array in outputs.items()]
    return [dict(zip(outputs, values, strict=True)) for values in zip(*columns, strict=True)]


def encode_error(message: str) -> bytes:
    """`{"error": message}`, in ASCII so that a message may quote any text that came."""
    return json.dumps({"error": message}).encode("ascii")


def _parse(body: bytes) -> dict[str, object]:
    if not body.strip():
        raise RequestError(400, "JSON Parse error: The document is empty")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(
            400,
            f"JSON Parse error: Invalid encoding in string (not UTF-8) at offset: {error.start}",
        ) from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise RequestError(400, f"JSON Parse error: {error.msg} at offset: {offset}") from None
    except RecursionError:
        raise RequestError(400, "JSON Parse error: lists or objects nested too deeply") from None
    except ValueError:
        # Python refuses to convert integers of more than 4,300 digits.
        raise RequestError(400, "JSON Parse error: a number has too many digits") from None
    if type(document) is not dict:
        raise RequestError(400, f"{show_value(document)} Is not object")
    return document


def _finite_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise RequestError(400, f"JSON Parse error: Number too big to be stored in double: {text}")
    return value


def _choose_signature(
    document: dict[str, object], signatures: Mapping[str, SignatureSpec]
) -> SignatureSpec:
    name = document.get("signature_name", DEFAULT_SIGNATURE) or DEFAULT_SIGNATURE
    if type(name) is not str:
        raise RequestError(400, "'signature_name' key must be a string value.")
    if name not in signatures:
        raise RequestError(
            400,
            f'Serving signature name: "{name}" not found in signature def; the model has: '
            + ", ".join(sorted(signatures)),
        )
    if not signatures[name].inputs:
        raise RequestError(400, f"Failed to get input map for signature: {name}")
    return signatures[name]


def _locate_instance(row: int, name: str | None) -> str:
    key = "" if name is None else f" key: {name}"
    return f"Failed to process element: {row}{key} of 'instances' list. Error: "


def _is_row_object(instance: object) -> bool:
    return type(instance) is dict and not is_b64_object(instance)


def _check_row_objects(
    instances: list[object], names: list[str], locate: Callable[[int, str | None], str]
) -> None:
    for row, instance in enumerate(instances):
        if type(instance) is not dict:
            raise RequestError(
                400,
                f"{locate(row, None)}Expecting object but got {show_value(instance)}; its keys "
                f"must be equal to: {','.join(names)}",
            )
        if instance.keys() != set(names):
            missing = [name for name in names if name not in instance]
            unknown = [str(key)[:60] for key in instance if key not in names]
            problems = [f"missing: {','.join(missing)}"] if missing else []
            problems += [f"unknown: {','.join(unknown[:8])}"] if unknown else []
            raise RequestError(
                400,
                f"{locate(row, None)}JSON object: keys must be equal to: {','.join(names)} "
                f"({'; '.join(problems)})",
            )


def _decode_columns(columns: object, signature: SignatureSpec) -> Arrays:
    names = list(signature.inputs)
    if not _is_row_object(columns):
        if len(names) > 1:
            raise RequestError(
                400,
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                f"required: {', '.join(names)}",
            )
        columns = {names[0]: columns}
    for name in names:
        if name not in columns:
            raise RequestError(400, f"Missing named input: {name} in 'inputs' object.")
    for name in columns:
        if name not in names:
            raise RequestError(
                400,
                f"Unknown named input: {name[:60]} in 'inputs' object; allowed: {', '.join(names)}",
            )

    def locate_in(name: str) -> Callable[[tuple[int, ...]], str]:
        return lambda path: f"inputs.{name}{''.join(f'[{index}]' for index in path)}: "

    arrays = {
        name: array_from_json(columns[name], spec, locate_in(name))
        for name, spec in signature.inputs.items()
    }
    if signature.batchable:
        sizes = {name: array.shape[0] for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            shown = ", ".join(f"{name}: {size}" for name, size in sizes.items())
            raise RequestError(400, f"all 'inputs' need the same number of rows; got {shown}")
        if 0 in sizes.values():
            raise RequestError(400, "No values in 'inputs'; give at least one row")
    return arrays


def _dump(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
