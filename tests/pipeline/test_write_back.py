"""Values written into an experiment file change those values and nothing else of it."""

import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import EXPERIMENT

from pipeline.experiment import ExperimentError, load
from pipeline.write_back import write_values

STYLES = {
    "flow": "network: {cell: lstm, units: 64,}  # wide\ntraining: {epochs: 3}\n",
    "block": (
        "network:  # of the text\n  cell: lstm  # or gru\n\n  pooling:\n    - last\n    - max\n"
        "# how\ntraining:\n  early_stopping: null   # none\n  epochs: 3\n\n"
    ),
    "flow of many lines": (
        "network: {\n  cell: lstm,\n  pooling: [last,\n    max],  # both\n  units: 3  # d\n}\n"
        "training: {  # how\n  epochs: 3,  # e\n  clip_norm: 1.0,  # c\n  # end\n}\n"
    ),
    "flow on the next line": "network:\n  {}  # none\ntraining:\n  {epochs:\n    3}\n",
    "list at its key": (
        "training: &t  # anchor\n    learning_rate: !!float 1\n    early_stopping:\n"
        "        # after\n        patience: 2  # p\n"
        "network: &n\n  pooling:  # of the steps\n  # kept\n  - mean\n  - max\n  units: 7  # u\n"
    ),
    "no values": (
        "network:  # default\ntraining:\n  clip_norm:  # none\n  early_stopping:\n  epochs: 3\n"
        "release:\n"
    ),
    "no values in a flow": "training: {early_stopping:, epochs: 3, clip_norm:}\nnetwork: {}\n",
    "text blocks": "network:\n  pooling:\n    - >-\n      last\n\n  cell: |-\n    gru\n# end\n",
    "absent": "# nothing of the network\n",
    "empty": "network:\ntraining:\n",
}
HEAD = (
    "name: order\ndata: {path: rows.jsonl, format: jsonl}\nfeatures:\n  text: {kind: text}\n"
    "task: {kind: classify, label: label}\n"
)
VALUES = st.dictionaries(
    st.sampled_from(
        [
            *("network.units", "network.dropout", "network.cell", "network.pooling"),
            *("training.learning_rate", "training.clip_norm", "training.early_stopping.patience"),
        ]
    ),
    st.none(),
    min_size=1,
).flatmap(
    lambda fields: st.fixed_dictionaries(
        {
            field: {
                "network.units": st.integers(1, 512),
                "network.dropout": st.floats(0, 0.9),
                "training.learning_rate": st.floats(1e-9, 1.0),
                "network.cell": st.sampled_from(["lstm", "gru"]),
                "network.pooling": st.sampled_from([["last"], ["mean", "max"]]),
                "training.clip_norm": st.none() | st.floats(1e-3, 9),
                "training.early_stopping.patience": st.integers(1, 9),
            }[field]
            for field in fields
        }
    )
)


@given(st.sampled_from(sorted(STYLES)), VALUES, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_file_reads_back_with_the_values(
    tmp_path_factory: pytest.TempPathFactory,
    style: str,
    values: dict,
    ends_with_line: bool,
    newline: str,
) -> None:
    file = tmp_path_factory.mktemp("write") / "order.yaml"
    text = HEAD + STYLES[style]
    if not ends_with_line:
        text = text.rstrip("\n")
    file.write_text(text, encoding="utf-8", newline=newline)
    expected = yaml.safe_load(text)
    write_values(str(file), values)
    for field, value in values.items():
        place = expected
        *outer, last = field.split(".")
        for name in outer:
            place[name] = place.get(name) or {}
            place = place[name]
        place[last] = value
    with open(file, encoding="utf-8", newline="") as stream:
        written = stream.read()
    assert repr(yaml.safe_load(written)) == repr(expected)
    assert written.count("\n") == written.count(newline)
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    after = [line.partition("#")[2] for line in written.splitlines() if "#" in line]
    assert sorted(after) == sorted(comments)


def test_says_what_stood_there(tmp_path: Path) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    lines = write_values(str(file), {"network.units": 32, "network.layers": 2})
    assert lines == [
        f"{file}: network.units: 32 (was 16)",
        f"{file}: network.layers: 2 (new)",
    ]
    assert load(str(file)).network.units == 32
    assert list(tmp_path.iterdir()) == [file]


def test_file_is_left_alone_where_it_would_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    with pytest.raises(ExperimentError, match="is unchanged, since it would not be read") as error:
        write_values(str(file), {"network.units": 0})
    assert f"\n{file}:6: network.units" in str(error.value)
    assert file.read_text(encoding="utf-8") == EXPERIMENT
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        (
            "network: {\n  cell: lstm,\n  units: 3  # d\n}\n",
            {"network.dropout": 0.5},
            "network: {\n  cell: lstm,\n  units: 3, dropout: 0.5  # d\n}\n",
        ),
        (
            "network: {\n  units: 3,  # d\n}\n",
            {"network.dropout": 0.5},
            "network: {\n  units: 3, dropout: 0.5  # d\n}\n",
        ),
        (
            "network:\n  pooling:\n  - mean\n  units: 3\n",
            {"network.pooling": ["last"]},
            "network:\n  pooling: [last]\n  units: 3\n",
        ),
        (
            "network:\n  units:\n  layers:  # deep\n",
            {"network.units": 7, "network.layers": 2},
            "network:\n  units: 7\n  layers: 2  # deep\n",
        ),
        (
            "network: &n\n  units: 3\n",
            {"network.dropout": 1 / 3},
            "network: &n\n  units: 3\n  dropout: 0.3333333333333333\n",
        ),
        ("training:\n", {"training.learning_rate": 1e-5}, "training: {learning_rate: 1.0e-05}\n"),
    ],
)
def test_value_stands_where_its_key_does(
    tmp_path: Path, before: str, values: dict, after: str
) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(HEAD + before, encoding="utf-8")
    write_values(str(file), values)
    assert file.read_text(encoding="utf-8") == HEAD + after


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            "network: {embedding_size: &u 3, units: *u}",
            r"network\.units \(line 6\) is an alias of line 6; write it out",
        ),
        (
            "network: {units: &u 3, embedding_size: *u}",
            r"network\.units \(line 6\) has an alias, \*u; write that out",
        ),
        (
            "training: &x {}\nnetwork: *x",
            r"network \(line 7\) is an alias of line 6; write it out",
        ),
        ("network: {? units}", r"the file would be read with other values"),
        ("network: {units: 3", r"order\.yaml:7: not valid YAML"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, network: str, message: str) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(f"{HEAD}{network}\n", encoding="utf-8")
    with pytest.raises(ExperimentError, match=message):
        write_values(str(file), {"network.units": 7})
    assert file.read_text(encoding="utf-8") == f"{HEAD}{network}\n"
    assert list(tmp_path.iterdir()) == [file]


def test_link_and_mode_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "files" / "order.yaml"
    file.parent.mkdir()
    file.write_text(EXPERIMENT, encoding="utf-8")
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    assert write_values(str(link), {"network.units": 32})[0].startswith(f"{link}: network.units")
    assert link.is_symlink()
    assert load(str(file)).network.units == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]
