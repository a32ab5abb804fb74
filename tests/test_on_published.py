"""The pipeline on the published table, compared with what is known of it."""

import hashlib
import json

import pytest

from tests.conftest import ROOT, Checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, published) -> Checkout:
    """A checkout that has run on the published table, as an experiment in the workspace."""
    checkout = Checkout(tmp_path_factory.mktemp("published") / "checkout")
    checkout.run(
        *("dvc", "exp", "run", "-S", "data.table=data/raw/published.csv"),
        *("-S", "crossvalidate.repeats=10"),
        NEXTSEM_PUBLISHED=str(published),
    )
    return checkout


@pytest.fixture(scope="module")
def folds(done: Checkout) -> dict:
    """The cross-validation, ten times five folds."""
    return json.loads(done.read("metrics/crossvalidation.json"))


def test_errors_on_the_published_split(done: Checkout) -> None:
    test = json.loads(done.read("metrics/test.json"))
    assert test["baselines"]["linear"] == pytest.approx(0.185855, abs=1e-6)
    assert test["baselines"]["last"] == pytest.approx(0.3197, abs=5e-5)
    assert test["mse"] <= 0.165
    assert test["n"] == 34


def test_errors_on_the_known_folds(folds: dict) -> None:
    found = {name: each["mse"] for name, each in folds["forecasters"].items()}
    assert found["linear"] == pytest.approx(0.2597, abs=0.0005)
    assert found["linear_static"] == pytest.approx(0.2378, abs=0.0005)
    assert found["last"] == pytest.approx(0.473, abs=0.0005)
    assert 0.230 <= found["pooled_ridge"] <= 0.234
    assert found["network"] == min(found.values())
    assert found["network"] <= 0.2275


def test_ranges_hold_and_risks_are_right(folds: dict) -> None:
    ranges, risk = folds["intervals"], folds["risk"]
    assert 0.88 <= ranges["coverage"] <= 0.92
    assert ranges["width"] <= 1.70
    assert min(each["coverage"] for each in ranges["by"].values()) >= 0.87
    assert risk["brier"] < risk["brier_linear"] < risk["brier_base"]


def test_results_are_those_that_docs_tell(folds: dict) -> None:
    """But for what another processor explains."""
    kept = json.loads((ROOT / "docs/published/defaults.json").read_text())["crossvalidation"]
    for name, each in kept["forecasters"].items():
        for metric in ("mse", "mae", "r2"):
            found = folds["forecasters"][name][metric]
            assert found == pytest.approx(each[metric], abs=0.003), f"{name}: {metric}"


def test_leaving_a_college_out(folds: dict) -> None:
    linear = {category: each["linear"] for category, each in folds["unseen"].items()}
    expected = {"115": 0.138, "116": 0.231, "165": 0.417, "241": 0.494}
    assert linear == pytest.approx(expected, abs=0.0005)


def test_the_published_table_stays_out_of_git_and_cache(done: Checkout) -> None:
    assert "published.csv" not in done.run("git", "ls-files")
    md5 = hashlib.md5((done.path / "data/raw/published.csv").read_bytes()).hexdigest()
    assert not (done.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).exists()
