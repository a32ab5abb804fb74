"""The whole pipeline, run by DVC in fresh checkouts."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from tests.conftest import ROOT, Checkout

STAGES = {"simulate", "prepare", "correlate", "train", "evaluate", "forecast", "crossvalidate"}
FORECASTER = {"train", "evaluate", "forecast"}


def ran(output: str) -> set[str]:
    return set(re.findall(r"Running stage '(\w+)'", output))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run once."""
    checkout = Checkout(tmp_path_factory.mktemp("done") / "checkout")
    assert ran(checkout.run("dvc", "repro", "--force", "--no-run-cache")) >= STAGES
    checkout.commit("ran")
    return checkout


@pytest.fixture
def restored(done: Checkout) -> Iterator[None]:
    """Undo what a test does to the shared checkout."""
    yield
    done.run("git", "checkout", "--quiet", "--", ".")
    done.run("dvc", "checkout", "--quiet", "--force")


def test_the_same_bytes_in_another_folder(done: Checkout, checkout: Checkout) -> None:
    checkout.run("dvc", "repro", "--force")
    assert checkout.read("dvc.lock") == done.read("dvc.lock")
    changed = checkout.run("git", "diff", "--stat", "--", "metrics", "dvc.lock")
    assert changed == "", f"what is committed is not what the code gives: {changed}"


def test_a_second_run_does_nothing(done: Checkout) -> None:
    assert ran(done.run("dvc", "repro")) == set()
    assert done.run("git", "status", "--short") == ""


@pytest.mark.parametrize(
    ("change", "rerun"),
    [
        (("params.yaml", "  epochs: 1000", "  epochs: 40"), FORECASTER | {"crossvalidate"}),
        (("params.yaml", "  layers: 3", "  layers: 1"), FORECASTER | {"crossvalidate"}),
        (("params.yaml", "  repeats: 2", "  repeats: 1"), {"crossvalidate"}),
        (("params.yaml", "  test_size: 0.2", "  test_size: 0.3"), FORECASTER | {"prepare"}),
        (
            ("nextsem/figures.py", '"""Pictures."""', '"""Pictures, all."""'),
            {"correlate", "crossvalidate"},
        ),
        (("nextsem/baselines.py", '"""What', '"""Whatever'), {"evaluate", "crossvalidate"}),
        (("params.yaml", "  seed: 42\n\n\n# Split", "  seed: 41\n\n\n# Split"), STAGES),
    ],
    ids=["epochs", "layers", "repeats", "split", "figures", "baselines", "simulated cohort"],
)
def test_just_what_depends_on_a_change_runs_again(
    done: Checkout, restored: None, change: tuple[str, str, str], rerun: set[str]
) -> None:
    done.replace(*change)
    assert ran(done.run("dvc", "repro")) == rerun


def test_one_changed_grade_reruns_all_that_depends_on_it(done: Checkout, restored: None) -> None:
    table = done.path / "data/raw/own.csv"
    frame = pd.read_csv(done.path / "data/raw/simulated.csv")
    frame.to_csv(table, index=False)
    done.replace("params.yaml", "data/raw/simulated.csv", "data/raw/own.csv")
    done.run("dvc", "repro")
    learnt = pd.read_csv(done.path / "data/prepared/train.csv").iloc[0]
    row = frame.index[(frame["1st"] == learnt["1st"]) & (frame["5th"] == learnt["5th"])][0]
    frame.loc[row, "1st"] = 5.55
    table.unlink()
    frame.to_csv(table, index=False)
    assert ran(done.run("dvc", "repro")) == STAGES - {"simulate"}


def test_a_failed_run_comes_back_after_the_mend(done: Checkout, restored: None) -> None:
    lock = done.read("dvc.lock")
    done.replace("params.yaml", "  hidden: 64", "  hidden: none")
    failed = done.run("dvc", "repro", check=False)
    assert "params.yaml: model.hidden is 'none'" in failed
    assert "Traceback" not in failed
    done.replace("params.yaml", "  hidden: none", "  hidden: 64")
    done.run("dvc", "repro")
    assert done.read("dvc.lock") == lock
    assert done.run("git", "status", "--short") == ""


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


def test_metrics_and_plots_name_no_student_and_no_grade(done: Checkout) -> None:
    tracked = done.run("git", "ls-files").splitlines()
    assert not [name for name in tracked if name.startswith(("models/", "data/p"))]
    students = set(pd.read_csv(done.path / "data/prepared/complete.csv")["student"])
    for name in tracked:
        if name.startswith("metrics/") and not name.endswith(".png"):
            assert not [student for student in students if student in done.read(name)]


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


