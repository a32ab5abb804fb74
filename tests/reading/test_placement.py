"""Where in a file the table is: titles, names, sheets, and rows that are no students."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextsem.reading.description import Description, describe
from nextsem.reading.layouts import read_students
from nextsem.shared.errors import InputError
from tests.conftest import PARAMETERS

USUAL = PARAMETERS.data
HEADER = ["Roll", "Name", "Branch", "Sem 1", "Sem 2"]
Rows = list[list[object]]


def students(number: int = 40) -> Rows:
    points = np.random.default_rng(number).uniform(4, 9, (number, 1))
    points = (points + np.random.default_rng(1).normal(0, 0.4, (number, 2))).round(2)
    given_names = ["Max", "Anna", "Mina", "Sumit"]
    return [
        [101 + n, f"{given_names[n % 4]} Meanwell{n}", ["CS", "Art"][n % 2], *each]
        for n, each in enumerate(points.tolist())
    ]


def workbook(tmp_path: Path, **sheets: Rows) -> Path:
    with pd.ExcelWriter(tmp_path / "table.xlsx") as book:
        for name, rows in sheets.items():
            table = pd.DataFrame(itertools.zip_longest(*rows)).T
            table.to_excel(book, sheet_name=name, header=False, index=False)
    return tmp_path / "table.xlsx"


def csv(tmp_path: Path, rows: Rows, **how: object) -> Path:
    path = tmp_path / "table.csv"
    wide = [[*row, *[None] * (5 - len(row))] for row in rows]
    pd.DataFrame(wide).to_csv(path, header=False, index=False, **how)
    return path


def look(path: Path, sheet: str = "") -> Description:
    return describe(path, sheet, USUAL, 6.0)


TITLES: Rows = [["University of X"], ["Results 2024"], []]
FOOTERS: Rows = [
    [None, "Programme mean", None, 6.1, 6.2],
    ["Total", None, None, 240.5, 250.5],
    [None, None, "Average", 6.1, 6.2],
    [None, "Highest", None, 9, 9],
    [None, "No. of students", None, 40, 40],
    ["Mean of CS", None, None, 6.2, 6.1],
    [None, None, None, 6.1, 6.2],
    ["Note: AB = absent"],
    ["Prepared by", "Registrar"],
    [],
]
ABOVE = st.integers(0, 3).map(lambda number: TITLES[3 - number :])
BELOW = st.lists(st.sampled_from(FOOTERS), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
@given(titles=ABOVE, footers=BELOW, number=st.integers(12, 60))
def test_who_goes_in_comes_out(tmp_path: Path, titles: Rows, footers: Rows, number: int) -> None:
    """Any footer below any title: none of it is learnt as a student, and nobody is lost."""
    path = csv(tmp_path, [*titles, HEADER, *students(number), *footers])
    found = look(path)
    assert found.remarks.mend == []
    assert found.data.header_row == len(titles) + 1
    assert len(read_students(path, found.data).students) == number


def test_rows_that_nothing_names_are_asked_for(tmp_path: Path) -> None:
    rows = students()
    rows[20][:2] = [None, None]
    found = look(csv(tmp_path, [HEADER, *rows]))
    assert "nothing in Roll, Name in row 22" in "".join(found.remarks.check)
    assert found.data.footer_rows == 0


@pytest.mark.parametrize(
    ("separator", "decimal", "encoding"),
    [
        (",", ".", "utf-8"),
        (";", ",", "utf-8-sig"),
        (";", ",", "cp1252"),
        ("\t", ".", "utf-16"),
        ("|", ",", "utf-16-le"),
    ],
)
def test_separators_decimals_and_encodings(
    tmp_path: Path, separator: str, decimal: str, encoding: str
) -> None:
    rows = [[f"É{row[0]}", "Économie", *row[3:]] for row in students()]
    rows = [[str(each).replace(".", decimal) for each in row] for row in rows]
    header = ["Élève", "École", "1er semestre", "2e semestre"]
    found = look(csv(tmp_path, [header, *rows], sep=separator, encoding=encoding))
    assert found.data.semesters == ["1er semestre", "2e semestre"]
    assert found.data.id == ["Élève"]
    assert found.data.encoding == encoding.replace("-sig", "")
    assert any("letters in row 1" in each for each in found.remarks.check) == (encoding == "cp1252")
    assert found.remarks.mend == []


def test_names_merged_downwards_and_repeated(tmp_path: Path) -> None:
    rows: Rows = [["Report"], ["Roll", "Branch", "Semester 1", None, "Semester 2", None]]
    rows += [[None, None, "SGPA", "Credits", "SGPA", "Credits"]]
    for n, (roll, _, branch, first, second) in enumerate(students()):
        rows += [[roll, branch, first, 18 + n % 5, second, 20 + n % 4]]
    found = look(workbook(tmp_path, Sheet=rows))
    assert found.data.header_row == 3
    assert found.data.semesters == ["SGPA (1)", "SGPA (2)"]
    assert (found.data.static, found.data.id) == (["Branch"], ["Roll"])
    assert found.remarks.mend == []


def test_sheets(tmp_path: Path) -> None:
    rows, other = [HEADER, *students()], [HEADER, *students(35)]
    path = workbook(tmp_path, Legend=[["AB", "absent"]], Spring=rows, Autumn=other)
    found = look(path)
    assert found.data.sheet == "Spring"
    assert any("sheet: Spring is proposed; Autumn" in each for each in found.remarks.check)
    assert look(path, "Autumn").data.sheet == "Autumn"
    assert look(workbook(tmp_path, Spring=rows)).data.sheet == ""


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("table.csv", b"", "no row of column names"),
        ("table.csv", b"1st,2nd\n", "no row of column names"),
        ("table.xlsx", b"1st,2nd\n", "cannot be read as an .xlsx file"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: bytes, part: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=part):
        look(tmp_path / name)
