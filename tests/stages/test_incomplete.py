"""`data.incomplete`: with `keep` as with `drop` the same rows are scored; only more are learnt from."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nextsem.forecaster import Forecaster
from tests.conftest import PARAMETERS, Project

SEMESTERS = PARAMETERS.data.semesters
STAGES = ("simulate", "prepare", "train", "evaluate", "forecast", "crossvalidate")


def ran(folder: Path, incomplete: str) -> Project:
    project = Project(folder, data_incomplete=incomplete, crossvalidate_by="College Code")
    for stage in STAGES:
        project.stage(stage)
    return project


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ran(tmp_path_factory.mktemp("drop") / "project", "drop")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ran(tmp_path_factory.mktemp("keep") / "project", "keep")


def metrics(project: Project, name: str) -> dict[str, Any]:
    return json.loads((project.path / f"metrics/{name}.json").read_text())


@pytest.mark.parametrize("name", ["complete", "incomplete", "test", "pending"])
def test_the_same_rows_are_scored_and_forecast(kept: Project, dropped: Project, name: str) -> None:
    path = f"data/prepared/{name}.csv"
    assert (kept.path / path).read_bytes() == (dropped.path / path).read_bytes()


def test_rows_with_a_gap_are_learnt_from(kept: Project, dropped: Project) -> None:
    train = pd.read_csv(kept.path / "data/prepared/train.csv")
    without = pd.read_csv(dropped.path / "data/prepared/train.csv")
    pd.testing.assert_frame_equal(train[: len(without)], without)
    gaps = train[len(without) :]
    assert len(gaps) == 3
    assert gaps["5th"].notna().all()
    assert gaps[SEMESTERS].isna().sum(axis=1).eq(1).all()
    incomplete = pd.read_csv(kept.path / "data/prepared/incomplete.csv")
    assert gaps["student"].tolist() == incomplete["student"].tolist()


def test_what_is_left_out_is_counted(kept: Project, dropped: Project) -> None:
    rows = {"read": 178, "complete": 169, "train": 135, "test": 34, "pending": 6}
    assert metrics(dropped, "data") == {
        "rows": rows,
        "left_out": {"blank": 0, "gap_before_last": 3},
    }
    assert metrics(kept, "data") == {
        "rows": rows | {"train": 138},
        "left_out": {"blank": 0, "gap_before_last": 0},
    }


def test_the_saved_forecasters_learnt_from_them(kept: Project, dropped: Project) -> None:
    def trained_on(project: Project) -> list[int]:
        return [
            Forecaster.load(project.path / f"models/{name}.safetensors").trained_on
            for name in ("evaluated", "forecaster")
        ]

    assert trained_on(dropped) == [135, 169]
    assert trained_on(kept) == [138, 172]
    gaps = Forecaster.load(kept.path / "models/forecaster.safetensors").encoding.gaps
    assert gaps


def test_on_the_same_folds_only_the_network_differs(kept: Project, dropped: Project) -> None:
    """The baselines need every semester, so they learn from the same rows."""
    first, second = (
        pd.read_csv(project.path / "metrics/plots/fold_errors.csv") for project in (kept, dropped)
    )
    differing = [name for name in first if not first[name].equals(second[name])]
    assert differing == ["network", "network_inside"]
    compared = [metrics(project, "crossvalidation") for project in (kept, dropped)]
    for category, each in compared[0]["unseen"].items():
        assert each["n"] == compared[1]["unseen"][category]["n"]
        assert each["linear"] == compared[1]["unseen"][category]["linear"]
        assert each["network"] != compared[1]["unseen"][category]["network"]
    assert metrics(kept, "test")["baselines"] == metrics(dropped, "test")["baselines"]
    assert metrics(kept, "test")["mse"] != metrics(dropped, "test")["mse"]


def test_pending_students_are_forecast_either_way(kept: Project, dropped: Project) -> None:
    tables = [
        pd.read_csv(project.path / "data/predictions/forecast.csv").set_index("Student")
        for project in (kept, dropped)
    ]
    assert sorted(tables[0].index) == sorted(tables[1].index)
    assert tables[0]["Forecast 5th"].notna().sum() == 5
    both = tables[0]["Forecast 5th"] - tables[1].loc[tables[0].index, "Forecast 5th"]
    assert both.abs().max() < 1
    assert both.abs().max() > 0
