"""What is proposed for tables as they come."""

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem import InputError, params
from nextsem.description import Description, describe

USUAL = params.load(Path(__file__).parents[2] / "params.yaml").data


def grades(rows: int = 60, columns: int = 4, high: float = 10) -> np.ndarray:
    """Grades of students who differ, from about 0.3 to 0.9 of the highest."""
    draw = np.random.default_rng(rows + columns)
    ability = draw.uniform(0.35, 0.85, (rows, 1))
    return np.round(high * (ability + draw.uniform(-0.05, 0.05, (rows, columns))), 2)


def table(names: list[str], rows: int = 60, high: float = 10) -> pd.DataFrame:
    return pd.DataFrame(grades(rows, len(names), high), columns=names).astype(object)


def described(tmp_path: Path, frame: pd.DataFrame, **how: object) -> Description:
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False, **how)
    return describe(path, "", USUAL, 6.0)


def workbook(tmp_path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "table.xlsx")
    return tmp_path / "table.xlsx"


def told(found: Description, *parts: str) -> bool:
    return any(all(part in each for part in parts) for each in found.check)


# Semesters --------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th"],
        ["Sem 1", "Sem 2", "Sem 3"],
        ["SGPA1", "SGPA2"],
        ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"],
        ["Semester 1 GPA", "Semester 2 GPA", "Semester 3 GPA"],
        [*(f"T{n}" for n in range(1, 13))],
        ["First Semester", "Second Semester", "Third Semester"],
        ["1", "2", "3"],
        ["Spring 2023", "Fall 2023", "Spring 2024"],
        ["第1学期", "第2学期"],
        ["Autumn", "Winter", "Final"],  # names say nothing of the order
    ],
)
def test_semesters_in_order(tmp_path: Path, names: list[str]) -> None:
    found = described(tmp_path, table(names))
    assert found.data.semesters == names
    shuffled = [*names[1:], names[0]]
    if names[0] not in ("Autumn", "Spring 2023"):
        assert described(tmp_path, table(names)[shuffled]).data.semesters == names


def test_order_by_place_is_to_be_checked(tmp_path: Path) -> None:
    found = described(tmp_path, table(["Autumn", "Winter", "Final"]))
    assert told(found, "semesters", "Autumn, Winter, Final", "as they stand")


def test_the_likeliest_of_several_series(tmp_path: Path) -> None:
    frame = table([f"Sem {n} SGPA" for n in (1, 2, 3)])
    for n in (1, 2, 3):
        frame[f"Sem {n} CGPA"] = frame[[f"Sem {m} SGPA" for m in range(1, n + 1)]].mean(axis=1)
        frame[f"Sem {n} Credits"] = np.arange(60) % 7 + 15
    found = described(tmp_path, frame)
    assert found.data.semesters == ["Sem 1 SGPA", "Sem 2 SGPA", "Sem 3 SGPA"]
    assert told(found, "Sem 1 CGPA", "look like grades, too")
    assert found.data.numeric == ["Sem 1 Credits", "Sem 2 Credits"]
    assert told(found, "left out", "Sem 3 Credits", "Sem 3 CGPA")


