"""What the workbook says of earlier lists and of drift."""

import pandas as pd
import pytest

from nextsem.advice.advice import advice
from nextsem.advice.drift import drift
from nextsem.advice.report import sheets
from nextsem.students.pending import pending
from tests.advice.fake import Mean, underway

FORECASTER = Mean().calibrated()


def found(precision: float) -> dict:
    own = {"precision": precision, "precision_low": 0.3, "precision_high": 0.8}
    chance, seeds = {"precision": 0.06}, {"share": 0.9}
    return {"capacity": 20, "network": own, "chance": chance, "stability": {"seeds": seeds}}


def book(measured: dict) -> dict:
    students = underway()
    asked = pending(students, pd.DataFrame(index=range(len(students))), [""] * len(students), None)
    table = advice(FORECASTER, students, asked, 0.9, 6.0)
    moved = drift(FORECASTER.profile, students)
    pages = sheets(table, FORECASTER, 0.9, 6.0, 20, [], measured, moved)
    return {page.name: page.table for page in pages}


@pytest.mark.parametrize(
    ("measured", "right"),
    [
        ({"list": found(0.6), "forward": {}}, 12),
        ({"list": found(0.6), "forward": {"list": found(0.5)}}, 10),  # as it would have been used
    ],
)
def test_how_often_the_list_was_right_is_told(measured: dict, right: int) -> None:
    about = book({"of": {"risk_of": "a grade below 6"}} | measured)["About"].set_index("What")
    assert about.loc["Top of the list", "Meaning"].endswith(
        f"are expected to get a grade below 6. Of 20 such students in the past, about {right} did (6 to "
        "16); of 20 chosen by chance, about 1. Other networks like these would list about 18 of the "
        "same 20"
    )


def test_of_lists_that_were_not_measured_only_what_is_expected_is_told() -> None:
    for measured in ({}, {"list": {}, "forward": {}}):
        pages = book(measured)
        expected = pages["Forecast"]["Risk below 6"].head(20).sum()
        told = pages["About"].set_index("What").loc["Top of the list", "Meaning"]
        assert told == (
            f"Of the 20 at the highest risk, about {expected:.0f} are expected to get a grade below 6"
        )


def test_coverage_of_the_worst_quarter_stands_beside_that_of_all() -> None:
    weakest = {"coverage": 0.87, "forecasts": "lowest"}
    measured = {"intervals": {"coverage": 0.91, "weakest": weakest}, "forward": {}}
    told = book(measured)["About"].set_index("What").loc["Ranges", "Meaning"]
    assert told.endswith(
        ". In the past they held 91%, and 87% for the quarter of students with the lowest forecasts"
    )


def test_each_column_that_may_drift_has_a_row() -> None:
    sheet = book({})["Drift"].set_index("Column")["Students"]
    grades = {"grade 1st": 60, "grade 2nd": 45, "grade 3rd": 30, "grade 4th": 15}
    assert sheet.to_dict() == grades | {"Attendance": 60, "College": 60}
