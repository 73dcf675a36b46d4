"""The command line where nothing heavy is needed: help, init, check, runs, and their errors."""

import io
import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from components.errors import UserError
from models.raw import Raw
from pipeline.cli.common import plain_errors
from pipeline.cli.main import COMMANDS, main
from pipeline.cli.predict import read_defaults, read_forms, read_rows, unpadded

RONDO = (sys.executable, "-m", "pipeline.cli.main")


def rondo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RONDO, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_help_is_there_at_once(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = rondo("--help", cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and all(name in done.stdout for name in COMMANDS)
    # Processor time, which other processes on the machine do not lengthen much.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 0.5


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "e.yaml", "--quick"], ["runs"]], ids=str
)
def test_tensorflow_is_not_imported(tmp_path: Path, arguments: list[str]) -> None:
    assert rondo("init", "e", cwd=tmp_path).returncode == 0
    program = (
        "import sys\n"
        "from pipeline.cli.main import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'tfx', 'apache_beam', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert "Usage:" in done.output


def test_init_writes_an_experiment_that_fits_its_sample(tmp_path: Path) -> None:
    done = rondo("init", "my-task", "--folder", "sub", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "# " in (tmp_path / "sub" / "my-task.yaml").read_text()
    checked = rondo("check", "sub/my-task.yaml", "--quick", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "'my-task' is fine" in checked.stdout
    assert "rows: 1,200: train " in checked.stdout and "labels: 2: " in checked.stdout
    assert "of the rows are longer than max_length" in checked.stdout
    assert "predicted" not in checked.stdout and not (tmp_path / "runs").exists()


def test_init_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("precious")
    done = rondo("init", "mine", cwd=tmp_path)
    assert done.returncode == 2 and "exists already" in done.stderr
    assert (tmp_path / "mine.yaml").read_text() == "precious"


def test_mistakes_in_the_file_are_one_message_each(tmp_path: Path) -> None:
    rondo("init", "e", cwd=tmp_path)
    file = tmp_path / "e.yaml"
    text = file.read_text()
    file.write_text(text.replace("max_length", "max_lenght").replace("cell: lstm", "cell: lstn"))
    for command in ("check", "run"):
        done = rondo(command, "e.yaml", cwd=tmp_path)
        assert done.returncode == 2
        assert "e.yaml:18: features.text.max_lenght: unknown option; did you mean max_length?" in (
            done.stderr
        )
        assert "e.yaml:29: network.cell: unknown cell 'lstn'" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_data_mistakes_stop_before_anything_runs(tmp_path: Path) -> None:
    rondo("init", "e", cwd=tmp_path)
    sample = tmp_path / "e-sample.jsonl"
    rows = [json.loads(line) for line in sample.read_text().splitlines()]
    for content, message in (
        (None, "no such file"),
        ("", "holds no rows"),
        ("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows), "no column 'label'"),
    ):
        sample.unlink() if content is None else sample.write_text(content)
        done = rondo("run", "e.yaml", cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert str(sample) in done.stderr and message in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_set_overrides_and_its_mistakes(tmp_path: Path) -> None:
    rondo("init", "e", cwd=tmp_path)
    fine = rondo("check", "e.yaml", "--quick", "--set", "training.epochs=3", cwd=tmp_path)
    assert fine.returncode == 0
    done = rondo("check", "e.yaml", "--set", "training.epoch=3", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("--set training.epoch=3: training.epoch: unknown option")


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    for command in ("serve", "predict", "compare", "backtest", "explain"):
        done = rondo(command, "nothing", cwd=tmp_path)
        assert done.returncode == 2
        assert "no experiment of that name" in done.stderr and "Traceback" not in done.stderr
    assert "no runs" in rondo("runs", cwd=tmp_path).stdout


def test_docs_name_every_option() -> None:
    from components.ingest.options import DataOptions
    from components.spec import ReleaseOptions
    from models.options import options_class, slice_names
    from models.search_space import Between, TuneOptions
    from models.spec import EarlyStopping, NetworkOptions, TrainingOptions

    docs = Path(__file__).parents[2] / "docs"
    pages = [docs / "experiment.md", docs / "tuning.md", *sorted((docs / "tasks").glob("*.md"))]
    documented = "".join(page.read_text() for page in pages)
    classes = [DataOptions, ReleaseOptions, NetworkOptions, TrainingOptions, EarlyStopping]
    classes += [TuneOptions, Between]
    for group in ("features", "tasks"):
        classes += [options_class(group, name) for name in slice_names(group)]
    for options in classes:
        for name in options.model_fields:
            assert f"`{name}" in documented or f"{{{name}:" in documented, (options, name)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["run", "e.yaml", "--home", "e.yaml"], "e.yaml/e"),
        (["init", "f", "--folder", "/proc/x"], "/proc/x"),
        (["init", "f", "--folder", "e.yaml"], "e.yaml"),
    ],
    ids=str,
)
def test_unusable_paths_are_one_line(tmp_path: Path, arguments: list[str], path: str) -> None:
    rondo("init", "e", cwd=tmp_path)
    done = rondo(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and path in done.stderr


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("[/x]"), 1, "unexpected error: ValueError: [/x] ("),
        (PermissionError(13, "Permission denied", "/a"), 2, "/a: Permission denied ("),
        (click.UsageError("no"), 2, "Usage: "),
        (UserError("mine"), 2, "mine\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
    ids=repr,
)
def test_every_error_is_one_message(error: BaseException, status: int, message: str) -> None:
    @click.command()
    @plain_errors
    def command() -> None:
        raise error

    done = CliRunner().invoke(command)
    assert done.exit_code == status and done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_reader_that_has_seen_enough_ends_it_quietly() -> None:
    program = (
        "import click\n"
        "from pipeline.cli.common import plain_errors\n"
        "@click.command()\n"
        "@plain_errors\n"
        "def main():\n"
        "    while True: click.echo('x' * 1000)\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_own_feature_kind_beside_the_file(tmp_path: Path) -> None:
    rondo("init", "e", "--folder", "sub", cwd=tmp_path)
    kind = tmp_path / "sub" / "my_package" / "my_feature"
    kind.mkdir(parents=True)
    (kind.parent / "__init__.py").touch()
    (kind / "__init__.py").write_text(
        "from typing import Literal\n"
        "from models.options import FeatureOptions\n"
        "from models.raw import Raw\n"
        "class Options(FeatureOptions):\n"
        "    kind: Literal['my_package.my_feature']\n"
        "    @property\n"
        "    def raw(self): return Raw(dtype='string')\n"
    )
    (kind / "graph.py").touch()
    file = tmp_path / "sub" / "e.yaml"
    own = "--set=features={text: {kind: my_package.my_feature}}"
    script = Path(sys.executable).parent / "rondo"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [script, "check", file, "--quick", own, "--set=network.pooling=mean"],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is fine" in done.stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a": NaN}', "not finite"),
        (b'{"a": [1, -Infinity]}', "not finite"),
        (b'{"a": 1e39}', "too large"),
        (b'{"a": 1' + b"0" * 400 + b"}", "too large"),
        (b'{"a": 1' + b"0" * 9000 + b"}", "not valid JSON"),
        (b"{'a'}", "not valid JSON"),
        (b"[1]", "missing: a"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_rows_are_one_line(line: bytes, message: str) -> None:
    rows = read_rows(io.BytesIO(b'\xef\xbb\xbf{"a": 1, "id": NaN}\n\n' + line + b"\n"), {"a"})
    assert next(rows) == {"a": 1}
    with pytest.raises(UserError) as caught:
        next(rows)
    said = str(caught.value)
    assert said.startswith("<stdin>:3: ") and message in said and "\n" not in said


def test_missing_fields_get_the_models_defaults(tmp_path: Path) -> None:
    assert read_defaults(tmp_path) == {}
    about = tmp_path / "assets.extra" / "rondo.json"
    about.parent.mkdir()
    about.write_text('{"other": 1}')
    assert read_defaults(tmp_path) == {}
    about.write_text('{"defaults": {"a": 0.5, "unread": 1}}')
    defaults = read_defaults(tmp_path)
    lines = [b"{}", b'{"a": null}', b'{"a": 2}']
    assert [row["a"] for row in read_rows(lines, {"a"}, defaults)] == [0.5, 0.5, 2]
    for content in ('{"defaults": 3}', "[]", "{"):
        about.write_text(content)
        with pytest.raises(UserError, match="export the model again"):
            read_defaults(tmp_path)


SEQUENCES = {
    "words": Raw(dtype="string", shape=(None,)),
    "wave": Raw(dtype="float", shape=(None, 1)),
}
SENT = {"words", "words_length", "wave", "wave_length"}


def test_sequences_get_their_lengths() -> None:
    lines = [
        b'{"words": ["a", "b"], "wave": [1, 2.5], "id": 3}',
        b'{"words": ["a", "", ""], "words_length": 1, "wave": [[1]]}',
    ]
    assert list(read_rows(lines, SENT, {}, SEQUENCES)) == [
        {"words": ["a", "b"], "words_length": 2, "wave": [[1.0], [2.5]], "wave_length": 2},
        {"words": ["a", "", ""], "words_length": 1, "wave": [[1.0]], "wave_length": 1},
    ]
    assert list(read_rows([b"{}"], SENT, {"words": ["x"], "wave": [[0.0]]}, SEQUENCES)) == [
        {"words": ["x"], "words_length": 1, "wave": [[0.0]], "wave_length": 1}
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"words": "a b", "wave": [1]}', "'words': text came, where a list of strings is read"),
        (b'{"words": [["a"]], "wave": [1]}', "'words[0]': a list came, where text is read"),
        (b'{"words": ["a"], "wave": 1}', "'wave': a int came, where a list of numbers is read"),
        (b'{"words": ["a"], "wave": [NaN]}', "'wave[0]': nan came, where a finite number is read"),
        (b'{"words": ["a"]}', "an object with wave, words is read on each line; missing: wave"),
    ],
    ids=str,
)
def test_what_is_no_sequence_is_one_line(line: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        list(read_rows([line], SENT, {}, SEQUENCES))
    said = str(caught.value)
    assert said.startswith("<stdin>:1: ") and message in said and "\n" not in said


def test_forms_come_from_the_model(tmp_path: Path) -> None:
    about = tmp_path / "assets.extra" / "rondo.json"
    about.parent.mkdir()
    forms = {name: raw.model_dump() for name, raw in SEQUENCES.items()}
    about.write_text(json.dumps({"features": forms | {"price": {"dtype": "float", "shape": []}}}))
    assert read_forms(tmp_path) == SEQUENCES | {"price": Raw(dtype="float")}


def test_sequences_of_sequences_are_padded_and_missing_numbers_are_nan() -> None:
    forms = {
        "turns": Raw(dtype="string", shape=(None, None)),
        "price": Raw(dtype="float", nullable=True),
    }
    inputs = {"turns", "turns_length", "turns_length_2", "price"}
    lines = [b'{"turns": [["a", "b"], []], "price": null}', b'{"turns": [["a"]]}']
    first, second = read_rows(lines, inputs, {}, forms)
    assert first["turns"] == [["a", "b"], ["", ""]]
    assert (first["turns_length"], first["turns_length_2"]) == (2, [2, 0])
    assert math.isnan(first["price"]) and math.isnan(second["price"])


def test_answers_are_shown_without_padding() -> None:
    answer = {"answer": ["b", "a", ""], "answer_length": 2, "labels": ["a", "b", "c"], "length": 1}
    assert unpadded(answer) == answer | {"answer": ["b", "a"]}
    steps = {"answer": [["a", ""], ["", ""]], "answer_length": [1, 0], "note_length": 7}
    assert unpadded(steps) == steps | {"answer": [["a"], []]}
