"""What differs between a node's share of an experiment then and now, in words.

A share holds only a hash of the node's code, so what each hash is the hash of is kept in the
workspace, in ``code/HASH.json``.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from components.fingerprint import Code, code_of
from pipeline.experiment import Experiment
from pipeline.nodes import nodes
from pipeline.workspace import Workspace

SHOWN = 4
SHOWN_CHARACTERS = 40
FIELDS = {
    "raw": "features",
    "grouped": "data.group",
    "seed": "training.seed",
    "embedding_size": "network.embedding_size",
    "form": "schema",
    "options": "validate",
    "drift": "validate.drift.threshold",
    "skew": "validate.skew.threshold",
}
"""Where the experiment file has what a node's share has under another name."""


def remember_code(experiment: Experiment, place: Workspace, only_tune: bool = False) -> None:
    """Keeps what the code hashes of the nodes that ``nodes`` gives are hashes of."""
    place.code.mkdir(parents=True, exist_ok=True)
    for node in nodes(experiment, only_tune):
        if node.config is None or node.modules is None:
            continue
        path = place.code / f"{node.config(experiment).model_dump()['code']}.json"
        if not path.exists():
            partial = path.with_suffix(".partial")
            content = json.dumps(code_of(node.modules(experiment))._asdict(), indent=1)
            partial.write_text(content, encoding="utf-8")
            os.replace(partial, path)


SCHEMA_FILE = {
    (False, True): "the data are held against the schema file",
    (True, True): "schema file changed",
    (True, False): "the schema is made of the data",
}
"""By whether the schema file was read before, and is read now."""


def changes(
    before: Mapping[str, Any], now: Mapping[str, Any], code: Code | None, place: Workspace
) -> list[str]:
    """What differs between two shares of the same node, a line each; empty if nothing does.

    Args:
        before: the share of an earlier run, as read from JSON.
        now: the share of this one.
        code: what the hash in ``now`` is the hash of.
        place: where ``remember_code`` kept the same of earlier runs.
    """
    said = [*_differences(_fields(before), _fields(now))]
    files = _keys_differ(before.get("contents", {}), now.get("contents", {}), os.path.basename)
    if files and not any(_names_a_file(line) for line in said):
        kind = "data" if "data" in now else "vectors"
        said += [f"{kind} {line}" for line in files]
    if before.get("contract") != now.get("contract"):
        said.append(SCHEMA_FILE[bool(before.get("contract")), bool(now.get("contract"))])
    if before.get("code") != now.get("code"):
        said += _code_changes(_remembered(before.get("code"), place), code)
    return said


def _names_a_file(line: str) -> bool:
    field = line.partition(" ")[0]
    return field == "data.path" or field.endswith(".vectors.file")


def _fields(share: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is told in other words."""
    return {name: share[name] for name in share if name not in ("contents", "code", "contract")}


def _differences(before: Any, now: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            inner = (*path, name)
            if name not in now:
                yield f"{_dotted(inner)} removed"
            elif name not in before:
                yield f"{_dotted(inner)} added"
            else:
                yield from _differences(before[name], now[name], inner)
        return
    yield f"{_dotted(path)} {_short(before)} -> {_short(now)}"


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join([FIELDS.get(path[0], path[0]), *path[1:]])


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _remembered(code_hash: object, place: Workspace) -> Code | None:
    path = place.code / f"{code_hash}.json"
    if not path.is_file():
        return None
    return Code(**json.loads(path.read_text(encoding="utf-8")))


def _code_changes(before: Code | None, now: Code | None) -> list[str]:
    if before is None or now is None:
        return ["code changed (in which files was not kept)"]
    said = [f"code {line}" for line in _keys_differ(before.files, now.files)]
    for name in sorted({*before.libraries, *now.libraries}):
        versions = [code.libraries.get(name, "none") for code in (before, now)]
        if versions[0] != versions[1]:
            said.append(f"{name} {versions[0]} -> {versions[1]}")
    return said


def _keys_differ(before: Mapping[str, str], now: Mapping[str, str], shown=str) -> list[str]:
    """``changed: a, b``, ``added: c``, ``removed: d``: keys of hashes, the first few of each."""
    kinds = {
        "changed": [key for key in before if key in now and before[key] != now[key]],
        "added": [key for key in now if key not in before],
        "removed": [key for key in before if key not in now],
    }
    said = []
    for kind, keys in kinds.items():
        names = [shown(key) for key in sorted(keys)[:SHOWN]]
        if len(keys) > SHOWN:
            names.append(f"and {len(keys) - SHOWN} more")
        if names:
            said.append(f"{kind}: {', '.join(names)}")
    return said
