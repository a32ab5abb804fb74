"""stages.verify: are dvc.lock and metrics/ of a commit what its code gives?"""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stages.verify import compare
from tests.conftest import ROOT, Checkout
from tests.test_run import ran

TEST = "metrics/test.json"


def told(name: str, committed: str | bytes | None, made: str | bytes | None) -> list[str]:
    pair = (each.encode() if isinstance(each, str) else each for each in (committed, made))
    return list(compare(name, *pair))


@given(
    st.floats(-1000, 1000).map(lambda value: round(value, 6)),
    st.sampled_from([0.000001, -0.000001]),
)
def test_the_last_decimal_is_the_processor_s(value: float, nudge: float) -> None:
    other = round(value + nudge, 6)
    assert told(TEST, json.dumps({"mse": value}), json.dumps({"mse": other})) == []
    assert told("metrics/plots/loss.csv", f"train\n{value}\n", f"train\n{other}\n") == []


@pytest.mark.parametrize(
    ("name", "committed", "made", "expected"),
    [
        (TEST, '{"mse": 0.18}', '{"mse": 0.181}', "mse is 0.18; the code gives 0.181"),
        (TEST, '{"n": 34}', '{"n": 35}', "n is 34; the code gives 35"),
        (TEST, '{"a": {"b": 1}}', '{"a": {}}', "a.b is 1; the code gives missing"),
        (TEST, '{"mse": null}', '{"mse": 0.5}', "mse is None; the code gives 0.5"),
        (TEST, "<<<<<<< HEAD", '{"mse": 0.5}', "cannot be read: Expecting value"),
        ("metrics/a.png", "no picture", "none either", "cannot be read: not a PNG file"),
        (TEST, None, "{}", "is not committed"),
        (TEST, "{}", None, "no stage makes it"),
        (
            "metrics/e.csv",
            "student\nab\n",
            "student\nac\n",
            "row 2, student is ab; the code gives ac",
        ),
        ("metrics/e.csv", "e\n1.5\n", "e\n1.5\n2.5\n", "row 3, e is missing; the code gives 2.5"),
        ("metrics/e.csv", "e,f\n1.5,1\n", "e\n1.5\n", "row 2, f is 1.0; the code gives missing"),
    ],
)
def test_what_differs_is_told(
    name: str, committed: str | None, made: str | None, expected: str
) -> None:
    found = told(name, committed, made)
    assert found[0].startswith(expected)


LOCK = (ROOT / "dvc.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda stages: stages["train"]["params"]["params.yaml"]["train"].update(seed=7),
            "train.seed",
        ),
        (
            lambda stages: stages["prepare"]["deps"][1].update(md5="0"),
            "prepare, deps, nextsem/__init",
        ),
        (
            lambda stages: stages["prepare"]["outs"][0].update(md5="0"),
            "prepare, outs, data/prepared/",
        ),
        (lambda stages: stages["train"].update(cmd="true"), "train, cmd is"),
        (lambda stages: stages.pop("evaluate"), "evaluate, cmd is missing; the code gives python"),
        (lambda stages: stages["train"]["outs"][1].update(md5="0", size=7), None),
        (lambda stages: stages["evaluate"]["deps"][2].update(md5="0"), None),
        (lambda stages: stages["correlate"]["outs"][0].update(md5="0"), None),
    ],
    ids=["parameter", "code", "table", "command", "stage", "model", "model read", "metrics"],
)
def test_dvc_lock_agrees_but_for_checksums_that_are_the_processor_s(
    change: Callable[[dict], object], expected: str | None
) -> None:
    content = yaml.safe_load(LOCK)
    change(content["stages"])
    found = told("dvc.lock", yaml.safe_dump(content), LOCK)
    assert bool(found) == bool(expected)
    assert not expected or any(expected in line for line in found)


def test_pictures_agree_as_far_as_one_sees() -> None:
    def png(points: np.ndarray) -> bytes:
        file = io.BytesIO()
        matplotlib.image.imsave(file, points, format="png")
        return file.getvalue()

    points = np.random.default_rng(0).random((60, 80, 3))
    other = points.copy()
    other[:20] = 1 - other[:20]
    assert told("metrics/plots/a.png", png(points), png(np.clip(points + 0.02, 0, 1))) == []
    assert "another picture" in told("metrics/plots/a.png", png(points), png(other))[0]
    assert (
        "another picture: 100.0%" in told("metrics/plots/a.png", png(points), png(points[:50]))[0]
    )


def test_no_such_revision(checkout: Checkout) -> None:
    said = checkout.run("python", "-m", "stages.verify", "nowhere", check=False)
    assert "nowhere" in said
    assert "Traceback" not in said


# With whole runs of the pipeline ------------------------------------------------


@pytest.mark.slow
def test_a_commit_made_on_another_processor_passes(quick: Checkout, tmp_path: Path) -> None:
    clone = quick.clone(tmp_path / "clone")
    clone.replace(TEST, (mse := re.search(r'"mse": (\S+),', clone.read(TEST)).group(1)), f"{mse}4")
    model = re.search(r"path: models/forecaster.*\n.*\n *md5: (\w+)", clone.read("dvc.lock")).group(
        1
    )
    clone.replace("dvc.lock", model, "0" * 32)
    clone.commit("ran elsewhere")
    clone.replace("params.yaml", "  hidden: 64", "  hidden: 8")  # not committed, so not looked at
    said = clone.run("python", "-m", "stages.verify")
    assert "dvc.lock and metrics/ are what the code gives" in said
    assert clone.run("git", "status", "--short").split() == ["M", "params.yaml"]


@pytest.mark.slow
def test_a_change_without_its_results_fails(quick: Checkout, tmp_path: Path) -> None:
    """Also where the results were committed as they are, so that DVC takes them for the code's."""
    clone = quick.copy(tmp_path / "clone")
    clone.replace("params.yaml", "  hidden: 64", "  hidden: 8")
    clone.run("dvc", "commit", "--force", "dvc.yaml")
    clone.commit("smaller")
    assert ran(clone.run("dvc", "repro")) == set()
    said = clone.run("python", "-m", "stages.verify", "HEAD", check=False)
    assert "metrics/crossvalidation.json: forecasters.network.mse is" in said
    assert "metrics/crossvalidation.json: and " in said
    assert "are what the code gives" not in said


@pytest.mark.slow
def test_a_file_that_was_not_added_fails(quick: Checkout, tmp_path: Path) -> None:
    clone = quick.clone(tmp_path / "clone")
    clone.replace(
        "stages/simulate.py",
        "from nextsem import",
        "from nextsem.more import more\nfrom nextsem import",
    )
    clone.commit("more")
    (clone.path / "nextsem/more.py").write_text("more = 1\n")
    said = clone.run("python", "-m", "stages.verify", check=False)
    assert "dvc repro --no-run-cache: failed at this revision; the lines above say why" in said


@pytest.mark.slow
def test_a_table_of_one_s_own_comes_from_the_cache(quick: Checkout, tmp_path: Path) -> None:
    clone = quick.copy(tmp_path / "clone")
    (clone.path / "data/raw/mine.csv").write_text(clone.read("data/raw/simulated.csv"))
    clone.run("dvc", "add", "data/raw/mine.csv")
    clone.replace("params.yaml", "data/raw/simulated.csv", "data/raw/mine.csv")
    clone.run("dvc", "repro")
    clone.commit("mine")
    assert "are what the code gives" in clone.run("python", "-m", "stages.verify")
