"""Experiments in order, against a fixed base, with verdicts that know how many were tried."""

from commands import leaderboard
from tests.commands.conftest import Typed
from tests.results import Results


def rows(told: str) -> list[list[str]]:
    """Cells of each row of the table, without its head."""
    table = [line for line in told.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:]]


def test_the_base_first_then_the_best_and_how_many(results: Results, typed: Typed) -> None:
    results.experiment("noise", noise=1, scale=0.03, train__seed=1)
    results.experiment("good", better=0.1, noise=2, model__layers=1)
    results.experiment("bad", better=-0.1, noise=3, code="cell = 'gru'\n")
    results.experiment("fewer", students=50)
    results.experiment("same")
    told = typed(leaderboard)
    main = f"main ({results.git('rev-parse', 'main')[:9]})"
    assert told.splitlines()[0] == f"# 3 experiments against {main}"
    assert [(row[0], row[1], row[-1]) for row in rows(told)] == [
        (f"**{main}**", "model.layers 3, train.seed 42", ""),
        ("good", "model.layers 1", "better"),
        ("noise", "train.seed 1", "no worse"),
        ("bad", "code of nextsem/network", "worse"),
    ]
    assert "corrected for these 3" in told
    assert "\nThe same results: same.\n" in told
    assert "- fewer: the forecasts out of fold were 60 and are 50\n" in told


def test_an_experiment_in_the_workspace_is_not_the_base(results: Results, typed: Typed) -> None:
    """After `dvc exp run` the workspace has the experiment's results."""
    results.experiment("good", better=0.1, noise=2, model__layers=1)
    results.write(better=0.1, noise=2, model__layers=1)
    assert [row[0] for row in rows(typed(leaderboard))][1:] == ["good"]


def test_the_best_of_many_lucky_draws_is_no_progress(results: Results, typed: Typed) -> None:
    """What is better alone need not be among many: p is corrected."""
    results.experiment("good", better=0.025, noise=2)
    assert rows(typed(leaderboard))[1][-1] == "better"
    for noise in range(10, 25):
        results.experiment(f"noise-{noise}", noise=noise)
    verdicts = [row[-1] for row in rows(typed(leaderboard))[1:]]
    assert len(verdicts) == 16
    assert "better" not in verdicts


def test_another_base_and_no_experiment(results: Results, typed: Typed) -> None:
    assert "to make one, run for example" in typed(leaderboard)
    results.experiment("good", better=0.1, noise=2)
    results.experiment("other", noise=2)
    assert rows(typed(leaderboard, "good"))[1][-1] == "worse"
