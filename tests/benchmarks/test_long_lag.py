"""The tasks of benchmarks/long_lag.py, and a tiny case of it from end to end."""

import gzip
import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Imports one of the benchmark's modules, from the folder that the script finds them in."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture(scope="module")
def tasks() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        return importlib.import_module("memory.tasks")


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 20), length=st.integers(2, 60))
def test_adding_asks_for_the_sum_of_one_number_of_each_half(tasks, seed, size, length):
    inputs, targets = tasks.adding(np.random.default_rng(seed), size, length)
    assert inputs.shape == (size, length, 2) and targets.shape == (size, 1)
    for (numbers, marks), target in zip(inputs.transpose(0, 2, 1), targets, strict=True):
        first, second = np.flatnonzero(marks)
        assert first < length // 2 <= second
        assert set(marks) <= {0.0, 1.0} and numbers.min() >= 0 and numbers.max() < 1
        np.testing.assert_allclose(target, numbers[first] + numbers[second], rtol=1e-6)


def test_answering_one_to_adding_errs_by_a_sixth(tasks):
    _, targets = tasks.adding(np.random.default_rng(0), 20_000, 10)
    assert np.square(targets - 1).mean() == pytest.approx(1 / 6, rel=0.03)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 20), length=st.integers(1, 60))
def test_copy_shows_symbols_then_a_delimiter_and_asks_for_them_at_the_end(
    tasks, seed, size, length
):
    inputs, targets = tasks.copy(np.random.default_rng(seed), size, length)
    assert inputs.shape == (size, length + 20, 10) and (inputs.sum(axis=-1) == 1).all()
    shown = inputs.argmax(axis=-1)
    assert (shown[:, :10] < 8).all() and (shown[:, 10 + length - 1] == tasks.DELIMITER).all()
    blanks = np.delete(shown, [*range(10), 10 + length - 1], axis=1)
    assert blanks.shape == (size, length + 9) and (blanks == tasks.BLANK).all()
    assert (targets[:, :-10] == tasks.BLANK).all()
    np.testing.assert_array_equal(targets[:, -10:], shown[:, :10])


def test_copy_without_memory_costs_a_guess_of_each_symbol(tasks):
    _, targets = tasks.copy(np.random.default_rng(0), 50, 100)
    guess = np.where(targets == tasks.BLANK, 0.0, np.log(8))
    assert tasks.copy_without_memory(100) == pytest.approx(guess.mean())
    assert tasks.copy_without_memory(100) == pytest.approx(0.1733, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 20), length=st.integers(1, 60))
def test_parity_counts_the_ones_so_far(tasks, seed, size, length):
    inputs, targets = tasks.parity(np.random.default_rng(seed), size, length)
    assert inputs.shape == (size, length, 1) and targets.shape == (size, length)
    for bits, answers in zip(inputs[..., 0], targets, strict=True):
        odd = False
        for bit, answer in zip(bits, answers, strict=True):
            odd ^= bool(bit)
            assert answer == odd


def test_parity_is_judged_on_sequences_four_times_as_long(tasks, module):
    case = module("memory.cases").Case("parity", "elman", 8, 4, 1e-3, 10, 1.0)
    task = tasks.task_of(case, Path("nowhere"))
    assert task.batch(np.random.default_rng(0), 3)[0].shape == (3, 8, 1)
    assert task.fresh(np.random.default_rng(0), 3)[0].shape == (3, 32, 1)


def idx(values: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.tobytes()
    )


def test_mnist_is_read_from_idx_files_gzipped_or_not(module, tmp_path):
    mnist = module("memory.mnist")
    pixels = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    labels = np.array([7, 0, 9], np.uint8)
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    train, test = mnist.read_mnist(tmp_path)
    np.testing.assert_allclose(train.images * 255, pixels, rtol=1e-6)
    assert test.labels.tolist() == [7, 0, 9]
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(labels)[:-1])
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte: 2 bytes .* shape \[3\] needs 3"):
        mnist.read_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        mnist.read_mnist(tmp_path)


def test_a_pattern_that_fits_nothing_is_refused_with_what_there_is(module):
    cases = module("memory.cases")
    assert [case.name for case in cases.chosen(False, False, ["adding:lstm:1000"])] == [
        "adding:lstm:1000"
    ]
    with pytest.raises(ValueError, match=r"'adding:ltsm' fits no case.*adding:lstm:100"):
        cases.chosen(False, False, ["adding:ltsm"])


def test_the_quick_part_fits_in_four_minutes_and_the_core_in_sixty(module):
    cases = module("memory.cases")
    for quick, most in ((True, 4), (False, 60)):
        assert 0 < cases.most_minutes(cases.chosen(quick, False, []), 2) <= most


def test_a_case_with_a_row_is_skipped_unless_asked_for_again(module, monkeypatch, tmp_path, capsys):
    script, runner = module("long_lag"), module("memory.runner")
    result = {"seed": 3, "solved": False, "measure": "error", "chance": 1 / 6, "figure": 0.2}
    result |= {"steps": 7, "minutes": 0.1, "processor_minutes": 0.1}
    ran = []

    def fake(cases, seed, *others):
        for case in cases:
            ran.append(case.name)
            yield runner.Ended(case, result)

    monkeypatch.setattr(script, "run", fake)
    arguments = ["--only", "adding:gru:100", "--seed", "3", "--output", str(tmp_path)]
    for more in ([], [], ["--again"], ["--only", "parity:gru"]):
        assert script.main([*arguments, *more]) == 0
    assert ran == ["adding:gru:100", "adding:gru:100", "parity:gru:32"]
    assert "1 of 2 in " in capsys.readouterr().out
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [row["case"] for row in rows] == ["adding:gru:100", "parity:gru:32"]


def test_missing_images_leave_mnist_out_with_a_note(module, monkeypatch, tmp_path, capsys):
    script = module("long_lag")
    monkeypatch.setattr(script, "run", lambda cases, *others: iter(cases and pytest.fail()))
    arguments = ["--only", "mnist", "--mnist", str(tmp_path / "no"), "--output", str(tmp_path)]
    assert script.main(arguments) == 0
    said = capsys.readouterr().out
    assert "mnist is left out: there is no" in said and "--mnist FOLDER" in said


def test_a_file_that_holds_no_results_is_refused(module, tmp_path, capsys):
    (tmp_path / "results.json").write_text("[]")
    assert module("long_lag").main(["--quick", "--output", str(tmp_path)]) == 2
    assert "results.json: not a file of results" in capsys.readouterr().out


@pytest.mark.slow
def test_cases_run_in_processes_of_their_own_and_one_that_fails_loses_no_other(
    module, monkeypatch, tmp_path, capsys
):
    script, cases = module("long_lag"), module("memory.cases")
    tiny = cases.Case("adding", "gru", 2, 16, 1e-2, 1000, 1.0)
    unknown = cases.Case("adding", "gruu", 2, 16, 1e-2, 1000, 1.0)
    monkeypatch.setattr(script, "chosen", lambda *asked: [tiny, unknown])
    assert script.main(["--output", str(tmp_path), "--seed", "3"]) == 1
    assert "adding:gruu:2 has no result" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert row["case"] == "adding:gru:2" and row["seed"] == 3
    assert row["solved"] and row["figure"] < 0.01 and row["measure"] == "error"
    assert 0 < row["steps"] <= 1000 and row["minutes"] > 0
    assert row["machine"]["threads"] == 1 and row["machine"]["tensorflow"]
    assert "| adding | gru | 2 | 3 | yes |" in (tmp_path / "results.md").read_text()
