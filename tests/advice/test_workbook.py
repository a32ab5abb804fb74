"""Tables as they are written for people: nothing cut off, no formula, the same bytes."""

import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem.advice import workbook
from nextsem.advice.advice import advice
from nextsem.advice.report import sheets
from nextsem.advice.workbook import Sheet, without_formulas, write_excel
from nextsem.students.pending import to_forecast
from tests.advice.fake import Mean, underway

WRITTEN = pd.DataFrame({"Student": ["=1+1", "+49", "-x", "@a", "http://a.b", "007"]})
WRITTEN["Grade"] = [7.5, np.nan, 8, 9, 1, 2]


def test_excel_is_the_same_bytes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert [sheet.title for sheet in sheets] == ["Students", "Students 2"]
    assert [sheet.max_row for sheet in sheets] == [5, 3]
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


# Opened in LibreOffice.


def converted(path: Path, kind: str) -> None:
    profile = f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"
    convert = ["soffice", profile, "--headless", "--convert-to", kind, "--outdir"]
    convert += [path.parent, path]
    done = subprocess.run(convert, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_workbook_prints_and_can_be_looked_up_by_the_student(tmp_path: Path) -> None:
    students, forecaster, path = underway(40), Mean().calibrated(), tmp_path / "forecast.xlsx"
    terms, reasons = to_forecast(students, None)
    pending = pd.DataFrame({"term": terms, "reason": reasons, "mark": ""})
    table = advice(forecaster, students, pending, 0.9, 6.0)
    write_excel(sheets(table, forecaster, 0.9, 6.0, 20, []), path)
    converted(path, "pdf")
    read = ["pdftotext", "-layout", path.with_suffix(".pdf"), "-"]
    text = subprocess.run(read, capture_output=True, text=True, check=True).stdout
    words = set(text.split())
    told = " ".join([*list(table)[:10], "Students forecast What Meaning", *students.names])
    assert set(told.split()) <= words
    assert not [word for word in words if word.startswith(("#", "Err:"))]

    flat = tmp_path / "lookup.fods"
    converted(path, "fods")
    column = list(table).index("Forecast") + 1
    lookup = (
        '<table:table table:name="Lookup"><table:table-row><table:table-cell '
        f'table:formula="of:=VLOOKUP(&quot;S0007&quot;;[$Forecast.$A$1:.$J$99];{column};0)"/>'
        "</table:table-row></table:table></office:spreadsheet>"
    )
    written = path.with_suffix(".fods").read_text(encoding="utf-8")
    flat.write_text(written.replace("</office:spreadsheet>", lookup), encoding="utf-8")
    converted(flat, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1")
    found = (tmp_path / "lookup-Lookup.csv").read_text().strip()
    expected = table.set_index("Student").loc["S0007", "Forecast"]
    assert float(found) == pytest.approx(expected, abs=0.01)
