"""The workbooks that the pipeline writes, opened in LibreOffice."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Checkout

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "forecast",
            [
                *("Student", "Forecast 5th", "Range from", "Range to", "Risk below 6"),
                *("Known semesters", "College Code known", "Average student"),
                *("by 1st", "by 2nd", "by 3rd", "by 4th", "by College Code", "Remark"),
                *("What", "Meaning", "Simulated", "Not for"),
                *("not forecast: no semester is known", "3 of 4"),
            ],
        ),
        ("predicted_scores", ["Predicted Exam Score", "Student"]),
        ("testing_data", ["Student", "5th"]),
    ],
)
def test_a_workbook_opens_and_prints(
    quick: Checkout, tmp_path: Path, name: str, expected: list[str]
) -> None:
    book = quick.path / f"data/predictions/{name}.xlsx"
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    convert = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", tmp_path, book]
    done = subprocess.run(convert, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stdout + done.stderr
    read = ["pdftotext", "-layout", tmp_path / f"{name}.pdf", "-"]
    text = subprocess.run(read, capture_output=True, text=True, check=True).stdout
    words = text.split()
    for header in expected:  # which may wrap in its cell
        assert set(header.split()) <= set(words), header
    assert not [word for word in words if word.startswith(("#", "Err:", "###"))]
