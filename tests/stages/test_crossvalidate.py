"""stages.crossvalidate: forecasts out of fold, the same ones however many workers there are."""

import json
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


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with prepared students."""
    monkeypatch.chdir(tmp_path)
    prepared.STUDENTS.parent.mkdir(parents=True)
    prepared.write(simulated(90, complete=False), prepared.STUDENTS)


def run(
    monkeypatch: pytest.MonkeyPatch,
    workers: int = 1,
    by: str | None = "College Code",
    origins: int = 0,
) -> None:
    """Run the stage with a few quick networks."""
    changed = {
        "model": PARAMETERS.model.model_copy(update={"members": 2, "hidden": 4, "layers": 1}),
        "train": PARAMETERS.train.model_copy(update={"epochs": 2, "validation_size": 0.5}),
        "crossvalidate": PARAMETERS.crossvalidate.model_copy(
            update={"folds": 2, "repeats": 1, "by": by, "origins": origins}
        ),
        "run": PARAMETERS.run.model_copy(update={"workers": workers}),
    }
    monkeypatch.setattr(params, "load", lambda: PARAMETERS.model_copy(update=changed))
    crossvalidate.main()


def test_workers_change_no_byte(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, workers=1)
    alone = TABLE.read_bytes(), CALIBRATIONS.read_bytes()
    run(monkeypatch, workers=2)
    assert (TABLE.read_bytes(), CALIBRATIONS.read_bytes()) == alone
    table = pd.read_parquet(TABLE)
    assert set(table["kind"]) == {"fold", "unseen"}
    assert len(json.loads(CALIBRATIONS.read_text())) == table["part"].nunique() == 2 + 4
    printed = capsys.readouterr()
    assert "2 folds: " in printed.out
    assert "4 categories left out: " in printed.out
    assert "%" not in printed.err  # no progress bar in a log


@pytest.mark.slow
def test_workers_of_dask_change_no_byte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch)
    alone = TABLE.read_bytes(), CALIBRATIONS.read_bytes()
    with dask(monkeypatch, tmp_path, *OURS):
        run(monkeypatch)
        assert (TABLE.read_bytes(), CALIBRATIONS.read_bytes()) == alone


def test_a_column_that_is_not_there_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, by="Campus")
    assert "crossvalidate.by: Campus is no column of categories" in capsys.readouterr().out
    assert set(pd.read_parquet(TABLE)["kind"]) == {"fold"}


def test_points_in_time_stand_beside_the_folds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = simulated(60)
    times = np.arange(len(wide))[:, None] % 2 + np.arange(wide.grades.shape[1])
    schema = replace(wide.schema, layout="long", calendar=[f"{2019 + year}" for year in range(6)])
    prepared.write(replace(wide, schema=schema, times=times.astype(np.int32)), prepared.STUDENTS)
    run(monkeypatch, by=None, origins=2)
    table = pd.read_parquet(TABLE)
    assert table.groupby("kind")["label"].unique().map(list).to_dict() == {
        "fold": [""],
        "origin": ["2023", "2024"],
    }
    assert len(json.loads(CALIBRATIONS.read_text())) == table["part"].nunique() == 2 + 2
    assert "2 points in time: 58 students" in capsys.readouterr().out


def test_a_table_that_tells_no_times_has_no_points_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, by=None, origins=2)
    assert "crossvalidate.origins is 2: the table has 0 points in time" in capsys.readouterr().out
    assert set(pd.read_parquet(TABLE)["kind"]) == {"fold"}
