"""Sharing with others, with real parts: results, experiments and a released model."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Checkout
from tests.test_run import ran

pytestmark = pytest.mark.slow

OUTPUTS = (
    "data/raw/simulated.csv",
    "data/prepared/complete.csv",
    "models/forecaster.safetensors",
    "data/predictions/forecast.xlsx",
)


@pytest.fixture
def mine(quick: Checkout, tmp_path: Path) -> Checkout:
    """A checkout in which the pipeline has run, whose `origin` is a bare repository."""
    mine = quick.copy(tmp_path / "mine")
    mine.run("git", "config", "user.name", "Test")
    mine.run("git", "config", "user.email", "test@example.org")
    mine.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "hub"))
    mine.run("git", "remote", "add", "origin", str(tmp_path / "hub"))
    return mine


@pytest.fixture
def folder(mine: Checkout, tmp_path: Path) -> None:
    """Their storage: a folder."""
    mine.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    mine.commit("storage")
    mine.run("git", "push", "--quiet", "origin", "main")


@pytest.fixture
def bucket(mine: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Their storage: a bucket on a server of S3's kind, which listens on loopback for this test."""
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="nextsem")
        mine.run("dvc", "remote", "add", "--default", "storage", "s3://nextsem/results")
        mine.run("dvc", "remote", "modify", "storage", "endpointurl", endpoint)
        mine.commit("storage")
        mine.run("git", "push", "--quiet", "origin", "main")
        yield
    finally:
        server.stop()


def yours(mine: Checkout) -> Checkout:
    """Another person's checkout, from the bare repository."""
    path = mine.path.with_name("yours")
    mine.run("git", "clone", "--quiet", str(mine.path.with_name("hub")), str(path))
    return mine.at(path)


@pytest.mark.parametrize("storage", ["folder", "bucket"])
def test_results_pushed_here_are_pulled_there(
    mine: Checkout, storage: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(storage)
    mine.run("dvc", "push")
    other = yours(mine)
    assert not (other.path / "models").exists()
    other.run("dvc", "pull")
    for name in OUTPUTS:
        assert (other.path / name).read_bytes() == (mine.path / name).read_bytes()
    assert ran(other.run("dvc", "repro")) == set()
    assert other.run("git", "status", "--short") == ""


def test_an_experiment_pushed_here_is_applied_there(mine: Checkout, folder: None) -> None:
    mine.run("dvc", "exp", "run", "--name", "smaller", "-S", "model.hidden=16")
    mine.run("dvc", "exp", "push", "origin", "smaller")
    other = yours(mine)
    assert "smaller" in other.run("dvc", "exp", "list", "origin")
    other.run("dvc", "exp", "pull", "origin", "smaller")
    other.run("dvc", "exp", "apply", "smaller")
    assert "  hidden: 16" in other.read("params.yaml")
    assert ran(other.run("dvc", "repro")) == set()
    for name in ("metrics/test.json", "metrics/crossvalidation.json", "dvc.lock"):
        assert other.read(name) == mine.read(name) != mine.run("git", "show", f"HEAD:{name}")


def test_a_released_model_forecasts_in_a_clean_clone(mine: Checkout, folder: None) -> None:
    mine.run("dvc", "push")
    mine.run("gto", "register", "forecaster", "--version", "v1.0.0", "--push")
    assert mine.run("git", "cat-file", "-t", "forecaster@v1.0.0").strip() == "tag"
    released = (mine.path / "models/forecaster.safetensors").read_bytes()
    # Main goes on, and the release stays what it was.
    mine.replace("params.yaml", "  hidden: 64", "  hidden: 16")
    mine.run("dvc", "repro", "train")
    mine.commit("smaller")
    mine.run("git", "push", "--quiet", "origin", "main")

    other = yours(mine)
    hub = str(mine.path.with_name("hub"))
    other.run(
        "dvc", "artifacts", "get", hub, "forecaster", "--rev", "v1.0.0", "-o", "v1.safetensors"
    )
    assert (other.path / "v1.safetensors").read_bytes() == released
    said = other.stage(
        *("forecast", "--model", "v1.safetensors", "--output", "forecast.csv"),
        *("--table", str(mine.path / "data/raw/simulated.csv")),
    )
    assert "5 students forecast" in said
    here = pd.read_csv(mine.path / "data/predictions/forecast.csv")
    pd.testing.assert_frame_equal(pd.read_csv(other.path / "forecast.csv"), here)
