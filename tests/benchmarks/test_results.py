"""The table of results: bars, seeds, minutes, and the page that it is written into."""

from pathlib import Path
from typing import Any

import pytest
from outcomes.cases import Case, check_metrics, chosen, read_cases
from outcomes.records import Records
from outcomes.table import END, START, lines_of, write_between_marks

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CASES = [
    Case(
        name="tags", file="tags", data="tags", metrics={"span_f1": 0.8, "log_loss": 0.5}, minutes=10
    ),
    Case(
        name="rates",
        file="exchange",
        get="rates",
        metrics={"rse": None},
        refused=True,
        beside="0.02",
    ),
]


def row(name: str, seed: int, blessed: bool = True, **figures: tuple[float, float, float]) -> Any:
    """A row whose metrics are (value, baseline, gain)."""
    metrics = {}
    for metric, (value, baseline, gain) in figures.items():
        metrics |= {metric: value, f"{metric}_low": value - 0.1, f"{metric}_high": value + 0.1}
        metrics |= {f"{metric}_baseline": baseline, f"{metric}_gain": gain}
    above = {metric: metric == "span_f1" for metric in figures}
    return {
        "name": name,
        "seed": seed,
        "blessed": blessed,
        "metrics": metrics,
        "higher_is_better": above,
        "compared": {},
        "minutes": 4.0 + 8 * seed,
        "processor_minutes": 7.25,
        "memory_mib": 2048.0,
    }


GOOD = row("tags", 0, span_f1=(0.85, 0.2, 0.65), log_loss=(0.6, 1.0, 0.4))


def test_a_run_is_held_against_its_bars_whichever_way_they_point() -> None:
    first, second = lines_of(CASES, [GOOD])
    assert first == (
        *("[tags](tags.yaml)", "span_f1", "0.8500 (0.7500 to 0.9500)", ">= 0.8: met", "0.2000"),
        *("", "", "yes", "4.0 (7.2 of processor time), <= 10: met", "2.0 GB"),
    )
    assert second[1:5] == ("log_loss", "0.6000 (0.5000 to 0.7000)", "<= 0.5: **missed**", "1.0000")


def test_of_several_seeds_the_mean_and_the_range_are_shown_and_the_slowest_counts() -> None:
    other = row("tags", 1, span_f1=(0.65, 0.2, 0.45), log_loss=(0.2, 1.0, 0.8))
    first, second = lines_of(CASES, [GOOD, other])
    assert first[2:4] == ("0.7500 (of 2 seeds 0.6500 to 0.8500)", ">= 0.8: **missed**")
    assert second[3] == "<= 0.5: met"
    assert first[8] == "12.0 (7.2 of processor time), <= 10: **missed**"


def test_a_refusal_that_is_expected_says_so() -> None:
    (line,) = lines_of(CASES, [row("rates", 0, blessed=False, rse=(0.03, 0.02, -0.01))])
    assert line[0] == "[rates](exchange.yaml)"
    assert line[5:8] == ("", "0.02", "no, as expected")


def test_the_best_baseline_stands_beside_whichever_way_the_metric_points() -> None:
    compared = {
        "majority": {"span_f1": 0.1, "log_loss": 0.5},
        "each step": {"span_f1": 0.7, "log_loss": 0.9},
        "unread": {},
    }
    first, second = lines_of(CASES, [GOOD | {"compared": compared}])
    assert (first[5], second[5]) == ("0.7000 (each step)", "0.5000 (majority)")


def test_rows_are_kept_whole_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    records = Records(file)
    for found in (GOOD, row("tags", 1), GOOD | {"minutes": 1.0}):
        records.add(found)
    again = Records(file)
    assert [(kept["seed"], kept["minutes"]) for kept in again.rows] == [(0, 1.0), (1, 12.0)]
    assert again.of("tags", 2) is None
    file.write_text("[]")
    with pytest.raises(ValueError, match="not a file of results"):
        Records(file)


def test_the_table_goes_between_the_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_between_marks(page, CASES, [GOOD])
    text = page.read_text()
    assert text.startswith(f"before\n{START}\n| experiment |")
    assert text.endswith(f"|\n{END}\nafter\n")
    assert "old" not in text and "0.8500" in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="has no lines"):
        write_between_marks(page, CASES, [GOOD])


def test_cases_are_checked_and_found_by_name(tmp_path: Path) -> None:
    assert chosen(CASES, ["rates"]) == CASES[1:] and chosen(CASES, []) == CASES
    with pytest.raises(ValueError, match=r"--only x: .*; there are: tags, rates"):
        chosen(CASES, ["x"])
    file = tmp_path / "results.yaml"
    file.write_text("tags: {metric: 1}\n")
    with pytest.raises(ValueError, match=r"results\.yaml: tags\.metrics: Field required"):
        read_cases(file)
    file.write_text("tags: {metrics: {span_f1: 1}}\n")
    with pytest.raises(ValueError, match="state data or get, one of them"):
        read_cases(file)


def test_the_cases_that_ship_name_experiments_and_metrics_that_there_are() -> None:
    cases = read_cases(EXPERIMENTS.parent / "benchmarks" / "results.yaml")
    assert len(cases) >= 9
    for case in cases:
        check_metrics(case, EXPERIMENTS)
    with pytest.raises(ValueError, match=r"^imdb: task classify has no metric 'f2'; it has: acc"):
        check_metrics(Case(name="imdb", file="imdb", data="x", metrics={"f2": None}), EXPERIMENTS)
