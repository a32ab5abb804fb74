"""What an adviser reads of each student, in which order, and the workbook made of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem.advice.advice import advice
from nextsem.advice.drift import drift
from nextsem.advice.intervals import ranges, risk
from nextsem.advice.report import sheets
from nextsem.advice.workbook import write_excel
from nextsem.students.pending import pending as pending_of
from nextsem.students.students import Students, Texts
from tests.advice.fake import Mean, cohort, underway

LINE = 6.0
FORECASTER = Mean().calibrated()
COLUMNS = [
    *("Student", "College", "Semester", "Forecast", "Range from", "Range to", "Risk below 6"),
    *("Known terms", "Last grade", "Reasons", "Remark", "1st", "2nd", "3rd", "4th"),
    *("Average student", "by last term", "by term before", "by 2 terms before"),
    *("by earlier terms", "by College", "by Attendance"),
]


def asked() -> Students:
    """In all semesters; S0003 has no college, S0004 a new one, S0007 no grade, S0010 a gap."""
    students = underway(60)
    students = replace(students, vocabulary=[[*students.vocabulary[0], "777"]])
    students.codes[3] = -1
    students.codes[4] = 4
    students.grades[7] = np.nan
    students.grades[10, 1] = np.nan
    students.grades[-2:] = cohort(2).grades
    return students


def pending(students: Students, marks: Texts | None = None, **columns: object) -> pd.DataFrame:
    ids = pd.DataFrame(columns, index=range(len(students)))
    nothing = np.full(len(students), "")
    return pending_of(students, ids, nothing if marks is None else marks, None)


def table(students: Students, forecaster: Mean = FORECASTER, line: float = LINE) -> pd.DataFrame:
    return advice(forecaster, students, pending(students), 0.9, line)


def test_each_student_gets_the_next_semester_with_range_and_risk() -> None:
    students = asked()
    found = table(students).set_index("Student").loc[students.names]
    assert list(table(students)) == COLUMNS
    chosen = found["Semester"] != ""
    assert found["Semester"][:4].tolist() == ["2nd", "3rd", "4th", "5th"]
    part = students[chosen.to_numpy()]
    forecasts, spread = FORECASTER.predict_next(part)
    np.testing.assert_array_equal(found["Forecast"][chosen], forecasts)
    known = part.known.sum(axis=1)
    given = (FORECASTER.calibration, forecasts, spread, known)
    expected = ranges(*given, 0.9, (0, 10))
    np.testing.assert_array_equal(found[["Range from", "Range to"]][chosen], expected)
    np.testing.assert_array_equal(found["Risk below 6"][chosen], risk(*given, LINE, False))
    np.testing.assert_array_equal(found["Known terms"][chosen], known)
    last = part.grades[np.arange(len(part)), part.last_place]
    np.testing.assert_array_equal(found["Last grade"][chosen], last)
    np.testing.assert_array_equal(found[["1st", "2nd", "3rd", "4th"]][chosen], part.grades[:, :4])


def test_the_highest_risk_comes_first_and_those_not_forecast_last() -> None:
    found = table(asked())
    risks = found["Risk below 6"].to_numpy()
    assert (np.diff(risks[:-3]) <= 0).all()
    assert found["Student"][-3:].tolist() == ["S0007", "S0058", "S0059"]
    assert found["Remark"][-3:].tolist() == [
        "not forecast: no grade is known",
        *["not forecast: 5th is known: nothing comes after it"] * 2,
    ]
    rest = found[-3:].drop(columns=["Student", "College", "Remark"]).replace("", np.nan)
    assert rest.isna().all(axis=None)


def test_reasons_name_what_moves_the_forecast_most() -> None:
    found = table(asked()).set_index("Student")
    row = found.loc["S0025"]  # of whom two semesters are known
    named = {"2nd": "by last term", "1st": "by term before", "College": "by College"}
    named["Attendance"] = "by Attendance"
    said = dict(each.split(": ") for each in row["Reasons"].split("; "))
    assert 1 <= len(said) <= 3
    for name, text in said.items():
        assert text == f"{row[named[name]]:+.2f}"
    left = [abs(row[column]) for name, column in named.items() if name not in said]
    assert max(left) <= min(abs(float(text)) for text in said.values()) + 0.005
    parts = [name for name in COLUMNS if name.startswith("by ")]
    total = found["Average student"] + found[parts].sum(axis=1, min_count=1)
    np.testing.assert_allclose(total[:-3], found["Forecast"][:-3], atol=1e-5)


def test_what_makes_a_forecast_less_sure_is_remarked() -> None:
    remarks = table(asked()).set_index("Student")["Remark"]
    assert remarks["S0003"] == "College is missing: counts as average"
    assert remarks["S0004"] == "College 777 is new: counts as average"
    assert remarks["S0010"] == "no grade: 2nd"
    assert remarks["S0000"] == ""


def test_who_is_marked_absent_is_told_apart_from_who_is_still_to_come() -> None:
    students = asked()
    marks = np.full(60, "")
    marks[:3] = "A"  # most are empty: A says something
    told = advice(FORECASTER, students, pending(students, marks), 0.9, LINE)
    told = told.set_index("Student")["Remark"]
    assert told["S0001"] == "marked A in 3rd"
    assert told.str.startswith("marked").sum() == 3
    marks = np.where(marks == "", "-", marks)  # where no cell is empty, - says nothing
    told = advice(FORECASTER, students, pending(students, marks), 0.9, LINE)["Remark"]
    assert told.str.startswith("marked").sum() == 3


def test_what_is_told_does_not_depend_on_the_other_students() -> None:
    students = asked()
    whole = table(students).set_index("Student")
    part = table(students[:20]).set_index("Student")
    pd.testing.assert_frame_equal(part, whole.loc[part.index], rtol=1e-12)


def test_reasons_are_told_of_the_highest_risks_where_students_are_many() -> None:
    students = asked()
    found = advice(FORECASTER, students, pending(students), 0.9, LINE, explained=5)
    assert (found["Reasons"] != "").tolist() == [True] * 5 + [False] * 55
    assert found["Forecast"].notna().sum() == 57


def test_columns_that_tell_who_it_is_stand_beside_the_name() -> None:
    students = asked()
    more = {"Roll": [f"{each:05}" for each in range(60)], "Remark": ["="] * 60}
    found = advice(FORECASTER, students, pending(students, **more), 0.9, LINE)
    assert list(found)[:4] == ["Student", "Roll", "Remark (table)", "College"]
    assert [f"S{int(roll):04}" for roll in found["Roll"]] == found["Student"].tolist()


def test_without_calibration_or_line_there_are_no_ranges_or_risks() -> None:
    assert "Risk below 11" not in table(asked(), line=11)
    found = table(asked(), Mean())
    assert list(found) == [name for name in COLUMNS if name not in COLUMNS[4:7]]
    assert found["Forecast"][:-3].is_monotonic_increasing


def test_where_lower_is_better_the_highest_forecast_is_the_worst() -> None:
    students = asked()
    schema = replace(students.schema, lower_is_better=True)
    found = table(replace(students, schema=schema))
    assert np.corrcoef(found["Risk above 6"][:-3], found["Forecast"][:-3])[0, 1] > 0.5
    assert (np.diff(found["Risk above 6"][:-3]) <= 0).all()


@pytest.mark.parametrize("terms", [5, 20])
def test_transcripts_name_their_terms_by_number(terms: int) -> None:
    students = cohort(30, terms=terms, layout="long").until(4)
    forecaster = Mean(cohort(100, terms=terms, layout="long")).calibrated()
    found = table(students, forecaster)
    assert set(found["Semester"]) == {"5"}
    assert found["Reasons"].str.contains("term [1-4]: ").all()
    assert ("Term 4" in found) == (terms == 5)


# The workbook -----------------------------------------------------------------


def book(students: Students, path: Path, forecaster: Mean = FORECASTER, **more: object) -> dict:
    """The rows of each sheet."""
    found = advice(forecaster, students, pending(students, **more), 0.9, LINE)
    write_excel(sheets(found, forecaster, 0.9, LINE, 20, ["a remark"]), path)
    pages = openpyxl.load_workbook(path).worksheets
    return {page.title: list(page.iter_rows(values_only=True)) for page in pages}


def test_the_workbook_holds_everybody_once(tmp_path: Path) -> None:
    colleges = asked().category("College")
    pages = book(asked(), tmp_path / "a.xlsx", Roll=["007"] * 60, Name=["=Zoë"] * 60)
    assert list(pages) == ["Forecast", "Not forecast", "Summary", "About"]
    assert pages["Not forecast"] == [
        ("Student", "Roll", "Name", "College", "Reason"),
        ("S0007", "007", "=Zoë", colleges[7], "no grade is known"),
        ("S0058", "007", "=Zoë", colleges[58], "5th is known: nothing comes after it"),
        ("S0059", "007", "=Zoë", colleges[59], "5th is known: nothing comes after it"),
    ]
    header, *rows = pages["Forecast"]
    assert len({row[0] for row in rows}) == len(rows) == 57
    risks = [row[header.index("Risk below 6")] for row in rows]
    assert risks[0] == max(risks)
    assert {(row[1], row[2]) for row in rows} == {("007", "=Zoë")}


def test_the_summary_counts_who_is_at_risk(tmp_path: Path) -> None:
    pages = book(asked(), tmp_path / "a.xlsx")
    header, *rows = pages["Forecast"]
    students = pd.DataFrame(rows, columns=header)
    header, *rows = pages["Summary"]
    summary = pd.DataFrame(rows, columns=header)
    assert list(summary) == [
        *("College", "Semester", "Students forecast", "Risk below 6: 50% or more"),
        *("Expected below 6", "Mean forecast"),
    ]
    assert summary["Students forecast"].sum() == len(students)
    assert summary["Expected below 6"].sum() == pytest.approx(students["Risk below 6"].sum())
    one = students[(students["College"] == "116") & (students["Semester"] == "3rd")]
    told = summary[(summary["College"] == "116") & (summary["Semester"] == "3rd")].iloc[0]
    assert told["Students forecast"] == len(one)
    assert told["Risk below 6: 50% or more"] == (one["Risk below 6"] >= 0.5).sum()
    assert told["Mean forecast"] == pytest.approx(one["Forecast"].mean())
    assert openpyxl.load_workbook(tmp_path / "a.xlsx")["Summary"]._charts


def test_the_summary_puts_rare_categories_together(tmp_path: Path) -> None:
    students = cohort(60).until(3)
    names = [f"{code:03}" for code in range(20)]
    students = replace(students, vocabulary=[names])
    students.codes[:] = (np.arange(60) % 20)[:, None, None]
    _, *rows = book(students, tmp_path / "a.xlsx")["Summary"]
    assert len(rows) == 9
    assert {row[0]: row[2] for row in rows}["(others)"] == 60 - 8 * 3


def test_every_column_is_explained_and_the_limits_are_said(tmp_path: Path) -> None:
    def about(forecaster: Mean) -> dict[str, str]:
        return dict(book(asked(), tmp_path / "a.xlsx", forecaster)["About"][1:])

    told = about(FORECASTER)
    assert told["Remark"] == "a remark"
    assert {f"Column: {name}" for name in COLUMNS} <= set(told)
    assert all(told.values())
    assert told["Column: Range from"].startswith("About 90% of such students")
    assert told["Model"] == "nextsem: 2 recurrent networks together, the first of them 3 x 64 rnn"
    assert told["Trained on"] == "200 students"
    assert "with 1, " in told["How good"]
    assert "not guaranteed for other years" in told["Ranges"]
    assert told["Not for"].startswith("Automated decisions about people")
    assert "Simulated" not in told
    simulated = Mean()
    simulated.schema = replace(simulated.schema, simulated=True)
    told = about(simulated)
    assert "mean nothing for real students" in told["Simulated"]
    assert told["How good"].startswith("Not known")


def told_of(measured: dict) -> dict[str, pd.DataFrame]:
    """The sheets, where this was measured in the past."""
    students = underway()
    moved = drift(FORECASTER.profile, students)
    pages = sheets(table(students), FORECASTER, 0.9, LINE, 20, [], measured, moved)
    return {page.name: page.table.set_index(page.table.columns[0]) for page in pages}


def a_list(precision: float) -> dict:
    own = {"precision": precision, "precision_low": 0.3, "precision_high": 0.8}
    chance, seeds = {"precision": 0.06}, {"share": 0.9}
    return {"capacity": 20, "network": own, "chance": chance, "stability": {"seeds": seeds}}


@pytest.mark.parametrize(
    ("measured", "right"),
    [
        ({"list": a_list(0.6), "forward": {}}, 12),
        ({"list": a_list(0.6), "forward": {"list": a_list(0.5)}}, 10),  # as it would have been used
    ],
)
def test_how_often_the_list_was_right_is_told(measured: dict, right: int) -> None:
    about = told_of({"of": {"risk_of": "a grade below 6"}} | measured)["About"]
    assert about.loc["Top of the list", "Meaning"].endswith(
        f"are expected to get a grade below 6. Of 20 such students in the past, about {right} did (6 to "
        "16); of 20 chosen by chance, about 1. Other networks like these would list about 18 of the "
        "same 20"
    )


@pytest.mark.parametrize("measured", [{}, {"list": {}, "forward": {}}])
def test_of_lists_that_were_not_measured_only_what_is_expected_is_told(measured: dict) -> None:
    pages = told_of(measured)
    expected = pages["Forecast"]["Risk below 6"].head(20).sum()
    assert pages["About"].loc["Top of the list", "Meaning"] == (
        f"Of the 20 at the highest risk, about {expected:.0f} are expected to get a grade below 6"
    )


def test_coverage_of_the_worst_quarter_stands_beside_that_of_all() -> None:
    weakest = {"coverage": 0.87, "forecasts": "lowest"}
    measured = {"intervals": {"coverage": 0.91, "weakest": weakest}, "forward": {}}
    said = told_of(measured)["About"].loc["Ranges", "Meaning"]
    held = (
        ". In the past they held 91%, and 87% for the quarter of students with the lowest forecasts"
    )
    assert said.endswith(held)


def test_each_column_that_may_drift_has_a_row() -> None:
    grades = {"grade 1st": 60, "grade 2nd": 45, "grade 3rd": 30, "grade 4th": 15}
    drifts = told_of({})["Drift"]["Students"]
    assert drifts.to_dict() == grades | {"Attendance": 60, "College": 60}


def test_nobody_to_forecast_gives_sheets_without_rows(tmp_path: Path) -> None:
    for number in (4, 0):
        pages = book(cohort(4)[:number], tmp_path / "a.xlsx")
        rows = [len(pages[name]) for name in ("Forecast", "Not forecast", "Summary")]
        assert rows == [1, number + 1, 1]
