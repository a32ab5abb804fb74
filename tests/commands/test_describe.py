"""`python -m commands.describe`, as it is typed."""

import re
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from nextsem.shared import params
from tests.conftest import ROOT, run

NAMES = ["Zoë", "Quirin", "Ludmila", "Xaver", "Wenzel"]
ROWS = [
    f"K{n:03d};{NAMES[n % 5]} Okonjo{n};{5 + n % 9 / 3:.2f};{5 + n % 7 / 2:.2f};{'AB'[n % 2]}"
    for n in range(1, 61)
]
TABLE = "\n".join(["Roll;Name;Sem 1;Sem 2;Branch: #1", *ROWS, ";Grand total;321.98;401.59;", ""])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("nextsem", "commands"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/mine.csv").write_text(TABLE.replace(".", ","), encoding="cp1252")
    return tmp_path


def described(project: Path, *arguments: str, check: bool = True) -> CompletedProcess[str]:
    command = ("python", "-m", "commands.describe", *arguments)
    return run(project, *command, check=check, PYTHONDONTWRITEBYTECODE="1")


def test_what_is_printed_and_written_holds_every_key_and_a_reason(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    done = described(project, "data/raw/mine.csv")
    assert (project / "params.yaml").read_text() == before
    shown = yaml.safe_load(done.stdout)
    assert list(shown) == ["data", "crossvalidate", "intervals", "evaluate"]
    assert set(shown["data"]) == set(params.Data.model_fields)
    assert shown["data"]["semesters"] == ["Sem 1", "Sem 2"]
    assert shown["data"]["static"] == ["Branch: #1"]
    assert shown["crossvalidate"]["by"] == shown["intervals"]["by"] == "Branch: #1"
    assert "\n  #> In the order of the numbers in their names." in done.stdout
    head = done.stdout.partition("\n\n")[0].splitlines()
    assert all(line.startswith("# ") for line in head)
    assert any("grade_range" in line for line in head)
    described(project, "data/raw/mine.csv", "--write")
    written = params.load(project / "params.yaml").model_dump()
    assert {name: written[name] for name in shown} == shown
    text = (project / "params.yaml").read_text()
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in text.splitlines() if line.lstrip()[:2] in ("# ", "#")] == comments
    described(project, "data/raw/mine.csv", "--write")
    assert (project / "params.yaml").read_text() == text


@pytest.mark.parametrize("mistake", ["", "3,33+", "12345"])
def test_no_cell_of_a_student_is_copied(project: Path, mistake: str) -> None:
    """Names of columns, numbers of rows, ranges and categories are told; a student's row never."""
    table = project / "data/raw/mine.csv"
    lines = table.read_text(encoding="cp1252").splitlines()
    if mistake:  # in a grade's place; and somebody whose name slipped into the next column
        lines[5] = re.sub(r"\d,\d+", mistake, lines[5], count=1)
        lines[7] = re.sub(r"\d,\d+", "Slipped", lines[7], count=1)
    table.write_text("\n".join(lines), encoding="cp1252")
    done = described(project, "data/raw/mine.csv", "--write")
    said = done.stdout + done.stderr + (project / "params.yaml").read_text()
    ids = [f"K{n:03d}" for n in range(1, 61)]
    for cell in [*ids, *NAMES, "Okonjo", "Slipped", "Grand", "321", "401", mistake or "Okonjo"]:
        assert cell not in said
    assert ("row 8, column Sem 1" in said) == bool(mistake)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["data/raw/none.csv"], ("data/raw/none.csv", "no such file")),
        (["../mine.csv"], ("../mine.csv", "outside the project", "data/raw")),
        (["data/raw/mine.csv", "--sheet", "x"], ("mine.csv", "--sheet", ".xlsx")),
        (["params.yaml"], ("params.yaml", "a .csv or an .xlsx file")),
    ],
)
def test_errors(project: Path, arguments: list[str], parts: tuple[str, ...]) -> None:
    shutil.copy(project / "data/raw/mine.csv", project.parent / "mine.csv")
    done = described(project, *arguments, "--write", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert all(part in done.stderr for part in parts)
