"""What a person can get wrong, tried on the stages themselves.

Each case ends with exit status 1 and a line or two that name the file, the row and column or the
key, what was found and what is allowed; outputs that were there stay as they were.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest

ROOT = Path(__file__).parents[2]
TABLE = "data/raw/simulated.csv"
HEADER = "1st,2nd,3rd,4th,5th,College Code,Roll,Roll no."
ROWS = [
    f"{5 + n / 10:.2f},{6 + n / 20:.2f},7,6.5,{5.5 + n / 10:.2f},{115 + n % 2},{100 + n},"
    for n in range(12)
]
OLD = b"what stood here before\n"
OUTPUTS = {
    "prepare": [
        *(
            f"data/prepared/{name}.csv"
            for name in ("complete", "incomplete", "train", "test", "pending")
        ),
        "metrics/data.json",
    ],
    "correlate": ["metrics/plots/correlation.csv", "metrics/plots/correlation_heatmap.png"],
    "simulate": ["data/raw/simulated.csv"],
    "train": [
        "models/evaluated.safetensors",
        "models/forecaster.safetensors",
        "metrics/plots/loss.csv",
        "metrics/train.json",
    ],
    "evaluate": ["metrics/test.json", "data/predictions/test.csv"],
}
Change = Callable[[Path], object]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The stages and the library, with a good table, good parameters and prepared tables."""
    for folder in ("nextsem", "stages"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    keys(("groups: [Gender]", "groups: []"))(tmp_path)
    table(HEADER, *ROWS)(tmp_path)
    prepared = ["student,College Code,1st,2nd,3rd,4th,5th"]
    prepared += [f"{n},{115 + n % 2},6,7,{6 + n / 10},7,{6 + n / 20}" for n in range(12)]
    for name in ("train", "test"):
        path = tmp_path / f"data/prepared/{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(prepared) + "\n")
    return tmp_path


def run(project: Path, stage: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def refused(project: Path, stage: str, change: Change, fragments: tuple[str, ...]) -> None:
    """Break something, run the stage, and check that it says so and does nothing else."""
    inputs = {"data/prepared/train.csv", "data/prepared/test.csv"}
    kept = [project / path for path in OUTPUTS[stage] if path not in inputs | {TABLE}]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(OLD)
    change(project)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    done = run(project, stage)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 2, done.stderr
    assert done.stdout == ""
    for fragment in fragments:
        assert fragment in done.stderr
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


# Ways to break a project ------------------------------------------------------


def table(*lines: str, encoding: str = "utf-8") -> Change:
    """Another table."""

    def change(project: Path) -> None:
        (project / TABLE).parent.mkdir(parents=True, exist_ok=True)
        (project / TABLE).write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))

    return change


def rows(*lines: str) -> Change:
    """The good table, with these rows below it: the first is row 14."""
    return table(HEADER, *ROWS, *lines)


def keys(*edits: tuple[str, str]) -> Change:
    """Text of params.yaml, replaced."""

    def change(project: Path) -> None:
        path = project / "params.yaml"
        text = path.read_text(encoding="utf-8")
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    return change


def file(name: str, content: bytes) -> Change:
    """A file with these bytes, for instance params.yaml."""

    def change(project: Path) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(content)

    return change


def excel(cells: dict[str, object], *edits: tuple[str, str]) -> Change:
    """The good table as a workbook, with other cells, named in params.yaml."""

    def change(project: Path) -> None:
        book = openpyxl.Workbook()
        book.active.title = "Results"
        book.active.append(HEADER.split(","))
        for row in ROWS:
            *grades, college, roll, _ = row.split(",")
            book.active.append([*map(float, grades), int(college), int(roll), None])
        for place, cell in cells.items():
            book.active[place] = cell
        book.save(project / "data/raw/table.xlsx")
        keys(("table: data/raw/simulated.csv", "table: data/raw/table.xlsx"), *edits)(project)

    return change


def both(*changes: Change) -> Change:
    def change(project: Path) -> None:
        for each in changes:
            each(project)

    return change


def named(path: str) -> Change:
    return keys(("table: data/raw/simulated.csv", f"table: {path}"))


# The cases --------------------------------------------------------------------

