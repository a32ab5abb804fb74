"""Experiments as a data scientist types them, and sharing with others, through a folder as remote."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Checkout, settings_of
from tests.test_pipeline import ran

pytestmark = pytest.mark.slow


@pytest.fixture
def mine(quick: Checkout, tmp_path: Path) -> Checkout:
    """A checkout in which the pipeline has run, with a bare repository and a folder to share by."""
    mine = quick.copy(tmp_path / "mine")
    mine.run("git", "config", "user.name", "Test")
    mine.run("git", "config", "user.email", "test@example.org")
    mine.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "hub"))
    mine.run("git", "remote", "add", "origin", str(tmp_path / "hub"))
    mine.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    mine.commit("storage")
    mine.run("git", "push", "--quiet", "origin", "main")
    return mine


def yours(mine: Checkout) -> Checkout:
    """Another person's checkout, from the bare repository."""
    path = mine.path.with_name("yours")
    mine.run("git", "clone", "--quiet", str(mine.path.with_name("hub")), str(path))
    return mine.at(path)


def test_results_pushed_here_are_pulled_there(mine: Checkout) -> None:
    mine.run("dvc", "push")
    other = yours(mine)
    other.run("dvc", "pull")
    for name in ("models/forecaster.safetensors", "data/predictions/forecast.xlsx"):
        assert (other.path / name).read_bytes() == (mine.path / name).read_bytes()
    assert ran(other.run("dvc", "repro")) == set()
    assert other.run("git", "status", "--short") == ""


def test_an_experiment_pushed_here_is_applied_there(mine: Checkout) -> None:
    mine.run("dvc", "exp", "run", "--name", "larger", "-S", "model.hidden=16")
    mine.run("dvc", "exp", "push", "origin", "larger")
    other = yours(mine)
    other.run("dvc", "exp", "pull", "origin", "larger")
    other.run("dvc", "exp", "apply", "larger")
    assert "  hidden: 16" in other.read("params.yaml")
    assert ran(other.run("dvc", "repro")) == set()
    for name in ("metrics/test.json", "metrics/summary.json", "dvc.lock"):
        assert other.read(name) == mine.read(name) != mine.run("git", "show", f"HEAD:{name}")


def test_a_released_model_forecasts_in_a_clean_clone(mine: Checkout) -> None:
    mine.run("dvc", "push")
    mine.run("gto", "register", "forecaster", "--version", "v1.0.0", "--push")
    other, hub = yours(mine), str(mine.path.with_name("hub"))
    released = ("forecaster", "--rev", "v1.0.0", "-o", "v1.safetensors")
    other.run("dvc", "artifacts", "get", hub, *released)
    table = str(mine.path / "data/raw/simulated.csv")
    command = ("python", "-m", "commands.forecast", "--table", table)
    other.run(*command, "--model", "v1.safetensors", "--output", "forecast.csv")
    here = pd.read_csv(mine.path / "data/predictions/forecast.csv")
    pd.testing.assert_frame_equal(pd.read_csv(other.path / "forecast.csv"), here)


# Experiments


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


def test_the_reference_recipe_over_twenty_seeds(tmp_path: Path, published: Path) -> None:
    """Faithfulness: the figure that the notebook reports is one draw of this distribution."""
    checkout = Checkout(tmp_path / "checkout")
    checkout.change(settings_of("REFERENCE") | {"data.table": str(published)})
    for stage in ("prepare", "train", "evaluate"):
        checkout.stage(stage)
    errors = pd.read_csv(checkout.path / "metrics/plots/members.csv")["mse"]
    assert 0.22 <= errors.mean() <= 0.29
    assert errors.min() <= 0.2261 <= errors.max()
