"""Tables as they are written for people: nothing cut off, no formula, the same bytes."""

import time
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem.advice import workbook
from nextsem.advice.workbook import Sheet, without_formulas, write_excel

WRITTEN = pd.DataFrame(
    {
        "Student": ["=1+1", "+49", "-x", "@a", "http://a.b", "007"],
        "Grade": [7.5, np.nan, 8, 9, 1, 2],
    }
)


def test_excel_is_the_same_bytes_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = [Sheet("Results", WRITTEN, charted="Grade")]
    write_excel(sheets, tmp_path / "a.xlsx")
    later = time.time() + 1e8
    monkeypatch.setattr(time, "time", lambda: later)
    write_excel(sheets, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_text_stays_text_and_what_is_not_known_is_blank(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    write_excel([Sheet("Results", WRITTEN, {"Grade": "0.00"})], path)
    sheet = openpyxl.load_workbook(path).active
    assert [cell.value for cell in sheet["A"]] == ["Student", *WRITTEN["Student"]]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    assert not any(cell.hyperlink for cell in sheet["A"])
    assert [cell.value for cell in sheet["B"]] == ["Grade", 7.5, None, 8, 9, 1, 2]
    assert sheet["B2"].number_format == "0.00"
    with zipfile.ZipFile(path) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_a_chart_holds_what_it_shows(tmp_path: Path) -> None:
    """For a program that shows it without reading the cells."""
    table = pd.DataFrame({"College": ["A", "A", "B"], "Term": ["1st", "2nd", "1st"], "Risk": 0.25})
    write_excel([Sheet("Results", table, charted="Risk")], tmp_path / "table.xlsx")
    first, second = openpyxl.load_workbook(tmp_path / "table.xlsx").active._charts[0].series
    assert [point.v for point in first.cat.strRef.strCache.pt] == ["1st", "2nd"]
    assert [point.v for point in second.val.numRef.numCache.pt] == [0.25]


def test_excel_goes_on_in_another_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 4)
    write_excel([Sheet("Students", WRITTEN)], tmp_path / "table.xlsx")
    sheets = openpyxl.load_workbook(tmp_path / "table.xlsx").worksheets
    assert [(sheet.title, sheet.max_row) for sheet in sheets] == [
        ("Students", 5),
        ("Students 2", 3),
    ]
    assert [sheet["A1"].value for sheet in sheets] == ["Student", "Student"]


def test_a_sheet_is_frozen_filtered_shaded_and_high_enough(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    wide = WRITTEN.assign(Risk=0.25, Remark="a text that is long, " * 9)
    sheets = [
        Sheet("Wide", wide, {"Risk": "0%"}, shaded=["Risk"], filtered=True, printed=2),
        Sheet("Empty", WRITTEN[:0], shaded=["Grade"], filtered=True),
    ]
    write_excel(sheets, path)
    first, second = openpyxl.load_workbook(path).worksheets
    assert [first.freeze_panes, second.freeze_panes] == ["B2", "A2"]
    assert first.auto_filter.ref == "A1:D7"
    assert first.print_area.endswith("$A$1:$B$7")
    (shade,) = first.conditional_formatting
    assert str(shade.sqref) == "C2:C7"
    assert first["D2"].alignment.wrap_text
    assert first.row_dimensions[2].height > 15
    assert [cell.value for cell in second[1]] == ["Student", "Grade"]
    assert second.max_row == 1


def test_a_csv_for_people_holds_no_formula() -> None:
    names = ["=1+1", "+49", "-5", "-1,5", "-x", "+1+1", "@a", "\t=a", "a=b", "", "-"]
    found = without_formulas(pd.DataFrame({"=Student": names, "Grade": [-1.5] * len(names)}))
    assert list(found) == ["'=Student", "Grade"]
    shown = ["'=1+1", "+49", "-5", "-1,5", "'-x", "'+1+1", "'@a", "'\t=a", "a=b", "", "'-"]
    assert found["'=Student"].tolist() == shown
    assert set(found["Grade"]) == {-1.5}
