"""The list of tables: errors of all forecasters on the same folds, and a page that shows them."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.cohorts import able, made
from nextsem.comparison.significance import paired_difference
from nextsem.forecaster.fitting import fit_forecaster
from nextsem.shared.params import Params
from nextsem.validation.baselines import BASELINES
from nextsem.validation.folds import folds
from tests.conftest import PARAMETERS, ROOT

STUDENTS = made(able(1, 30, 3, 7, 0.8), 10)


@pytest.fixture(scope="module")
def parameters() -> Params:
    """Those of the repository, with few small networks."""
    flexible = PARAMETERS.model.flexible.model_copy(update={"members": 1})
    small = {"members": 1, "layers": 1, "hidden": 4, "flexible": flexible}
    return PARAMETERS.model_copy(
        update={
            "model": PARAMETERS.model.model_copy(update=small),
            "train": PARAMETERS.train.model_copy(update={"epochs": 5, "validation_size": 0.5}),
        }
    )


@pytest.fixture(scope="module")
def results(parameters: Params) -> dict:
    """What is kept of two small tables, and of one whose file is not there."""
    cohorts = {
        "one": lambda: STUDENTS,
        "two": lambda: made(able(2, 30, 4, 70, 8), 100),
        "elsewhere": partial(Path("no/such.csv").read_text),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "COHORTS", cohorts)
        patch.setattr(tables, "FOLDS", 2)
        return tables.on_tables([*cohorts], 1, parameters)


def test_network_and_rivals_forecast_the_same_folds(results: dict, parameters: Params) -> None:
    parts = folds(STUDENTS, 2, 1, parameters.crossvalidate.seed)
    seeds = np.random.SeedSequence([parameters.train.seed, 30]).generate_state(2)
    errors: dict[str, list[float]] = {"network": [], "linear": []}
    for part, seed in zip(parts, seeds, strict=True):
        train, test = STUDENTS[part.train], STUDENTS[part.test]
        trained = fit_forecaster(train, int(seed), parameters.model, parameters.train, None)
        for name, forecasts in {
            "network": trained.forecaster.predict(test).forecasts,
            "linear": BASELINES["linear"](train, test),
        }.items():
            errors[name].append(np.mean((forecasts - test.grades)[:, -1] ** 2))
    mse = results["tables"]["one"]["mse"]
    assert mse["network"] == pytest.approx(np.mean(errors["network"]))
    assert mse["linear"] == pytest.approx(np.mean(errors["linear"]))


def test_ratios_p_and_coverage_follow_from_forecasts() -> None:
    random = np.random.default_rng(0)
    tested = []
    for _ in range(5):
        actual, error = random.uniform(2, 8, 8), random.normal(size=8)
        rivals = dict.fromkeys(("linear_static", "chosen_inside"), actual + 2 * error)
        rivals |= {"linear": actual + 4 * error, "pooled_ridge": actual + 5 * error}
        forecasts = {"network": actual + error, "stack": actual - error / 2, **rivals}
        ranges = np.column_stack([actual - 1, np.where(np.arange(8) < 6, actual + 1, actual - 0.5)])
        tested.append(tables.Tested(forecasts, actual, ranges))
    found = tables.summary(tested)
    assert found["best_linear"] == "linear_static"
    ratios = {"stack": 4, "best_linear": 1 / 4, "chosen_inside": 1 / 4}
    assert found["ratio"] == pytest.approx(ratios)
    squared = [
        np.mean((own.forecasts["network"] - own.actual) ** 2) * np.array([1, 0.25])
        for own in tested
    ]
    assert found["p"] == pytest.approx(paired_difference(*np.transpose(squared), 5).p)
    assert found["coverage"] == 0.75
    assert found["width"] == pytest.approx(0.75 * 2 + 0.25 * 0.5)


def test_page_shows_what_is_kept(
    results: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tables.keep(results)
    kept = json.loads(tables.RESULTS.read_text())
    assert [*kept["tables"]] == ["one", "two"]
    assert kept["left_out"] == ["elsewhere"]
    lines = tables.PAGE.read_text().splitlines()
    for name, each in kept["tables"].items():
        rows = [
            [cell.strip() for cell in line.split("|")] for line in lines if f"| {name} |" in line
        ]
        errors, ratios, ranges = rows
        shown = ["network", *tables.KINDS, each["best_linear"], "forest", "boosted_trees"]
        shown += ["gaussian_process", "stack", "chosen_inside"]
        assert errors[2:-1] == [
            "30",
            str(each["terms"]),
            *(f"{each['mse'][of]:.4g}" for of in shown),
        ]
        assert float(ratios[2]) == pytest.approx(
            each["mse"]["network"] / each["mse"]["stack"], abs=6e-4
        )
        assert [ranges[2], ranges[4]] == [
            f"{each[of]:.3f}" for of in ("coverage", "coverage_lowest")
        ]
    means = next(line for line in lines if "geometric mean" in line)
    product = np.prod([each["ratio"]["chosen_inside"] for each in kept["tables"].values()])
    assert means.endswith(f" {product**0.5:.3f} |")


def test_page_in_the_repository_shows_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tables.keep(json.loads((ROOT / tables.RESULTS).read_text()))
    assert tables.PAGE.read_text() == (ROOT / tables.PAGE).read_text()
