"""stages.crossvalidate: forecasts out of fold, the same ones however many workers there are."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nextsem.shared import params
from nextsem.students import prepared
from stages import crossvalidate
from tests.conftest import PARAMETERS, simulated
from tests.workers import OURS, dask

TABLE = Path("data/predictions/crossvalidation.parquet")
CALIBRATIONS = Path("data/predictions/calibrations.json")
Run = Callable[..., tuple[str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with prepared students."""
    monkeypatch.chdir(tmp_path)
    prepared.STUDENTS.parent.mkdir(parents=True)
    prepared.write(simulated(90, complete=False), prepared.STUDENTS)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the stage with a few quick networks; what it prints."""

    def told(
        workers: int = 1, by: str | None = "College Code", origins: int = 0
    ) -> tuple[str, str]:
        how = {"folds": 2, "repeats": 1, "by": by, "origins": origins}
        changed = {
            "model": PARAMETERS.model.model_copy(update={"members": 2, "hidden": 4, "layers": 1}),
            "train": PARAMETERS.train.model_copy(update={"epochs": 2, "validation_size": 0.5}),
            "crossvalidate": PARAMETERS.crossvalidate.model_copy(update=how),
            "run": PARAMETERS.run.model_copy(update={"workers": workers}),
        }
        monkeypatch.setattr(params, "load", lambda: PARAMETERS.model_copy(update=changed))
        crossvalidate.main()
        return capsys.readouterr()

    return told


def test_workers_change_no_byte(run: Run) -> None:
    run()
    alone = TABLE.read_bytes(), CALIBRATIONS.read_bytes()
    printed = run(workers=2)
    assert (TABLE.read_bytes(), CALIBRATIONS.read_bytes()) == alone
    table = pd.read_parquet(TABLE)
    assert set(table["kind"]) == {"fold", "unseen"}
    assert len(json.loads(CALIBRATIONS.read_text())) == table["part"].nunique() == 2 + 4
    assert "2 folds: " in printed[0]
    assert "4 categories left out: " in printed[0]
    assert "%" not in printed[1]  # no progress bar in a log


@pytest.mark.slow
def test_dask_changes_no_byte(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run()
    alone = TABLE.read_bytes(), CALIBRATIONS.read_bytes()
    with dask(monkeypatch, tmp_path, *OURS):
        run()
        assert (TABLE.read_bytes(), CALIBRATIONS.read_bytes()) == alone


def test_what_the_table_cannot_tell_is_said_and_left_out(run: Run) -> None:
    said, _ = run(by="Campus", origins=2)
    assert "crossvalidate.by: Campus is not a categorical column" in said
    assert "crossvalidate.origins is 2: the table has 0 points in time" in said
    assert set(pd.read_parquet(TABLE)["kind"]) == {"fold"}


def test_points_in_time_stand_beside_the_folds(run: Run) -> None:
    wide = simulated(60)
    times = np.arange(len(wide))[:, None] % 2 + np.arange(wide.grades.shape[1])
    schema = replace(wide.schema, layout="long", calendar=[f"{2019 + year}" for year in range(6)])
    prepared.write(replace(wide, schema=schema, times=times.astype(np.int32)), prepared.STUDENTS)
    said, _ = run(by=None, origins=2)
    table = pd.read_parquet(TABLE)
    labels = table.groupby("kind")["label"].unique().map(list).to_dict()
    assert labels == {"fold": [""], "origin": ["2023", "2024"]}
    assert len(json.loads(CALIBRATIONS.read_text())) == table["part"].nunique() == 2 + 2
    assert "2 points in time: 58 students" in said