def test_empty_semesters_and_those_still_to_come(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2", "Sem 3", "Sem 4", "Sem 5"])
    frame["Sem 2"] = None
    frame.loc[2:, "Sem 5"] = None
    found = described(tmp_path, frame)
    assert found.data.semesters == ["Sem 1", "Sem 3", "Sem 4"]
    assert told(found, "Sem 5 is left out; 2 students")
    assert told(found, "Sem 2 is left out; it is empty")


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (pd.DataFrame({"Sem 1": list("ABCB"), "Sem 2": list("BCAA")}), ("Sem 1, Sem 2", "letters")),
        (
            pd.DataFrame({"Roll": [1, 1, 2, 2], "Semester": [1, 2, 1, 2], "GPA": [7.1, 8, 9, 6.5]}),
            ("a row for each student and semester", "pivot"),
        ),
        (pd.DataFrame({"Name": ["A", "B"], "Age": [20, 21]}), ("no two columns", "Name, Age")),
        (
            pd.DataFrame({"Sem 1": [7.5] * 9, "Sem 2": [7.5, 8] + [None] * 7}),
            ("Sem 1, Sem 2", "only 1"),
        ),
    ],
    ids=["letters", "a row a semester", "no grades", "one semester"],
)
def test_what_cannot_be_forecast(
    tmp_path: Path, frame: pd.DataFrame, parts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as error:
        described(tmp_path, frame)
    assert all(part in str(error.value) for part in ("table.csv", "allowed", *parts))
    assert "\n" not in str(error.value)


# Grades -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("high", "expected"),
    [(1, [0, 1]), (4, [0, 4]), (10, [0, 10]), (20, [0, 20]), (100, [0, 100]), (500, [0, 500])],
)
def test_scales(tmp_path: Path, high: float, expected: list[float]) -> None:
    found = described(tmp_path, table(["GPA 1", "GPA 2", "GPA 3"], high=high))
    assert found.data.grade_range == expected
    assert not found.data.lower_is_better
    assert told(found, "grade_range", "the lowest and highest possible?")
    low, high = expected
    assert low < found.line < high
    assert 0.02 < found.worse < 0.3


@pytest.mark.parametrize("hint", ["name", "sheet", "steps", "attendance", "failures", None])
def test_scales_where_lower_is_better(tmp_path: Path, hint: str | None) -> None:
    points = 6 - grades(high=5)  # from 1.5 to 4.5
    if hint == "steps":
        points = np.floor(points) + np.array([0, 0.3, 0.7])[(points % 1 * 3).astype(int)]
    word = "Note" if hint == "name" else "Term"
    frame = pd.DataFrame(points, columns=[f"{word} {n}" for n in range(1, 5)])
    if hint == "attendance":
        frame["Attendance"] = (100 - 8 * points.mean(axis=1)).round(1)
    if hint == "failures":
        frame["Failures"] = points.mean(axis=1).round()
    if hint == "sheet":
        path = workbook(tmp_path, **{"Noten 2024": [[*frame], *points.tolist()]})
        found = describe(path, "Noten 2024", USUAL, 6.0)
    else:
        found = described(tmp_path, frame)
    assert found.data.grade_range == [1, 5]
    assert found.data.lower_is_better == (hint is not None)
    assert told(found, "lower_is_better: is")
    assert found.worse == np.mean(
        points[:, -1] > found.line if hint else points[:, -1] < found.line
    )


def test_percent_and_the_highest_grade_behind_a_grade(tmp_path: Path) -> None:
    for sign, high in (("%", 100), ("/20", 20), (" / 5", 5)):
        frame = table(["T1", "T2"], high=high * 0.6)
        written = frame.map(lambda cell, sign=sign: f"{cell}{sign}".replace(".", ","))
        found = described(tmp_path, written, sep=";")
        assert found.data.grade_range[1] == high
        assert not told(found, "to mend")