TABLES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "grade out of range": (
        rows("11.5,7,7,7,7,115,900,"),
        (TABLE, "row 14", "'1st'", "11.5", "0 to 10"),
    ),
    "text for a grade": (
        rows("7,7,absent,7,7,115,900,"),
        ("row 14", "'3rd'", "'absent'", "a number, an empty cell or one of data.missing"),
    ),
    "inf": (rows("7,7,inf,7,7,115,900,"), ("row 14", "'3rd'", "inf", "a number")),
    "percent": (rows("7,7,81%,7,7,115,900,"), ("row 14", "'3rd'", "'81%'")),
    "two decimal signs": (
        rows('7,7,7,7,"6,5",115,900,'),
        ("row 14", "'5th'", "'6,5' is not a number"),
    ),
    "missing column": (
        table(HEADER.replace("3rd", "third"), *ROWS),
        (TABLE, "no column '3rd'", "'third'"),
    ),
    "column twice": (
        table(f"{HEADER},3rd", *(f"{row},7" for row in ROWS)),
        ("'3rd' stands 2 times", "columns 3, 9", "allowed: once"),
    ),
    "empty file": (table(), (TABLE, "row 1 is empty", "the column names")),
    "header only": (table(HEADER), (TABLE, "no row that is filled in")),
    "blank rows only": (table(HEADER, ",,,,,,,", "", " "), (TABLE, "no row that is filled in")),
    "empty header row": (table("", HEADER, *ROWS), (TABLE, "row 1 is empty")),
    "too few rows": (table(HEADER, *ROWS[:3]), (TABLE, "3 complete rows", "split.test_size 0.2")),
    "two rows of one student": (
        rows(ROWS[3]),
        (TABLE, "rows 5 and 14", "'116/103'", "one row a student"),
    ),
    "more cells than columns": (rows("7,7,7,7,7,115,900,,1"), (TABLE, "row 14", "9 cells", "8")),
    "decimal commas cut it up": (
        rows("7,5,7,5,7,5,7,5,7,5,115,900,"),
        (TABLE, "row 14", "13 cells", "8"),
    ),
    "quote not closed": (rows('7,7,7,7,7,"115,900,'), (TABLE, "a quote is opened")),
    "not UTF-8": (
        table(HEADER, *ROWS, "7,7,7,7,7,Orléans,900,", encoding="cp1252"),
        (TABLE, "row 14", "is not utf-8 text", "data.encoding"),
    ),
    "another ending": (
        both(named("data/raw/table.ods"), file("data/raw/table.ods", b"")),
        ("data/raw/table.ods", "a .csv or an .xlsx file"),
    ),
    "no such file": (named("data/raw/none.csv"), ("data/raw/none.csv", "no such file")),
    "a folder": (named("data/raw"), ("data/raw", "is a folder", ".csv")),
    "no workbook inside": (
        both(named("data/raw/table.xlsx"), file("data/raw/table.xlsx", b"1st,2nd")),
        ("data/raw/table.xlsx", "cannot be read as an .xlsx file"),
    ),
    "no such sheet": (
        excel({}, ('sheet: ""', "sheet: Spring")),
        ("data/raw/table.xlsx", "'Spring'", "'Results'", "data.sheet"),
    ),
    "a date in a workbook": (
        excel({"C4": date(2024, 8, 11)}),
        ("data/raw/table.xlsx", "row 4", "'3rd'", "2024-08-11"),
    ),
    "true or false in a workbook": (excel({"C4": False}), ("row 4", "'3rd'", "'False'")),
}

PARAMETERS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "unknown key": (keys(("  layers:", "  layer:")), ("model.layer", "hidden", "dropout")),
    "missing key": (keys(("  log_every: 100", "")), ("train.log_every is missing",)),
    "a word for a number": (keys(("layers: 3", "layers: abc")), ("model.layers", "'abc'")),
    "a truth value": (keys(("layers: 3", "layers: true")), ("model.layers", "True", "integer")),
    "no layers": (keys(("layers: 3", "layers: 0")), ("model.layers is 0", "equal to 1")),
    "range the wrong way": (
        keys(("grade_range: [0, 10]", "grade_range: [10, 0]")),
        ("data.grade_range is [10, 0]", "lower"),
    ),
    "broken YAML": (file("params.yaml", b"data:\n  table: [a,\n"), ("row 3", "not YAML")),
    "empty": (file("params.yaml", b""), ("holds no parameters",)),
    "gone": (lambda project: (project / "params.yaml").unlink(), ("no such file",)),
}


@pytest.mark.parametrize(("change", "fragments"), TABLES.values(), ids=TABLES)
def test_wrong_table(project: Path, change: Change, fragments: tuple[str, ...]) -> None:
    refused(project, "prepare", change, fragments)


@pytest.mark.parametrize(("change", "fragments"), PARAMETERS.values(), ids=PARAMETERS)
def test_wrong_parameters(project: Path, change: Change, fragments: tuple[str, ...]) -> None:
    refused(project, "prepare", change, ("params.yaml", *fragments))


OTHERS: dict[str, tuple[str, Change, tuple[str, ...]]] = {
    "simulate": ("simulate", keys(("students: 178", "students: 0")), ("simulate.students is 0",)),
    "correlate": (
        "correlate",
        rows("7,7,70,7,7,115,900,"),
        (TABLE, "row 14", "'3rd'", "0 to 10"),
    ),
    "train without a table": (
        "train",
        lambda project: (project / "data/prepared/train.csv").unlink(),
        ("data/prepared/train.csv", "no such file", "dvc repro prepare"),
    ),
    "train on a table of other columns": (
        "train",
        keys(("semesters: [1st, 2nd, 3rd, 4th, 5th]", "semesters: [1st, 2nd, 6th]")),
        ("data/prepared/train.csv", "6th", "dvc repro prepare"),
    ),
    "train with too large steps": (
        "train",
        keys(("learning_rate: 0.001", "learning_rate: 1.0e30")),
        ("train.learning_rate",),
    ),
    "train on a card that is not there": (
        "train",
        keys(("device: auto", "device: cuda")),
        ("train.device is cuda", "cpu or auto"),
    ),
    "evaluate without a forecaster": (
        "evaluate",
        lambda project: None,
        ("models/evaluated.safetensors", "no such file", "dvc repro train"),
    ),
    "evaluate with a broken forecaster": (
        "evaluate",
        file("models/evaluated.safetensors", b"\x08\0\0\0\0\0\0\0{}      "),
        ("models/evaluated.safetensors", "no forecaster", "dvc repro train"),
    ),
}


@pytest.mark.parametrize(("stage", "change", "fragments"), OTHERS.values(), ids=OTHERS)
def test_other_stages(
    project: Path, stage: str, change: Change, fragments: tuple[str, ...]
) -> None:
    refused(project, stage, change, fragments)


def test_the_unbroken_project_is_accepted(project: Path) -> None:
    """Else the cases above would show nothing."""
    done = run(project, "prepare")
    assert (done.returncode, done.stderr) == (0, "")
    assert all((project / path).is_file() for path in OUTPUTS["prepare"])
