"""stages.forecast: every student of the pipeline's table is forecast, or listed with the reason."""

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem.forecaster.forecaster import Forecaster
from nextsem.students import prepared
from tests.conftest import Project

OUTPUTS = ["data/predictions/forecast.csv", "data/predictions/forecast.xlsx"]


@pytest.fixture(scope="module", params=["wide", "long"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has forecast its students."""
    layout = request.param
    more = {"data_current": 4, "data_numeric": ["Credits"]} if layout == "long" else {}
    folder = tmp_path_factory.mktemp("forecast") / "project"
    project = Project(folder, data_layout=layout, simulate_layout=layout, **more)
    for stage in ("simulate", "prepare", "train", "forecast"):
        project.stage(stage)
    return project


def test_every_student_is_there_with_a_forecast_or_a_reason(project: Project) -> None:
    found = pd.read_csv(project.path / OUTPUTS[0], keep_default_na=False, dtype=str)
    asked = pd.read_csv(project.path / "data/prepared/to_forecast.csv", keep_default_na=False)
    assert sorted(found["Student"]) == sorted(asked["student"])
    found = found.set_index("Student").loc[asked["student"]]
    assert found["Semester"].tolist() == asked["term"].astype(str).tolist()
    chosen = (asked["term"] != "").to_numpy()
    assert 0 < chosen.sum() < len(chosen)
    assert ((found["Forecast"] != "") == chosen).all()
    told = found["Remark"][~chosen].str.removeprefix("not forecast: ")
    assert told.tolist() == asked["reason"][~chosen].tolist()


def test_it_is_the_saved_forecaster_that_forecasts(project: Project) -> None:
    found = pd.read_csv(project.path / OUTPUTS[0], dtype={"Student": str}).set_index("Student")
    forecaster = Forecaster.load(project.path / "models/forecaster.safetensors")
    students = prepared.read(project.path / "data/prepared/students.parquet")
    expected = forecaster.predict_next(students)[0]
    found = found.loc[students.names]
    chosen = found["Forecast"].notna().to_numpy()
    np.testing.assert_allclose(found["Forecast"][chosen], expected[chosen], atol=1e-5)
    parts = [name for name in found if name.startswith("by ")]
    total = found["Average student"] + found[parts].sum(axis=1, min_count=1)
    np.testing.assert_allclose(total[chosen], expected[chosen], atol=1e-4)


def test_the_workbook_says_the_same_and_the_same_bytes_again(project: Project) -> None:
    plain = pd.read_csv(project.path / OUTPUTS[0])
    rows = openpyxl.load_workbook(project.path / OUTPUTS[1])["Forecast"].iter_rows(values_only=True)
    header, *cells = rows
    book = pd.DataFrame(cells, columns=header)
    plain = plain[: len(book)]
    assert list(book) == list(plain)
    assert book["Student"].tolist() == plain["Student"].astype(str).tolist()
    for name in ("Forecast", "Range from", "Range to", "Risk below 6", "Average student"):
        np.testing.assert_allclose(book[name].astype(float), plain[name], atol=1e-6)
    before = [(project.path / name).read_bytes() for name in OUTPUTS]
    project.stage("forecast")
    assert [(project.path / name).read_bytes() for name in OUTPUTS] == before
