"""The whole pipeline, run by DVC in fresh checkouts."""

import hashlib
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Checkout
from tests.test_pipeline import ALL, ran


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run once, with the parameters as they are committed."""
    checkout = Checkout(tmp_path_factory.mktemp("done") / "checkout")
    assert ran(checkout.run("dvc", "repro", "--force", "--no-run-cache")) == ALL
    return checkout


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
def test_a_failed_run_comes_back_after_the_mend(quick: Checkout, tmp_path: Path) -> None:
    checkout = quick.copy(tmp_path / "checkout")
    lock, before = checkout.read("dvc.lock"), checkout.read("params.yaml")
    wrong = re.sub(r"(?m)^  hidden: .*$", "  hidden: none", before)
    (checkout.path / "params.yaml").write_text(wrong)
    failed = checkout.run("dvc", "repro", check=False)
    assert "params.yaml: model.hidden is 'none'" in failed
    assert "Traceback" not in failed
    (checkout.path / "params.yaml").write_text(before)
    checkout.run("dvc", "repro")
    assert checkout.read("dvc.lock") == lock
    assert checkout.run("git", "status", "--short") == ""


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
    older = dict.fromkeys(("MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA"), "AVX2")
    older["OMP_NUM_THREADS"] = "1"
    done.run("python", "-m", "stages.train", **older)
    again = hashlib.md5((done.path / "models/forecaster.safetensors").read_bytes()).hexdigest()
    assert again == model


def test_a_stage_without_its_environment_says_so(checkout: Checkout, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    checkout.run(sys._base_executable, "-m", "venv", "--without-pip", str(bare))
    said = checkout.run(str(bare / "bin/python"), "-m", "stages.prepare", check=False)
    assert said.count("\n") == 1
    assert "activate the environment that `make` sets up: . .venv/bin/activate" in said
