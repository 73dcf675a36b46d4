"""Values written into an experiment file change those values and nothing else of it."""

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


@given(st.sampled_from(sorted(STYLES)), VALUES, st.booleans())
def test_file_reads_back_with_the_values(
    tmp_path_factory: pytest.TempPathFactory, style: str, values: dict, ends_with_line: bool
) -> None:
    file = tmp_path_factory.mktemp("write") / "order.yaml"
    text = HEAD + STYLES[style]
    file.write_text(text if ends_with_line else text.rstrip("\n"), encoding="utf-8")
    expected = yaml.safe_load(text)
    write_values(str(file), values)
    for field, value in values.items():
        place = expected
        *outer, last = field.split(".")
        for name in outer:
            place[name] = place.get(name) or {}
            place = place[name]
        place[last] = pytest.approx(value, rel=1e-5) if isinstance(value, float) else value
    written = file.read_text(encoding="utf-8")
    assert yaml.safe_load(written) == expected
    for line in text.splitlines():
        if "#" in line:
            assert line.partition("#")[2] in written


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
    with pytest.raises(ExperimentError, match="is unchanged, since it would not be read"):
        write_values(str(file), {"network.units": 0})
    assert file.read_text(encoding="utf-8") == EXPERIMENT
    assert list(tmp_path.iterdir()) == [file]
