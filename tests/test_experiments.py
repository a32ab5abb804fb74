"""Experiments as a data scientist types them, and the reference's recipe over many seeds."""

import json
import re
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import pytest

from tests.conftest import ROOT, Checkout, reference_recipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(quick: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run, to experiment in."""
    return quick.copy(tmp_path_factory.mktemp("experiments") / "checkout")


def test_one_value_and_what_it_changed(done: Checkout) -> None:
    done.run("dvc", "exp", "run", "--name", "deeper", "-S", "model.layers=4")
    metrics = json.loads(done.run("dvc", "metrics", "diff", "--json"))
    assert "forecasters.network.mse" in str(metrics)
    before = json.loads(done.run("git", "show", "HEAD:metrics/test.json"))["mse"]
    after = json.loads(done.read("metrics/test.json"))["mse"]
    shown = done.run("dvc", "metrics", "diff", "--md")
    assert re.search(rf"test.json\s*\|\s*mse\s*\|\s*{before:.5}", shown)
    assert before != after
    parameters = done.run("dvc", "params", "diff", "--md")
    assert re.search(r"model.layers\s*\|\s*3\s*\|\s*4", parameters)
    done.run("dvc", "plots", "diff", "-o", "plots")
    page = (done.path / "plots/index.html").read_text()
    assert all(title in page for title in ("Loss", "Predicted against actual", "Residuals"))
    done.run("git", "checkout", "--quiet", "--", ".")
    done.run("dvc", "checkout", "--quiet", "--force")


def test_a_grid_in_the_queue_worked_off_by_two_workers(done: Checkout) -> None:
    done.run(
        *("dvc", "exp", "run", "--queue"),
        *("-S", "model.layers=1,2", "-S", "model.hidden=range(8,17,8)"),
    )
    done.run("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 300
    while (status := done.run("dvc", "queue", "status")).count("Success") < 4:
        assert "Failed" not in status, status
        assert time.monotonic() < deadline, status
        time.sleep(2)
    shown = json.loads(done.run("dvc", "exp", "show", "--json"))
    tried = set()
    for experiment in (e for base in shown for e in base.get("experiments") or []):
        data = experiment["revs"][-1]["data"]
        model = data["params"]["params.yaml"]["data"]["model"]
        assert data["metrics"]["metrics/test.json"]["data"]["mse"] > 0
        tried.add((model["layers"], model["hidden"]))
    assert {(layers, hidden) for layers in (1, 2) for hidden in (8, 16)} <= tried
    told = done.stage("leaderboard").splitlines()
    rows = [line for line in told if "model.hidden 8" in line or "model.hidden 16" in line]
    assert len(rows) == 4
    count = re.search(r"# (\d+) experiments against the workspace", told[0]).group(1)
    assert f"corrected for these {count} (Holm" in told[2]
    errors = [float(line.split("|")[3]) for line in told if re.match(r"\| \w+-\w+ ", line)]
    assert errors == sorted(errors)


def test_the_random_search_of_the_readme_queues_as_many_as_it_says(done: Checkout) -> None:
    [line] = [line for line in (ROOT / "README.md").read_text().splitlines() if "shuf" in line]
    done.run("bash", "-euc", line.replace("seq 20", "seq 3"))
    tasks = done.run("dvc", "queue", "status")
    done.run("dvc", "queue", "remove", "--queued")
    assert tasks.count("Queued") == 3


def test_a_newcomers_path_takes_less_than_two_minutes(checkout: Checkout, tmp_path: Path) -> None:
    """Of a processor's time, since others may use this machine as well."""
    clone = checkout.clone(tmp_path / "clone")
    before = getrusage(RUSAGE_CHILDREN)
    clone.run("dvc", "exp", "run", "-S", "model.layers=2")
    assert "model.layers" in clone.run("dvc", "params", "diff")
    assert "| model.layers | 3 | 2 |" in clone.stage("review", "main")
    clone.stage("report", "main")
    after = getrusage(RUSAGE_CHILDREN)
    assert "Review of the workspace against main" in clone.read("report.html")
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 120


def test_the_reference_recipe_over_twenty_seeds(tmp_path: Path, published: Path) -> None:
    """Faithfulness: the figure that the notebook reports is one draw of this distribution."""
    checkout = Checkout(tmp_path / "checkout")
    checkout.change(reference_recipe() | {"data.table": str(published)})
    for stage in ("prepare", "train", "evaluate"):
        checkout.stage(stage)
    members = json.loads(checkout.read("metrics/test.json"))["members"]
    assert 0.22 <= members["mean"] <= 0.29
    assert members["min"] <= 0.2261 <= members["max"]
