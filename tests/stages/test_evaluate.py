"""The stage that evaluates, with a forecaster that is off by 0.1 grade points more in each member."""

import json
from contextlib import chdir
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem.forecaster.forecaster import Prediction
from nextsem.students.students import Students
from stages import evaluate
from tests.comparison import made


class Off:
    """Forecasts what is true and 0.1, 0.2 and 0.3 more."""

    calibration = made.calibration()

    def predict(self, students: Students) -> Prediction:
        members = np.stack([students.grades + error for error in (0.1, 0.2, 0.3)])
        return Prediction(members, members.mean(axis=0), np.full(students.grades.shape, 0.4))


def evaluated(
    path: Path, monkeypatch: pytest.MonkeyPatch, layout: str = "wide", tested: int = 16
) -> tuple[Students, dict]:
    of = made.students(layout=layout)
    made.project(path, of, made.out_of_fold(of))
    # In an order of its own; of transcripts a row for each term.
    rows = np.random.default_rng(3).permutation(np.flatnonzero(of.known.sum(axis=1) > 1))[:tested]
    rows = rows[of.complete[rows]] if layout == "wide" else rows
    test = pd.DataFrame({"student": np.repeat(of.names[rows], 1 if layout == "wide" else 2)})
    test.to_csv(path / "data/prepared/test.csv", index=False)
    monkeypatch.setattr(evaluate.Forecaster, "load", lambda path: Off())
    with chdir(path):
        evaluate.main()
    return of[rows], json.loads((path / "metrics/test.json").read_text())


def column(path: Path, name: str) -> list[object]:
    """The cells below a column's name in a workbook of one sheet."""
    header, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    return [row[header.index(name)] for row in rows]


def test_metrics_are_of_the_last_semester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test, metrics = evaluated(tmp_path / "project", monkeypatch)
    assert metrics["mse"] == pytest.approx(0.04)
    assert metrics["mae"] == pytest.approx(0.2)
    assert metrics["n"] == len(test)
    last = np.mean((test.grades[:, -1] - test.grades[:, -2]) ** 2)
    assert metrics["baselines"]["last"] == pytest.approx(last, abs=1e-6)
    assert len(metrics) - 1 + len(metrics["baselines"]) <= 12
    members = pd.read_csv(tmp_path / "project/metrics/plots/members.csv")
    assert members["mse"].tolist() == pytest.approx([0.01, 0.04, 0.09])

    # The workbooks hold the test students in their order.
    places = tmp_path / "project/data/predictions"
    assert column(places / "predicted_scores.xlsx", "Student") == test.names.tolist()
    sheet = openpyxl.load_workbook(places / "predicted_scores.xlsx").active
    assert (sheet["A1"].value, sheet["A2"].number_format) == ("Predicted Exam Score", "0.00")
    predicted = column(places / "predicted_scores.xlsx", "Predicted Exam Score")
    assert predicted == pytest.approx(test.grades[:, -1] + 0.2, abs=1e-6)
    actual = column(places / "testing_data.xlsx", "5th")
    assert actual == pytest.approx(test.grades[:, -1], abs=1e-6)
    table = pd.read_csv(places / "test.csv")
    assert (table["residual"] + 0.2).abs().max() < 1e-5
    assert table["low"].lt(table["forecast"]).all()
    assert table["risk"].between(0, 1, inclusive="neither").all()


def test_all_terms_of_transcripts_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test, metrics = evaluated(tmp_path / "project", monkeypatch, layout="long")
    assert metrics["n"] == test.to_learn.sum() > len(test)
    table = pd.read_csv(tmp_path / "project/data/predictions/test.csv")
    assert set(table["term"]) == {"2nd", "3rd", "4th", "5th"}
    workbook = tmp_path / "project/data/predictions/testing_data.xlsx"
    assert column(workbook, "Semester") == table["term"].tolist()


def test_few_students_give_git_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, metrics = evaluated(tmp_path / "project", monkeypatch, tested=3)
    assert set(metrics["baselines"].values()) == {metrics["mse"]} == {metrics["n"]} == {None}
    members = pd.read_csv(tmp_path / "project/metrics/plots/members.csv")
    assert members["mse"].isna().all()
