"""Workbooks that are small to send and large to read, and cells that only look empty."""

import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from nextsem.reading.wide import read_wide
from nextsem.shared.errors import InputError
from tests.reading.test_tables import DATA as TABLE
from tests.reading.test_tables import excel

DATA = TABLE.model_copy(update={"id": ["Roll"]})
HEADER = ["1st", "2nd", "College", "Roll"]
GOOD: list[object] = [7, 8, "115", "1"]


def told(path: Path) -> str:
    """What a table is refused with, on one line."""
    with pytest.raises(InputError) as error:
        read_wide(path, DATA)
    assert len(str(error.value).splitlines()) == 1
    assert str(path) in str(error.value)
    return str(error.value)


def rewrite(path: Path, part: str, old: str, new: str) -> None:
    """Another text in a part of a workbook."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode(), 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ("<worksheet", '<!DOCTYPE a [<!ENTITY a "aaa">]><worksheet', "DTDForbidden"),
        ("</sheetData>", '<row r="1048576"><c><v>7</v></c></row></sheetData>', "cells; allowed"),
        ("<sheetData>", " " * 2**24 + "<sheetData>", "unpacks to more than 16 MiB"),
        ("</sheetData>", "", "cannot be read as an .xlsx file"),
    ],
)
def test_what_would_fill_the_memory_or_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, fragment: str
) -> None:
    monkeypatch.setattr("nextsem.reading.workbook.UNPACKED", 2**24)
    path = tmp_path / "table.xlsx"
    excel(path, [[*HEADER, *(f"c{n}" for n in range(60))], GOOD])
    rewrite(path, SHEET, old, new)
    assert fragment in told(path)


# In any column, and in a grade's.
CELLS = [(column, "#N/A", "'#N/A'") for column in range(4)]
CELLS += [(column, "=A1+1", "is a formula that was never calculated") for column in range(4)]
CELLS += [(0, date(2023, 3, 15), "'2023-03-15' is not a number")]
CELLS += [(0, True, "'True' is not a number")]


@pytest.mark.parametrize(("column", "cell", "said"), CELLS)
def test_what_is_no_grade_and_no_name(tmp_path: Path, column: int, cell: object, said: str) -> None:
    """Of a formula openpyxl writes no value."""
    path, row = tmp_path / "table.xlsx", [*GOOD]
    row[column] = cell
    excel(path, [HEADER, GOOD, row])
    assert f"row 3, column '{HEADER[column]}': {said}" in told(path)


def test_a_value_that_a_program_is_still_to_calculate(tmp_path: Path) -> None:
    """Some programs write 0 for it, and ask the next one to calculate it."""
    path = tmp_path / "table.xlsx"
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet()
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, GOOD)
    page.write_formula(1, 0, "=3+4", value=7)
    book.close()
    assert "row 2, column '1st': is a formula that was never calculated" in told(path)
    rewrite(path, "xl/workbook.xml", ' fullCalcOnLoad="1"', "")
    assert read_wide(path, DATA).table["1st"].tolist() == [7]


def test_formulas_in_other_columns_and_ones_that_give_an_empty_text(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    excel(path, [[*HEADER, "Remark"], [*GOOD, "=A2+1"]])
    rewrite(path, SHEET, '<c r="B2" t="n"><v>8</v>', '<c r="B2" t="str"><f>""</f><v></v>')
    rewrite(path, "xl/workbook.xml", ' fullCalcOnLoad="1"', "")
    assert read_wide(path, DATA).table["2nd"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("cells", "column"),
    [("A2:A3", "1st"), ("C2:C3", "College"), ("B1:C2", "2nd"), ("D3:G3", "Roll")],
)
def test_merged_cells(tmp_path: Path, cells: str, column: str) -> None:
    path = tmp_path / "table.xlsx"
    excel(path, [HEADER, GOOD, GOOD])
    merged = f'</sheetData><mergeCells count="1"><mergeCell ref="{cells}"/></mergeCells>'
    rewrite(path, SHEET, "</sheetData>", merged)
    assert f"cells {cells}, column '{column}': are merged" in told(path)


def test_merged_cells_and_formulas_elsewhere(tmp_path: Path) -> None:
    path, book = tmp_path / "table.xlsx", openpyxl.Workbook()
    for row in (HEADER, GOOD, [6, 7, "115", "2"], ["=SUM(A2:A3)", 15, "Sum"]):
        book.active.append(row)
    for cells in ("E2:F3", "C4:E4"):
        book.active.merge_cells(cells)
    book.save(path)
    found = read_wide(path, DATA.model_copy(update={"footer_rows": 1}))
    assert found.table["student"].tolist() == ["1", "2"]
    assert found.left_out["footer"] == 1


def test_long_numbers_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    excel(path, [HEADER, [*GOOD[:3], 4711], [*GOOD[:3], 4712], [*GOOD[:3], None]])
    rewrite(path, SHEET, "4711", "9007199254740992")
    rewrite(path, SHEET, "4712", "9007199254740993")
    found = read_wide(path, DATA).table["student"].tolist()
    assert found == ["9007199254740992", "9007199254740993", "row 4"]