@pytest.fixture(scope="module")
def on_published(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Checkout:
    """A checkout that has run on the published table, as an experiment in the workspace."""
    checkout = Checkout(tmp_path_factory.mktemp("published") / "checkout")
    checkout.run(
        *("dvc", "exp", "run", "-S", "data.table=data/raw/published.csv"),
        NEXTSEM_PUBLISHED=str(published),
    )
    return checkout


@pytest.fixture
def metrics(on_published: Checkout) -> Callable[[str], dict]:
    return lambda name: json.loads(on_published.read(f"metrics/{name}.json"))


def test_published_rows(metrics: Callable[[str], dict]) -> None:
    assert metrics("data") == {
        "rows": {"read": 178, "complete": 169, "train": 135, "test": 34, "pending": 6},
        "left_out": {"blank": 0, "gap_before_last": 3},
    }


def test_published_correlations(on_published: Checkout) -> None:
    pairs = pd.read_csv(on_published.path / "metrics/plots/correlation.csv", index_col="column")
    names = ["1st", "2nd", "3rd", "4th", "5th", "College Code", "Roll", "Roll no.", "Subject Code"]
    expected = {
        "5th": [0.696, 0.755, 0.773, 0.854, 1, -0.123, 0.050, 0.295, -0.137],
        "4th": [0.730, 0.759, 0.822, 1, 0.854, -0.101, -0.038, 0.356, -0.083],
        "3rd": [0.757, 0.763, 1, 0.822, 0.773, 0.097, 0.044, 0.261, 0.080],
        "2nd": [0.785, 1, 0.763, 0.759, 0.755, 0.058, -0.135, 0.183, 0.047],
        "1st": [1, 0.785, 0.757, 0.730, 0.696, -0.093, -0.098, 0.209, 0.001],
    }
    for row, values in expected.items():
        assert pairs.loc[row, names].tolist() == pytest.approx(values, abs=0.0005 + 1e-9)
    assert pairs.loc["College Code", "Subject Code"] == pytest.approx(0.903, abs=0.0005)
    assert pairs.loc["Roll no.", ["College Code", "Roll", "Subject Code"]].isna().all()


def test_published_scores(metrics: Callable[[str], dict]) -> None:
    test = metrics("test")
    assert test["baselines"]["linear"] == pytest.approx(0.185855, abs=1e-6)
    assert test["baselines"]["last"] == pytest.approx(0.3197, abs=5e-5)
    assert test["baselines"]["mean"] == pytest.approx(0.617, abs=5e-4)
    assert test["mse"] <= 0.165
    assert test["n"] == 34


@pytest.fixture(scope="module")
def repeated(on_published: Checkout) -> dict:
    """Ten repeats on the published table."""
    on_published.replace("params.yaml", "  repeats: 2", "  repeats: 10")
    on_published.stage("crossvalidate")
    return json.loads(on_published.read("metrics/crossvalidation.json"))


def test_published_baselines_on_the_known_folds(repeated: dict) -> None:
    found = {name: each["mse"] for name, each in repeated["forecasters"].items()}
    assert found["linear"] == pytest.approx(0.2597, abs=0.0005)
    assert found["linear_static"] == pytest.approx(0.2378, abs=0.0005)
    assert found["last"] == pytest.approx(0.473, abs=0.0005)
    assert found["mean"] == pytest.approx(1.048, abs=0.0005)
    assert 0.230 <= found["pooled_ridge"] <= 0.234


def test_the_network_beats_every_baseline_on_the_published_table(repeated: dict) -> None:
    found = {name: each["mse"] for name, each in repeated["forecasters"].items()}
    assert found["network"] <= 0.230
    assert found["network"] == min(found.values())


def test_ranges_hold_and_risks_are_right_on_the_published_table(repeated: dict) -> None:
    ranges, risk = repeated["intervals"], repeated["risk"]
    assert 0.88 <= ranges["coverage"] <= 0.92
    assert ranges["width"] <= 1.70
    assert min(each["coverage"] for each in ranges["by"].values()) >= 0.87
    assert risk["brier"] < risk["brier_linear"] < risk["brier_base"]


def test_results_on_the_published_table_have_not_drifted(repeated: dict) -> None:
    """From those kept in docs/, by more than another processor explains."""
    kept = json.loads((ROOT / "docs/published/defaults.json").read_text())["crossvalidation"]
    for name, each in kept["forecasters"].items():
        for metric in ("mse", "mae", "r2"):
            found = repeated["forecasters"][name][metric]
            assert found == pytest.approx(each[metric], abs=0.003), f"{name}: {metric}"
    for metric, tolerance in (("coverage", 0.01), ("width", 0.02)):
        found = repeated["intervals"][metric]
        assert found == pytest.approx(kept["intervals"][metric], abs=tolerance), metric
    assert repeated["risk"] == pytest.approx(kept["risk"], abs=0.002), "risk"


def test_leaving_a_college_out(repeated: dict) -> None:
    linear = {category: each["linear"] for category, each in repeated["unseen"].items()}
    expected = {"115": 0.138, "116": 0.231, "165": 0.417, "241": 0.494}
    assert linear == pytest.approx(expected, abs=0.0005)
    assert sum(each["n"] for each in repeated["unseen"].values()) == 169


def test_the_published_table_stays_out_of_git_and_cache(on_published: Checkout) -> None:
    assert "published.csv" not in on_published.run("git", "ls-files")
    md5 = hashlib.md5((on_published.path / "data/raw/published.csv").read_bytes()).hexdigest()
    cached = on_published.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    assert not cached.exists()