def test_marks_that_mean_no_grade(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2", "Sem 3"])
    frame.loc[3, "Sem 1"], frame.loc[[4, 5], "Sem 2"] = "AB", "-"
    frame.loc[[6, 7, 8], "Sem 3"], frame.loc[9, "Sem 1"] = 0, -1
    found = described(tmp_path, frame)
    assert found.data.missing == ["-", "AB", "-1", "0"]
    assert told(found, "missing: 0 stands 3 times")
    assert "53 rows have every semester; 4 have the Sem 3" in found.why["incomplete"]


def test_a_zero_among_low_grades_is_a_grade(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    frame.iloc[:6, 0] = [0, 0.4, 0.8, 1.2, 0, 1.5]
    assert described(tmp_path, frame).data.missing == []


def test_zeros_in_the_last_semester_alone_are_still_to_come(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    frame.iloc[10, 0] = 1.4
    frame.iloc[:6, 1] = 0
    assert described(tmp_path, frame).data.missing == ["0"]
    frame.iloc[6, 0] = 0
    assert described(tmp_path, frame).data.missing == []


def test_mistakes_are_to_be_mended(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    frame.loc[3, "Sem 1"], frame.loc[4, "Sem 2"] = "6.2*", 75
    found = described(tmp_path, frame)
    assert found.check[0] == "to mend: row 5, column Sem 1: '6.2*' is not a number"
    assert found.check[1] == "to mend: column Sem 2: 75 is far above all other grades"
    assert found.data.grade_range == [0, 10]


# Other columns ----------------------------------------------------------------


def test_ids_categories_groups_and_numbers(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    rows = np.arange(60)
    frame["S.No"], frame["Name"] = rows + 1, [f"Student {n}" for n in rows]
    frame["Enrolment No."] = [f"EN{n}" for n in rows]
    frame["Branch"], frame["Branch Code"] = np.array(["CSE", "ECE"])[rows % 2], rows % 2 + 7
    frame.loc[[4, 8], "Branch"], frame.loc[6, "Branch"] = "cse ", "N/A"
    frame["Sex"] = np.array(["M", "F", "Male", "female"])[rows % 4]
    frame["University"] = "X"
    frame["Attendance"] = (60 + rows % 37 + 0.5).astype(object)
    frame.loc[3, "Attendance"] = "NA"
    frame["CGPA"] = frame[["Sem 1", "Sem 2"]].mean(axis=1)
    frame["Sum of all"] = frame["Sem 1"] * 3 + frame["Sem 2"] * 2
    frame["Outcome"] = np.where(frame["Sem 2"] < 6, "fail", "pass")
    found = described(tmp_path, frame)
    assert found.data.id == ["Enrolment No."]
    assert found.data.static == ["Branch"]
    assert found.data.groups == ["Sex"]
    assert found.data.spellings == {
        "Branch": {"N/A": "", "cse": "CSE"},
        "Sex": {"F": "female", "M": "Male"},
    }
    assert found.data.numeric == ["Attendance"]
    assert found.data.missing == ["NA"]
    assert found.by == "Branch"
    assert told(found, "left out, as made from", "CGPA, Sum of all, Outcome")
    assert told(found, "University is the same for everyone")


def test_ids_taken_together(tmp_path: Path) -> None:
    frame = table(["1st", "2nd"])
    frame["College Code"] = np.arange(60) // 30 + 115
    roll = np.arange(60) % 30 + 1.0
    frame["Roll"], frame["Roll no."] = roll, None
    frame.loc[:29, "Roll no."], frame.loc[:29, "Roll"] = roll[:30], None
    found = described(tmp_path, frame)
    assert found.data.id == ["College Code", "Roll", "Roll no."]
    assert not told(found, "id")


def test_a_student_twice(tmp_path: Path) -> None:
    frame = table(["1st", "2nd"]).assign(Roll=[*range(100, 159), 103])
    found = described(tmp_path, frame)
    assert found.data.id == ["Roll"]
    assert told(found, "to mend: rows 5 and 61 have the same Roll, 103")


def test_no_id(tmp_path: Path) -> None:
    found = described(tmp_path, table(["1st", "2nd"]))
    assert found.data.id == []
    assert told(found, "students are named by their row")


def test_hundreds_of_categories_and_thousands_of_columns(tmp_path: Path) -> None:
    frame = table(["1st", "2nd"]).assign(School=[f"School {n % 40}" for n in range(60)])
    items = np.random.default_rng(0).normal(size=(60, 2000)).round(2)
    found = described(tmp_path, frame.join(pd.DataFrame(items).add_prefix("item_")))
    assert found.data.semesters == ["1st", "2nd"]
    assert found.data.static == found.data.numeric == []
    assert told(found, "School is left out; it has 40 categories")
    assert told(found, "item_0", "and 1992 more")


def test_few_students_get_few_inputs(tmp_path: Path) -> None:
    frame = table(["1st", "2nd"], rows=12)
    frame["A"], frame["B"] = np.arange(12) / 7, np.arange(12) % 5 / 3
    found = described(tmp_path, frame)
    assert found.data.numeric == []
    assert told(found, "12 rows have every semester")


# Where the table is -----------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_separators_decimals_and_encodings(
    tmp_path: Path, separator: str, decimal: str, encoding: str
) -> None:
    frame = table(["1er semestre", "2e semestre"]).map(lambda cell: str(cell).replace(".", decimal))
    frame["Filière"] = np.array(["Économie", "Génie"])[np.arange(60) % 2]
    found = described(tmp_path, frame, sep=separator, encoding=encoding)
    assert found.data.semesters == ["1er semestre", "2e semestre"]
    assert found.data.static == ["Filière"]
    assert found.data.encoding == encoding.replace("-sig", "")
    assert told(found, "cp1252", "'Filière'") == (encoding == "cp1252")
    assert not told(found, "to mend")


def test_titles_above_and_totals_and_notes_below(tmp_path: Path) -> None:
    frame = table(["Sem 1", "Sem 2"])
    frame.insert(0, "Name", [f"Student {n}" for n in range(60)])
    frame.insert(0, "Roll", range(101, 161))
    text = "University of X,,,\nResults 2024,,,\n,,,\n" + frame.to_csv(index=False)
    text += ",Highest,9,9\n,Average,6.1,6.2\n,,,\nNote: as of May,,,\n"
    (tmp_path / "table.csv").write_text(text)
    found = describe(tmp_path / "table.csv", "", USUAL, 6.0)
    assert (found.data.header_row, found.data.footer_rows) == (4, 4)
    assert told(found, "footer_rows", "Highest 9 9", "Average", "Note: as of May")
    assert "60 rows have every semester" in found.why["incomplete"]


def test_names_merged_downwards_and_repeated(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Report"],
        ["Roll", "Branch", "Semester 1", None, "Semester 2", None],
        [None, None, "SGPA", "Credits", "SGPA", "Credits"],
    ]
    for number, (first, second) in enumerate(grades(columns=2)):
        rows.append([number + 1, "AB"[number % 2], first, 18 + number % 5, second, 20 + number % 4])
    found = describe(workbook(tmp_path, Sheet=rows), "", USUAL, 6.0)
    assert found.data.header_row == 3
    assert found.data.semesters == ["SGPA (1)", "SGPA (2)"]
    assert found.data.static == ["Branch"]
    assert found.data.id == ["Roll"]
    assert not told(found, "to mend")


def test_sheets(tmp_path: Path) -> None:
    rows = [["Roll", "Sem 1", "Sem 2"], *([n, *each] for n, each in enumerate(grades(columns=2)))]
    other = [rows[0], *([n + 100, *each] for n, each in enumerate(grades(50, 2)))]
    path = workbook(tmp_path, Legend=[["AB", "absent"]], Spring=rows, Autumn=other)
    found = describe(path, "", USUAL, 6.0)
    assert found.data.sheet == "Spring"
    assert told(found, "sheet: Spring is proposed", "Autumn")
    assert describe(path, "Autumn", USUAL, 6.0).data.sheet == "Autumn"
    with pytest.raises(InputError, match=r"no sheet 'Winter'; found: Legend, Spring, Autumn"):
        describe(path, "Winter", USUAL, 6.0)
    assert describe(workbook(tmp_path, Spring=rows), "", USUAL, 6.0).data.sheet == ""


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("table.csv", b"", "empty"),
        ("table.csv", b"1st,2nd\n", "no row that is filled in"),
        ("table.xlsx", b"1st,2nd\n", "cannot be read as an .xlsx file"),
        ("table.xls", b"", "a .csv or an .xlsx file"),
        ("none.csv", None, "no such file"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: bytes | None, part: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=part):
        describe(tmp_path / name, "", USUAL, 6.0)


def test_the_default_tables(tmp_path: Path, published: Path) -> None:
    """What a person said of the published table by hand."""
    found = describe(published, "", USUAL, 6.0)
    expected = USUAL.model_copy(update={"table": published.as_posix()})
    assert found.data.model_dump() == expected.model_dump()
    assert (found.by, found.line) == ("College Code", 6.0)
