"""The list of tables: errors of all forecasters on the same folds, and a page that shows them."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.cohorts import able, made
from nextsem.comparison.significance import paired_difference
from tests.conftest import PARAMETERS, ROOT


@pytest.fixture(scope="module")
def results() -> dict:
    """What small networks reach on two small tables, and on one whose file is not there."""
    flexible = PARAMETERS.model.flexible.model_copy(update={"members": 1})
    small = {"members": 1, "layers": 1, "hidden": 4, "flexible": flexible}
    model = PARAMETERS.model.model_copy(update=small)
    train = PARAMETERS.train.model_copy(update={"epochs": 5, "validation_size": 0.5})
    parameters = PARAMETERS.model_copy(update={"model": model, "train": train})
    cohorts = {
        "one": lambda: made(able(1, 30, 3, 7, 0.8), 10),
        "two": lambda: made(able(2, 30, 4, 70, 8), 100),
        "elsewhere": partial(Path("no/such.csv").read_text),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "COHORTS", cohorts)
        patch.setattr(tables, "FOLDS", 2)
        return tables.on_tables([*cohorts], 1, parameters)


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
    squared = [np.mean((own.forecasts["network"] - own.actual) ** 2) for own in tested]
    expected = paired_difference(squared, np.divide(squared, 4), 5)
    assert found["p"] == pytest.approx(expected.p)
    assert found["coverage"] == 0.75
    assert found["width"] == pytest.approx(0.75 * 2 + 0.25 * 0.5)


def test_a_page_shows_all(results: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables.keep(results)
    kept = json.loads(tables.RESULTS.read_text())
    assert [*kept["tables"]] == ["one", "two"]
    assert kept["left_out"] == ["elsewhere"]
    page = tables.PAGE.read_text()
    for name, each in kept["tables"].items():
        assert f"| {name} | 30 | {each['terms']} | {each['mse']['network']:.4g} |" in page
    product = np.prod([each["ratio"]["chosen_inside"] for each in kept["tables"].values()])
    assert re.search(rf"geometric mean.* {product**0.5:.3f} \|\n", page)


def test_the_page_in_git_shows_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables.keep(json.loads((ROOT / tables.RESULTS).read_text()))
    assert tables.PAGE.read_text() == (ROOT / tables.PAGE).read_text()
