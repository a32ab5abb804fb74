"""The whole pipeline, run by DVC in fresh checkouts."""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT, Checkout

STAGES = set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])


def ran(output: str) -> set[str]:
    return set(re.findall(r"Running stage '(\w+)'", output))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run once, with the parameters as they are committed."""
    checkout = Checkout(tmp_path_factory.mktemp("done") / "checkout")
    assert ran(checkout.run("dvc", "repro", "--force", "--no-run-cache")) == STAGES
    return checkout


@pytest.fixture(scope="module")
def repeatable(quick: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout of which each test may run again what it changes."""
    return quick.copy(tmp_path_factory.mktemp("repeatable") / "checkout")


@pytest.fixture
def restored(repeatable: Checkout) -> Iterator[None]:
    """Undo what a test does to the shared checkout."""
    yield
    repeatable.run("git", "checkout", "--quiet", "--", ".")
    repeatable.run("dvc", "checkout", "--quiet", "--force")


@pytest.mark.slow
def test_the_same_bytes_in_another_folder(done: Checkout) -> None:
    """As in the folder that the committed results are from."""
    changed = done.run("git", "diff", "--stat", "--", "metrics", "dvc.lock")
    assert changed == "", f"what is committed is not what the code gives: {changed}"


@pytest.mark.slow
def test_a_second_run_does_nothing(done: Checkout) -> None:
    assert ran(done.run("dvc", "repro")) == set()
    assert done.run("git", "status", "--short") == ""


@pytest.mark.slow
def test_a_failed_run_comes_back_after_the_mend(repeatable: Checkout, restored: None) -> None:
    lock = repeatable.read("dvc.lock")
    before = repeatable.read("params.yaml")
    wrong = re.sub(r"(?m)^  hidden: .*$", "  hidden: none", before)
    (repeatable.path / "params.yaml").write_text(wrong)
    failed = repeatable.run("dvc", "repro", check=False)
    assert "params.yaml: model.hidden is 'none'" in failed
    assert "Traceback" not in failed
    (repeatable.path / "params.yaml").write_text(before)
    repeatable.run("dvc", "repro")
    assert repeatable.read("dvc.lock") == lock
    assert repeatable.run("git", "status", "--short") == ""


@pytest.mark.slow
def test_workbooks_open_and_agree(done: Checkout) -> None:
    predicted = openpyxl.load_workbook(done.path / "data/predictions/predicted_scores.xlsx").active
    actual = openpyxl.load_workbook(done.path / "data/predictions/testing_data.xlsx").active
    assert [cell.value for cell in predicted[1]] == ["Predicted Exam Score", "Student"]
    assert [cell.value for cell in actual[1]] == ["Student", "5th"]
    assert [row[1].value for row in predicted][1:] == [row[0].value for row in actual][1:]
    assert predicted["A2"].number_format == "0.00"
    metrics = json.loads(done.read("metrics/test.json"))
    pairs = list(zip(predicted["A"][1:], actual["B"][1:], strict=True))
    assert len(pairs) == metrics["n"] == 34
    error = sum((first.value - second.value) ** 2 for first, second in pairs) / len(pairs)
    assert error == pytest.approx(metrics["mse"], abs=1e-5)


@pytest.mark.slow
def test_metrics_and_plots_name_no_student_and_no_grade(done: Checkout) -> None:
    tracked = done.run("git", "ls-files").splitlines()
    assert not [name for name in tracked if name.startswith(("models/", "data/p"))]
    students = set(pd.read_csv(done.path / "data/prepared/complete.csv")["student"])
    for name in tracked:
        if name.startswith("metrics/") and not name.endswith(".png"):
            assert not [student for student in students if student in done.read(name)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernels' switches are those of Linux")
def test_another_processor_gives_the_same_bytes(done: Checkout) -> None:
    """As far as one machine can play another: switches that hide its newer instructions."""
    model = hashlib.md5((done.path / "models/forecaster.safetensors").read_bytes()).hexdigest()
    older = {
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OMP_NUM_THREADS": "1",
    }
    done.run("python", "-m", "stages.train", **older)
    again = hashlib.md5((done.path / "models/forecaster.safetensors").read_bytes()).hexdigest()
    assert again == model


def test_a_stage_without_its_environment_says_so(checkout: Checkout, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    checkout.run(sys._base_executable, "-m", "venv", "--without-pip", str(bare))
    said = checkout.run(str(bare / "bin/python"), "-m", "stages.prepare", check=False)
    assert said.count("\n") == 1
    assert "activate the environment that `make` sets up: . .venv/bin/activate" in said
