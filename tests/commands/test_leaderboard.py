"""Experiments in order, against a fixed base, with verdicts that know how many were tried."""

import pytest

from commands import leaderboard
from tests.results import Results


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, *arguments: str
) -> list[str]:
    monkeypatch.setattr("sys.argv", ["leaderboard", *arguments])
    leaderboard.main()
    return capsys.readouterr().out.splitlines()


def rows(lines: list[str]) -> list[list[str]]:
    """Cells of each row of the table, without its head."""
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:]]


def test_the_base_first_then_the_best_and_how_many(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    results.experiment("noise", noise=1, scale=0.03, train__seed=1)
    results.experiment("good", better=0.1, noise=2, model__layers=1)
    results.experiment("bad", better=-0.1, noise=3, code="cell = 'gru'\n")
    results.experiment("fewer", students=50)
    results.experiment("same")
    lines = told(monkeypatch, capsys)
    main = f"main ({results.git('rev-parse', 'main')[:9]})"
    assert lines[0] == f"# 3 experiments against {main}"
    assert [(row[0], row[1], row[-1]) for row in rows(lines)] == [
        (f"**{main}**", "model.layers 3, train.seed 42", ""),
        ("good", "model.layers 1", "better"),
        ("noise", "train.seed 1", "no worse"),
        ("bad", "code of nextsem/network", "worse"),
    ]
    assert "corrected for these 3" in "".join(lines)
    assert "The same results: same." in lines
    assert "- fewer: the forecasts out of fold were 60 and are 50" in lines


def test_an_experiment_in_the_workspace_is_not_the_base(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """After `dvc exp run` the workspace has the experiment's results."""
    results.experiment("good", better=0.1, noise=2, model__layers=1)
    results.write(better=0.1, noise=2, model__layers=1)
    assert [row[0] for row in rows(told(monkeypatch, capsys))][1:] == ["good"]


def test_the_best_of_many_lucky_draws_is_no_progress(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """What is better alone need not be among many: p is corrected."""
    results.experiment("good", better=0.025, noise=2)
    assert rows(told(monkeypatch, capsys))[1][-1] == "better"
    for noise in range(10, 25):
        results.experiment(f"noise-{noise}", noise=noise)
    verdicts = [row[-1] for row in rows(told(monkeypatch, capsys))[1:]]
    assert len(verdicts) == 16
    assert "better" not in verdicts


def test_another_base_and_no_experiment(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert any("for example, makes one" in line for line in told(monkeypatch, capsys))
    results.experiment("good", better=0.1, noise=2)
    results.experiment("other", noise=2)
    assert rows(told(monkeypatch, capsys, "good"))[1][-1] == "worse"
