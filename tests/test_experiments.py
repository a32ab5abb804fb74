"""Experiments as a data scientist types them, and the reference's recipe over many seeds."""

import re
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Checkout, reference_recipe

pytestmark = pytest.mark.slow


@pytest.fixture
def done(quick: Checkout, tmp_path: Path) -> Checkout:
    """A checkout in which the pipeline has run, to experiment in."""
    return quick.copy(tmp_path / "checkout")


def leaderboard(checkout: Checkout) -> list[list[str]]:
    """The rows of the leaderboard, each as its cells; the first is that of the base."""
    told = checkout.run("python", "-m", "commands.leaderboard", "main").splitlines()
    table = [line for line in told if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:]]


def test_a_first_experiment_is_reviewed_listed_and_drawn(done: Checkout) -> None:
    """It is in the workspace, and compared with main all the same."""
    done.run("dvc", "exp", "run", "--name", "first", "-S", "model.layers=4")
    assert "| model.layers | 1 | 4 |" in done.run("python", "-m", "commands.review", "main")
    base, first = leaderboard(done)
    assert base[0].startswith("**main (")
    assert first[:2] == ["first", "model.layers 4"]
    done.run("python", "-m", "commands.report", "main")
    assert "Review of the workspace against main" in done.read("report.html")


def test_experiments_in_the_queue_worked_off_by_two_workers(done: Checkout) -> None:
    done.run("dvc", "exp", "run", "--queue", "-S", "model.hidden=16,24")
    done.run("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 300
    while (status := done.run("dvc", "queue", "status")).count("Success") < 2:
        assert "Failed" not in status, status
        assert time.monotonic() < deadline, status
        time.sleep(2)
    _, *tried = leaderboard(done)
    assert {row[1] for row in tried} == {"model.hidden 16", "model.hidden 24"}
    errors = [float(row[3]) for row in tried]
    assert errors == sorted(errors)


def test_a_comment_in_the_code_is_one_line_of_review(done: Checkout) -> None:
    path = done.path / "nextsem/network/network.py"
    path.write_text(path.read_text(encoding="utf-8") + "# A comment.\n", encoding="utf-8")
    done.run("dvc", "repro")
    told = done.run("python", "-m", "commands.review", "main")
    assert re.fullmatch("Nothing that matters changed: .*\n", told)


def test_the_reference_recipe_over_twenty_seeds(tmp_path: Path, published: Path) -> None:
    """Faithfulness: the figure that the notebook reports is one draw of this distribution."""
    checkout = Checkout(tmp_path / "checkout")
    checkout.change(reference_recipe() | {"data.table": str(published)})
    for stage in ("prepare", "train", "evaluate"):
        checkout.stage(stage)
    errors = pd.read_csv(checkout.path / "metrics/plots/members.csv")["mse"]
    assert 0.22 <= errors.mean() <= 0.29
    assert errors.min() <= 0.2261 <= errors.max()
