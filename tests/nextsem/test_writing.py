"""Tables as they are written: nothing cut off, no formula, the same bytes."""

import io
import time
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem import InputError, writing
from nextsem.writing import Sheet, write_csv, write_excel

WRITTEN = pd.DataFrame(
    {
        "Student": ["=1+1", "+49", "-x", "@a", "http://a.b", "007"],
        "Grade": [7.5, np.nan, 8, 9, 1, 2],
    }
)


def test_excel_is_the_same_bytes_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = [Sheet("Results", WRITTEN, {}, shaded=["Grade"])]
    write_excel(sheets, tmp_path / "a.xlsx")
    later = time.time() + 1e8
    monkeypatch.setattr(time, "time", lambda: later)
    write_excel(sheets, tmp_path / "b.xlsx")
    content = (tmp_path / "a.xlsx").read_bytes()
    assert content == (tmp_path / "b.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert {each.date_time[0] for each in book.infolist()} == {1980}
        assert "2000-01-01" in book.read("docProps/core.xml").decode()


def test_excel_cells(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    write_excel([Sheet("Results", WRITTEN, {"Grade": "0.00"})], path)
    sheet = openpyxl.load_workbook(path).active
    assert [cell.value for cell in sheet["A"]] == ["Student", *WRITTEN["Student"]]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    assert [cell.value for cell in sheet["B"]] == ["Grade", 7.5, None, 8, 9, 1, 2]
    assert sheet["B2"].number_format == "0.00"
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["B"].width > 5
    with zipfile.ZipFile(path) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_a_text_that_does_not_fit_a_cell_is_not_cut_off(tmp_path: Path) -> None:
    def write(length: int) -> None:
        table = pd.DataFrame({"Student": ["x" * length]})
        write_excel([Sheet("Students", table, {})], tmp_path / "table.xlsx")

    write(32767)
    with pytest.raises(InputError, match=r"column 'Student': 'xx.* has 32768 characters"):
        write(32768)


def test_excel_goes_on_in_another_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SHEET_ROWS", 4)
    write_excel([Sheet("Students", WRITTEN, {})], tmp_path / "table.xlsx")
    sheets = openpyxl.load_workbook(tmp_path / "table.xlsx").worksheets
    assert [(sheet.title, sheet.max_row) for sheet in sheets] == [
        ("Students", 5),
        ("Students 2", 3),
    ]
    assert [sheet["A1"].value for sheet in sheets] == ["Student", "Student"]


def test_excel_sheets_shades_and_empty_tables(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    wide = WRITTEN.assign(Risk=0.25, Remark="a text that is long, " * 9)
    sheets = [
        Sheet("Wide", wide, {"Risk": "0%"}, shaded=["Risk"]),
        Sheet("Empty", WRITTEN[:0], {}, shaded=["Grade"]),
    ]
    write_excel(sheets, path)
    first, second = openpyxl.load_workbook(path).worksheets
    assert [first.title, second.title] == ["Wide", "Empty"]
    assert [first.freeze_panes, second.freeze_panes] == ["B2", "A2"]
    assert first["C2"].number_format == "0%"
    (shade,) = first.conditional_formatting
    assert str(shade.sqref) == "C2:C7"
    assert shade.rules[0].type == "colorScale"
    assert first["D2"].alignment.wrap_text
    assert first.column_dimensions["D"].width <= 81
    assert first.row_dimensions[2].height > 15
    assert [cell.value for cell in second[1]] == ["Student", "Grade"]
    assert second.max_row == 1


def test_csv_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"ü": [1.5, np.nan]}), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_bytes() == 'ü\n1.5\n""\n'.encode()


def test_a_csv_for_people_holds_no_formula(tmp_path: Path) -> None:
    names = ["=1+1", "+49", "-5", "-1,5", "-x", "+1+1", "@a", "\t=a", "a=b", "", "-"]
    frame = pd.DataFrame({"=Student": names, "Grade": [-1.5] * len(names)})
    write_csv(frame, tmp_path / "table.csv", for_people=True)
    found = pd.read_csv(tmp_path / "table.csv", dtype=str, keep_default_na=False)
    assert list(found) == ["'=Student", "Grade"]
    shown = ["'=1+1", "+49", "-5", "-1,5", "'-x", "'+1+1", "'@a", "'\t=a", "a=b", "", "'-"]
    assert found["'=Student"].tolist() == shown
    assert set(found["Grade"]) == {"-1.5"}
    write_csv(frame, tmp_path / "table.csv")
    assert pd.read_csv(tmp_path / "table.csv", keep_default_na=False)["=Student"].tolist() == names
