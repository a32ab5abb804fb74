"""What is proposed for tables as they come."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nextsem.reading.description import Description, describe
from nextsem.reading.layouts import read_students
from nextsem.shared.errors import InputError
from tests.conftest import PARAMETERS

USUAL = PARAMETERS.data


def grades(rows: int = 60, columns: int = 4, high: float = 10) -> np.ndarray:
    """Grades of students who differ, from about 0.3 to 0.9 of the highest."""
    draw = np.random.default_rng(rows + columns)
    ability = draw.uniform(0.35, 0.85, (rows, 1))
    return np.round(high * (ability + draw.uniform(-0.05, 0.05, (rows, columns))), 2)


def table(names: list[str], rows: int = 60, high: float = 10) -> pd.DataFrame:
    return pd.DataFrame(grades(rows, len(names), high), columns=names).astype(object)


def transcripts(terms: list[str], students: int = 60) -> pd.DataFrame:
    """A row for each student and term, of students who are in the last one or have left before."""
    points = grades(students, len(terms), 4)
    rows = [
        {
            "Name": f"Given Family{student}",
            "Student ID": f"S{student:03d}",
            "Programme": ("Physics", "History")[student % 2],
            "Sex": "FM"[student % 3 % 2],
            "Term": term,
            "Season": ("Autumn", "Spring")[place % 2],
            "Credits": 12 + (student + 5 * place) % 7,
            "GPA": points[student, place],
            "CGPA": points[student, : place + 1].mean().round(2),
            "Final mean": points[student].mean().round(2),
        }
        for student in range(students)
        for place, term in enumerate(terms[: 2 + student % (len(terms) - 1)])
    ]
    return pd.DataFrame(rows).astype(object)


def described(tmp_path: Path, frame: pd.DataFrame, **how: object) -> Description:
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False, **how)
    return describe(path, "", USUAL, 6.0)


def told(found: Description, *parts: str) -> bool:
    said = [*found.remarks.mend, *found.remarks.check]
    return any(all(part in each for part in parts) for each in said)


# Semesters --------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th"],
        ["SGPA1", "SGPA2"],
        ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"],
        ["First Semester", "Second Semester", "Third Semester"],
        ["1", "2", "3"],
        ["Winter 2021/22 GPA", "Summer 2022 GPA", "Winter 2022/23 GPA"],
        ["Spring 2023", "Summer 2023", "Fall 2023", "Spring 2024"],
        ["第1学期", "第2学期"],
        ["sgpa_sem_1", "sgpa_sem_2"],
        ["SemVI", "SemVII"],
        ["T7", "T8"],
        ["GPA 2022/23", "GPA 2023/24"],
        ["Autumn", "Winter", "Final"],  # names say nothing of the order
    ],
)
def test_semesters_in_order(tmp_path: Path, names: list[str]) -> None:
    frame = table(names)
    assert described(tmp_path, frame).data.semesters == names
    found = described(tmp_path, frame[[*names[1:], names[0]]])
    if names[0] == "Autumn":
        assert told(found, "semesters", "Winter, Final, Autumn", "in the order of time?")
    else:
        assert found.data.semesters == names


def test_the_likeliest_of_several_series(tmp_path: Path) -> None:
    frame = table([f"Sem {n} SGPA" for n in (1, 2, 3)])
    frame["10th %"], frame["12th %"] = grades(high=100)[:, 0], grades(high=100)[:, 1]
    for n in (1, 2, 3):
        frame[f"Sem {n} CGPA"] = frame[[f"Sem {m} SGPA" for m in range(1, n + 1)]].mean(axis=1)
        frame[f"Sem {n} Credits"] = np.arange(60) % 7 + 15
    found = described(tmp_path, frame)
    assert found.data.semesters == ["Sem 1 SGPA", "Sem 2 SGPA", "Sem 3 SGPA"]
    assert told(found, "Sem 1 CGPA", "look like grades, too")
    assert found.data.numeric == ["10th %", "12th %", "Sem 1 Credits"]
    assert told(found, "numeric: Sem 2 Credits are numbers, too")
    assert told(found, "left out", "Sem 3 Credits")


def test_semesters_on_another_scale_empty_or_still_to_come_are_left_out(tmp_path: Path) -> None:
    frame = table(["Test 1", "Test 2", "Test 3"])
    frame["Test 3"] *= 10
    found = described(tmp_path, frame)
    assert (found.data.semesters, found.data.numeric) == (["Test 1", "Test 2"], [])
    assert told(found, "Test 3 left out, on another scale")
    frame = table(["Sem 1", "Sem 2", "Sem 3", "Sem 4", "Sem 5"])
    frame["Sem 2"] = None
    frame.loc[2:, "Sem 5"] = None
    found = described(tmp_path, frame)
    assert found.data.semesters == ["Sem 1", "Sem 3", "Sem 4"]
    assert told(found, "Sem 5 is left out; 2 students")
    assert told(found, "Sem 2 is left out; 0 students")


ONLY_ONE = pd.DataFrame({"Sem 1": [7.5] * 9, "Sem 2": [7.5, 8] + [None] * 7})
COURSES = pd.concat([transcripts(["1", "2", "3"])] * 2)
TWO_COLUMNS = transcripts(["1", "2", "3", "4"]).astype({"Term": int})
TWO_COLUMNS["Year"], TWO_COLUMNS["Term"] = (TWO_COLUMNS["Term"] + 1) // 2, TWO_COLUMNS["Term"] % 2
NO_NAMES = pd.DataFrame([["101", "Ann", 7.25, 8.5], *([n, "B", 7.5, 8.25] for n in range(9))])


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (pd.DataFrame({"Name": ["A", "B"], "Age": [20, 21]}), ("no two columns", "Name, Age")),
        (ONLY_ONE, ("Sem 1, Sem 2", "only 1")),
        (COURSES, ("several rows with the same Student ID and Term", "mean of its courses")),
        (TWO_COLUMNS, ("two columns, ", "Year", "Term", "2019-1")),
        (NO_NAMES, ("no row of column names",)),
    ],
    ids=["no grades", "one", "courses", "two columns", "no names"],
)
def test_what_cannot_be_forecast(tmp_path: Path, frame: pd.DataFrame, parts: tuple) -> None:
    with pytest.raises(InputError) as error:
        described(tmp_path, frame, header="Name" in frame or "Sem 1" in frame)
    assert all(part in str(error.value) for part in ("table.csv", "allowed", *parts))
    assert "\n" not in str(error.value)
    assert "Ann" not in str(error.value)


# Transcripts ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "listed"),
    [
        (["Sem 1", "Sem 2", "Sem 3"], True),
        (["2019-1", "2019-2", "2020-1"], False),
        (["20191", "20193", "20201"], False),
        (["Fall 2019", "Spring 2020", "Fall 2020"], False),
    ],
)
def test_transcripts(tmp_path: Path, terms: list[str], listed: bool) -> None:
    frame = transcripts(terms).sample(frac=1, random_state=1)
    frame.iloc[3, 7] = "W"
    found = described(tmp_path, frame)
    data = found.data
    found_columns = (data.layout, data.student, data.term, data.grade)
    assert found_columns == ("long", "Student ID", "Term", "GPA")
    assert data.terms == (terms if listed else [])
    assert (data.static, data.ahead) == (["Programme", "Season"], ["Season"])
    assert (data.numeric, data.groups) == (["Credits"], ["Sex"])
    assert (data.grade_range, data.missing) == ([0, 4], ["W"])
    assert (data.semesters, data.id) == (USUAL.semesters, ["Name"])
    assert told(found, "left out", "CGPA", "Final mean")
    assert found.by == "Programme"
    assert found.remarks.mend == []
    assert len(read_students(tmp_path / "table.csv", data).students) == 60
    found = described(tmp_path, pd.concat([frame, frame.iloc[[7]]]))
    assert told(found, f"rows 9 and {len(frame) + 2} have the same 'Student ID' and 'Term'")


# Grades -----------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_letters_are_read_by_a_scale_that_is_asked_for(tmp_path: Path, layout: str) -> None:
    columns = ["Sem 1", "Sem 2", "Sem 3"] if layout == "wide" else ["GPA"]
    frame = table(columns) if layout == "wide" else transcripts(["1", "2", "3"])
    letters = np.array(["A", "A-", "B+", "B", "C", "F"], dtype=object)
    for column in columns:
        frame[column] = letters[(frame[column].astype(float) * 7).round().astype(int) % 6]
    frame["Section"] = np.array(["A", "B", "C"])[np.arange(len(frame)) % 3]
    frame.loc[frame.index[3], columns[-1]] = "W"
    found = described(tmp_path, frame)
    assert {"A": 4, "A-": 3.7, "F": 0}.items() <= found.data.letters.items()
    assert (found.data.grade_range, found.data.missing) == ([0, 4], ["W"])
    assert not found.data.lower_is_better
    assert told(found, "letters", "A 4, A- 3.7")
    students = read_students(tmp_path / "table.csv", found.data).students
    assert set(students.grades[students.known]) <= {4, 3.7, 3.3, 3, 2, 0}


@pytest.mark.parametrize("high", [1, 4, 10, 20, 100, 500])
def test_scales(tmp_path: Path, high: float) -> None:
    found = described(tmp_path, table(["GPA 1", "GPA 2", "GPA 3"], high=high))
    assert found.data.grade_range == [0, high]
    assert not found.data.lower_is_better
    assert told(found, "grade_range", "the lowest and highest possible?")
    assert 0 < found.line < high
    assert 0.02 < found.worse < 0.3


@pytest.mark.parametrize("hint", ["name", "steps", None])
def test_scales_where_lower_is_better(tmp_path: Path, hint: str | None) -> None:
    points = 6 - grades(high=5)  # from 1.5 to 4.5
    if hint == "steps":
        points = np.floor(points) + np.array([0, 0.3, 0.7])[(points % 1 * 3).astype(int)]
    names = [f"{'Note' if hint == 'name' else 'Term'} {n}" for n in range(1, 5)]
    found = described(tmp_path, pd.DataFrame(points, columns=names))
    assert found.data.grade_range == [1, 5]
    assert found.data.lower_is_better == (hint is not None)
    assert told(found, "lower_is_better: is")
    last = points[:, -1]
    assert found.worse == np.mean(last > found.line if hint else last < found.line)


def test_scores_below_zero_are_scores(tmp_path: Path) -> None:
    frame = table(["z 1", "z 2", "z 3"]) - 6
    found = described(tmp_path, frame)
    assert found.data.missing == []
    low, high = found.data.grade_range
    assert low <= frame.to_numpy().min() < 0 < frame.to_numpy().max() <= high


@pytest.mark.parametrize(("sign", "high"), [("%", 100), ("/20", 20), (" / 5", 5)])
def test_percent_or_the_highest_grade_after_a_grade(tmp_path: Path, sign: str, high: float) -> None:
    frame = table(["T1", "T2"], high=high * 0.6)
    found = described(tmp_path, frame.map(lambda each: f"{each}{sign}".replace(".", ",")), sep=";")
    assert found.data.grade_range[1] == high
    assert found.remarks.mend == []


def test_marks_and_numbers_that_mean_no_grade_and_zeros(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2", "Sem 3"])
    frame.loc[3, "Sem 1"], frame.loc[[4, 5], "Sem 2"] = "AB", "-"
    frame.loc[[6, 7, 8], "Sem 3"], frame.loc[9, "Sem 1"] = 0, -1
    found = described(tmp_path, frame)
    assert found.data.missing == ["-", "AB", "-1", "0"]
    assert told(found, "missing: 0 in Sem 3 (3) is taken for no grade")
    assert "53 rows have every semester" in found.remarks.why["semesters"]
    frame = table(["Sem 1", "Sem 2"])
    frame.iloc[:6, 0] = [0, 0.4, 0.8, 1.2, 0, 1.5]
    found = described(tmp_path, frame)
    assert found.data.missing == []
    assert told(found, "missing: 0 in Sem 1 (2) is taken for a grade; if it is none, add it")


def test_mistakes_are_to_be_mended(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    frame.loc[4, "Sem 2"] = 75
    found = described(tmp_path, frame)
    assert told(found, "row 6, column 'Sem 2': the cell is out of range; allowed: 0 to 10")
    frame.loc[3, "Sem 1"], frame.loc[5, "Sem 1"], frame.loc[6, "Sem 1"] = "3,33+", "3.4B", "Family"
    found = described(tmp_path, frame)
    places = [each.partition(":")[0] for each in found.remarks.mend]
    assert places == ["row 5, column Sem 1", "row 7, column Sem 1", "row 8, column Sem 1"]
    assert not any(told(found, text) for text in ("3,33+", "3.4B", "Family", "75"))
    assert (found.data.missing, found.data.grade_range) == ([], [0, 10])


# Other columns ----------------------------------------------------------------


def test_ids_categories_groups_and_numbers(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    rows = np.arange(60)
    frame["S.No"], frame["Name"] = rows + 1, [f"Student {n}" for n in rows]
    frame["Enrolment No."] = [f"{n:05d}" for n in rows]
    frame["Branch"], frame["Branch Code"] = np.array(["CSE", "ECE"])[rows % 2], rows % 2 + 7
    frame.loc[[4, 8], "Branch"], frame.loc[6, "Branch"] = "cse ", "N/A"
    frame["Sex"] = np.array(["M", "F", "Male", "female"])[rows % 4]
    frame["University"], frame["Campus"] = "X", [f"Campus {n % 40}" for n in rows]
    frame["Entrance score"] = (60 + rows % 37 + 0.5).astype(object)
    frame.loc[3, "Entrance score"] = "NA"
    found = described(tmp_path, frame)
    assert found.data.id == ["Enrolment No.", "Name"]
    assert found.data.static == ["Branch"]
    assert found.data.groups == ["Sex"]
    spellings = {"Branch": {"N/A": "", "cse": "CSE"}, "Sex": {"F": "female", "M": "Male"}}
    assert found.data.spellings == spellings
    assert (found.data.numeric, found.data.missing) == (["Entrance score"], ["NA"])
    assert found.by == "Branch"
    assert told(found, "University is left out: 1 different texts")
    assert told(found, "Campus is left out: 40 different texts")


def test_what_is_made_from_the_last_grade_is_found_by_its_values(tmp_path: Path) -> None:
    """Whatever it is called, and wherever it stands."""
    draw = np.random.default_rng(0)
    points = grades(200, 4)
    mean = points.mean(axis=1)
    made = {
        "A": mean,
        "B": points @ [1, 2, 3, 2],
        "C": points[:, 2:].mean(axis=1) + draw.normal(0, 0.1, 200),
        "D": np.digitize(mean, [5, 6, 7]),
        "E": np.where(points[:, 3] > 5, "high", "low"),
        "F": points[:, 3].argsort().argsort(),
    }
    known = {"School": draw.choice(["N", "S"], 200), "X": points[:, 0] + draw.normal(0, 2, 200)}
    frame = pd.DataFrame(made | known).join(table(["Sem 1", "Sem 2", "Sem 3", "Sem 4"], 200))
    found = described(tmp_path, frame)
    assert found.data.semesters == ["Sem 1", "Sem 2", "Sem 3", "Sem 4"]
    assert (found.data.static, found.data.numeric) == (["School"], ["X"])
    assert told(found, "left out: A, B, C, D, E, F may be derived")


def test_a_college_is_an_input_though_many_have_the_same_grade(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"], rows=2000).astype(float).round(0)
    frame["College"] = np.repeat(["North", "South"], 1000)
    assert described(tmp_path, frame).data.static == ["College"]


def test_a_student_twice(tmp_path: Path) -> None:
    found = described(tmp_path, table(["1st", "2nd"]).assign(Roll=[*range(100, 159), 103]))
    assert (found.data.id, len(found.remarks.mend)) == (["Roll"], 1)
    assert told(found, "rows 5 and 61 are the same student")


def test_what_is_measured_or_answered_is_no_id(tmp_path: Path) -> None:
    frame = table(["1st", "2nd"])
    frame["Weight"] = np.random.default_rng(0).permutation(range(40, 100))
    frame["What did you like?"] = [f"answer number {n}" for n in range(60)]
    found = described(tmp_path, frame)
    assert found.data.id == []
    assert told(found, "no column is different in every row, so students are named by their row")


def test_of_many_numbers_none_is_chosen(tmp_path: Path) -> None:
    items = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 300)).round(2))
    found = described(tmp_path, items.add_prefix("item_").join(table(["1st", "2nd"])))
    assert found.data.semesters == ["1st", "2nd"]
    assert found.data.numeric == []
    assert told(found, "numeric: ", "more are numbers, too")


def test_the_published_table(published: Path) -> None:
    """What a person said of it by hand."""
    found = describe(published, "", USUAL, 6.0)
    expected = USUAL.model_copy(update={"table": published.as_posix()})
    assert found.data.model_dump() == expected.model_dump()
    assert (found.by, found.line, found.remarks.mend) == ("College Code", 6.0, [])
