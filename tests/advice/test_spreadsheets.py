"""The workbook of forecasts, opened in LibreOffice."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from nextsem.advice.advice import advice
from nextsem.advice.report import sheets
from nextsem.advice.workbook import write_excel
from nextsem.students.pending import to_forecast
from tests.advice.fake import Mean, underway

pytestmark = pytest.mark.slow


def converted(path: Path, kind: str) -> None:
    profile = f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"
    convert = [
        "soffice",
        profile,
        "--headless",
        "--convert-to",
        kind,
        "--outdir",
        path.parent,
        path,
    ]
    done = subprocess.run(convert, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stdout + done.stderr


def test_it_prints_and_can_be_looked_up_by_the_student(tmp_path: Path) -> None:
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
