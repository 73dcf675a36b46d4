"""The schema file beside an experiment: the contract that its data are held against.

A run without one completes the experiment's schema by what its statistics show and, if the data
pass, leaves it for people to review and commit.  Imports no TensorFlow.
"""

import hashlib
import os
from typing import TYPE_CHECKING

from components.errors import UserError
from components.fingerprint import code_hash
from models.options import TaskOptions
from pipeline.experiment import Experiment

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

COMPLETING = "components.validate.contract"
"""Whose code makes a contract of statistics."""
MADE = "# made of "
HEADER = """\
# What the data of the experiment {name} are held against: rondo schema {file}
# Review and commit it.  What you edit here counts; --update widens it to the last run's data.
"""


def categories(experiment: Experiment) -> list[str]:
    """The features whose values are a closed set, the label among them if it is counted."""
    names = [
        name
        for name, options in experiment.features.items()
        if options.kind == "categorical" and options.raw.dtype == "string"
    ]
    task = experiment.task
    # A task that counts no labels answers with no names.
    if task is not None and type(task).counted is not TaskOptions.counted:
        names.append(task.label)
    return names


def compared(experiment: Experiment) -> list[str]:
    """The features whose values are compared with those of other data.

    Numbers, categories and tokens; not whole texts, of which each row has another one, nor files.
    """
    found = set(categories(experiment))
    for name, options in experiment.features.items():
        # A sequence of texts is looked up by their words, one of tokens by what stands in it.
        tokens = options.raw.is_sequence and options.tokens_of(["one two"]) == ["one two"]
        if options.raw.dtype == "float" or tokens:
            found.add(name)
    return sorted(found)


def path_of(experiment: Experiment) -> str | None:
    """The schema file; None for an experiment that is in no file."""
    return experiment.validation.schema_file


def read(experiment: Experiment) -> "schema_pb2.Schema | None":
    """The schema file, if it is there.

    Raises:
        UserError: it cannot be read, or does not agree with the experiment.
    """
    from components.validate.agreement import disagreements
    from components.validate.contract import reviewed
    from components.validate.schema import schema_of
    from pipeline.node_configs import schema_config

    found = parsed(experiment)
    if found is None:
        return None
    path = path_of(experiment)
    differing = disagreements(reviewed(schema_of(schema_config(experiment))), found)
    if differing:
        raise UserError(
            "\n".join(f"{path}: {line}" for line in differing)
            + "\n(correct the experiment; or, if it is right, `rondo schema FILE --update` writes "
            "the schema of the experiment as it is)"
        )
    return found


def parsed(experiment: Experiment) -> "schema_pb2.Schema | None":
    """The schema file, if it is there, whether or not it agrees with the experiment.

    Raises:
        UserError: it cannot be read.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    text = _text(experiment)
    if text is None:
        return None
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise UserError(
            f"{path_of(experiment)}:{error} (it is a TensorFlow Metadata schema as text; correct "
            "the line, or remove the file and run again for a new one)"
        ) from error


def _text(experiment: Experiment) -> str | None:
    path = path_of(experiment)
    if path is None or not os.path.isfile(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (a schema file is)") from error


def stated(experiment: Experiment) -> str | None:
    """The schema file as the run reads it; None where the run makes the very same one.

    So that the run after the first one, whose data have not changed, finds nothing to do.

    Raises:
        UserError: as ``read``.
    """
    from google.protobuf import text_format

    found = read(experiment)
    if found is None:
        return None
    body = text_format.MessageToString(found)
    return None if _marker(experiment, body) in (_text(experiment) or "") else body


def _marker(experiment: Experiment, body: str) -> str:
    """A line that says which data and which code a contract was made of, and what it was."""
    from pipeline.node_configs import ingest_config, schema_config

    config = ingest_config(experiment)
    read_of = [config.to_json(), schema_config(experiment).to_json(), code_hash([COMPLETING])]
    # Remote data can change under the same name.
    if not config.contents:
        read_of.append(os.urandom(16).hex())
    digests = [hashlib.sha256(text.encode("utf-8")).hexdigest()[:16] for text in (*read_of, body)]
    return f"{MADE}{' '.join(digests)}"


def text_of(experiment: Experiment, schema: "schema_pb2.Schema", of_this_data: bool) -> str:
    """What a schema file holds.

    Args:
        experiment: the experiment.
        schema: its contract.
        of_this_data: whether a run of the experiment, as it and its data are, makes the same one.
    """
    from google.protobuf import text_format

    body = text_format.MessageToString(schema)
    path = path_of(experiment) or ""
    file = os.path.basename(path).removesuffix(".schema.pbtxt") + ".yaml"
    header = HEADER.format(name=experiment.name, file=file)
    if of_this_data:
        header += f"{_marker(experiment, body)}\n"
    return f"{header}\n{body}"


def write(path: str, text: str) -> None:
    """Writes a schema file, whole or not at all."""
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, path)


def keep(experiment: Experiment, folder: str) -> str | None:
    """Saves the contract of a run whose data passed, unless there is a schema file already.

    Args:
        experiment: as it was run.
        folder: of the contract that the run wrote.

    Returns:
        what is to be said of it, if anything.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    path = path_of(experiment)
    if path is None or os.path.exists(path):
        return None
    with open(os.path.join(folder, "schema.pbtxt"), encoding="utf-8") as file:
        schema = text_format.Parse(file.read(), schema_pb2.Schema())
    try:
        write(path, text_of(experiment, schema, of_this_data=True))
    except OSError as error:
        return f"{path}: cannot be saved: {error.strerror} (set validate.schema_file)"
    return f"saved {path}: review and commit it (`rondo schema`)"
