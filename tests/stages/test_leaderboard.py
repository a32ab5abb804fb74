"""stages.leaderboard: experiments in order, with verdicts that know how many were tried."""

import pytest

from stages import leaderboard
from tests.results import Results


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, *arguments: str
) -> list[str]:
    monkeypatch.setattr("sys.argv", ["leaderboard", *arguments])
    leaderboard.main()
    return capsys.readouterr().out.splitlines()


def test_best_first_and_how_many(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    results.experiment("noise", noise=1, train__seed=1)
    results.experiment("good", better=0.1, noise=2, model__layers=1)
    results.experiment("bad", better=-0.1, noise=3, model__hidden=8)
    results.experiment("fewer", students=50)
    results.experiment("same")
    lines = told(monkeypatch, capsys)
    assert lines[0] == "# 3 experiments against the workspace"
    assert "corrected for these 3" in lines[2]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")
    ]
    assert [(row[0], row[1], row[-1]) for row in rows[2:]] == [
        ("good", "model.layers 1", "better"),
        ("noise", "train.seed 1", "cannot be told apart"),
        ("bad", "model.hidden 8", "worse"),
    ]
    assert "- fewer: the students were 60 and are 50" in lines
    assert not any("same" in line.split("|")[1:2] for line in lines)


def test_the_best_of_many_lucky_draws_is_no_progress(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """What is better alone need not be among many: p is corrected."""
    results.experiment("good", better=0.025, noise=2)
    assert "| better |" in told(monkeypatch, capsys)[-1]
    for noise in range(10, 40):
        results.experiment(f"noise-{noise}", noise=noise)
    lines = told(monkeypatch, capsys)
    assert lines[0] == "# 31 experiments against the workspace"
    assert "better |" not in "".join(lines)


def test_against_another_revision_and_of_nothing(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert told(monkeypatch, capsys, "main")[0] == (
        f"# 0 experiments against main ({results.git('rev-parse', 'main')[:9]})"
    )
