"""The tables of compare."""

from rich.console import Console

from mtframework.cli.comparison_table import comparison_table, print_differences
from mtframework.evaluation.compare import Comparison
from mtframework.evaluation.evidence import every_metric, evidence_of


def lines_of(table):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    cells = [line.replace("┃", "│").split("│")[1:-1] for line in capture.get().splitlines()]
    return [[cell.strip() for cell in line] for line in cells if line]


BOTH = {"stars/rmse": 1.0, "stars/mae": 0.8, "buy/top_5": 0.25, "buy/top_5_filtered": 0.5}


def test_columns_are_the_tasks_main_metrics():
    evidence = evidence_of([Comparison("joint", 0, BOTH, 2.0, 1.0)])
    assert lines_of(comparison_table(evidence)) == [
        ["", "stars", "buy", "training"],
        ["experiment", "rmse", "top_5", "seconds"],
        ["joint", "1.000", "0.250", "2.0"],
    ]


def test_experiment_without_a_task_has_a_dash():
    results = [
        Comparison("stars", 0, {"stars/rmse": 1.5}, 1.0, 1.0),
        Comparison("joint", 0, BOTH, 2.0, 1.0),
    ]
    assert lines_of(comparison_table(evidence_of(results)))[2] == ["stars", "1.500", "–", "1.0"]


def test_seeds_give_mean_and_interval():
    results = [
        Comparison("a", seed, {"stars/rmse": value}, 1.0, 1.0)
        for seed, value in enumerate((1.0, 2.0, 3.0))
    ]
    # 4.3027 is the table's value of t for 2 degrees of freedom; 4.3027 · 1 / √3 = 2.484.
    assert lines_of(comparison_table(evidence_of(results)))[2] == ["a", "2.000 ±2.484", "1.0"]


def test_all_metrics_stand_in_rows():
    results = [Comparison("joint", 0, BOTH, 2.0, 1.0)]
    evidence = evidence_of(results, metrics=every_metric(results))
    assert lines_of(comparison_table(evidence, in_rows=True)) == [
        ["metric", "joint"],
        ["stars/rmse", "1.000"],
        ["stars/mae", "0.800"],
        ["buy/top_5", "0.250"],
        ["buy/top_5_filtered", "0.500"],
        ["training seconds", "2.0"],
    ]


def test_negative_transfer_is_said():
    results = [
        Comparison(name, seed, {"stars/rmse": value + seed}, 1.0, 1.0, tasks, {}, ["stars/rmse"])
        for name, tasks, value in (("alone", ["stars"], 1.0), ("joint", ["stars", "buy"], 1.5))
        for seed in (0, 1)
    ]
    console = Console(width=120)
    with console.capture() as capture:
        print_differences(console, evidence_of(results, baselines=["alone"]))
    assert "joint: negative transfer: adding buy costs stars 0.5000 RMSE" in capture.get()
