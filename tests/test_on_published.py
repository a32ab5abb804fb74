"""The pipeline on the published table, held against what is known of it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT, Checkout


@pytest.fixture(scope="module")
def on_published(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Checkout:
    """A checkout that has run on the published table, as an experiment in the workspace."""
    checkout = Checkout(tmp_path_factory.mktemp("published") / "checkout")
    checkout.run(
        *("dvc", "exp", "run", "-S", "data.table=data/raw/published.csv"),
        *("-S", "crossvalidate.repeats=10"),
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


@pytest.fixture
def repeated(metrics: Callable[[str], dict]) -> dict:
    """Cross-validation, repeated ten times."""
    return metrics("crossvalidation")


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
