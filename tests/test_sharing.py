"""Sharing with others, through a folder as DVC's remote: results, experiments and a released model."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Checkout
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
