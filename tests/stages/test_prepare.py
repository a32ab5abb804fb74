"""What `prepare` makes of a table, and what it says of one that a person got wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from nextsem.shared.errors import InputError
from nextsem.students import prepared
from tests.conftest import Project

TABLE = "data/raw/table.csv"
HEADER = "1st,2nd,3rd,4th,5th,College Code,Roll,Roll no.,Gender"
ROWS = [
    f"{5 + n / 10:.2f},{6 + n / 20:.2f},7,6.5,{5.5 + n / 10:.2f},{115 + n % 2},{100 + n},,F"
    for n in range(12)
]
OUTPUTS = [
    *(
        f"data/prepared/{each}.csv"
        for each in ("groups", "complete", "train", "test", "to_forecast")
    ),
    *("data/prepared/students.parquet", "metrics/data.json"),
]
Change = Callable[[Project], object]


def write(project: Project, *lines: str, encoding: str = "utf-8") -> None:
    path = project.path / TABLE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project", data_table=TABLE, data_spellings={})
    write(project, HEADER, *ROWS)
    return project


def table_of(project: Project, name: str) -> pd.DataFrame:
    path = project.path / f"data/prepared/{name}.csv"
    return pd.read_csv(path, dtype={"student": str, "term": str}, keep_default_na=False)


# A row for each student ----------------------------------------------------------


def test_every_student_is_kept_and_complete_ones_are_split(project: Project) -> None:
    gap, second, none = "7,,7,7,7,115,900,,M", "7,7,,,,115,901,,", ",,,,,115,902,,F"
    write(project, HEADER, gap, *ROWS, second, "", none)
    project.stage("prepare")
    students = prepared.read(project.path / prepared.STUDENTS)
    assert len(students) == 15
    complete = [f"{115 + n % 2}/{100 + n}" for n in range(12)]
    assert table_of(project, "complete")["student"].tolist() == complete
    train, test = train_test_split(complete, test_size=0.2, random_state=42)
    assert table_of(project, "train")["student"].tolist() == train
    assert table_of(project, "test")["student"].tolist() == test
    assert list(table_of(project, "test")) == [
        *("student", "College Code", "1st", "2nd", "3rd", "4th", "5th")
    ]
    pending = table_of(project, "to_forecast")
    assert pending["student"].tolist() == students.names.tolist()
    assert pending["term"].tolist() == [""] * 13 + ["3rd", ""]
    assert pending["reason"].iloc[-1] == "no grade is known"
    groups = table_of(project, "groups")
    assert groups["Gender"].tolist() == ["M", *"F" * 12, "", "F"]
    metrics = json.loads((project.path / "metrics/data.json").read_text())
    assert metrics == {
        "rows": {
            **{"read": 16, "students": 15, "complete": 12},
            **{"train": 9, "test": 3, "to_forecast": 1},
        },
        "left_out": {"blank": 1, "footer": 0},
    }


def test_the_published_split(project: Project, published: Path) -> None:
    project.change(data_table=str(published))
    project.stage("prepare")
    rows = json.loads((project.path / "metrics/data.json").read_text())["rows"]
    assert (rows["complete"], rows["train"], rows["test"]) == (169, 135, 34)
    complete = table_of(project, "complete")
    chosen = train_test_split(complete, test_size=0.2, random_state=42)[1]
    pd.testing.assert_frame_equal(table_of(project, "test"), chosen.reset_index(drop=True))


# Transcripts ---------------------------------------------------------------------

LONG = {
    "data_layout": "long",
    "data_student": "id",
    "data_term": "when",
    "data_grade": "gpa",
    "data_static": ["school"],
    "data_groups": [],
    "data_ahead": ["school"],
}


def test_transcripts(project: Project) -> None:
    rows = [f"s{n},{term},{5 + n % 3},{'AB'[n % 2]}" for n in range(10) for term in range(n % 3, 4)]
    rows += ["gone,0,7,A", "gone,1,6,A", "one,3,7,B"]
    order = np.random.default_rng(0).permutation(len(rows))
    write(project, "id,when,gpa,school", *[rows[each] for each in order])
    project.change(**LONG, data_current=2)
    project.stage("prepare")
    complete, test, train = (table_of(project, each) for each in ("complete", "test", "train"))
    assert list(complete) == ["student", "term", "grade", "school"]
    assert set(complete["student"]) == {*(f"s{n}" for n in range(10)), "gone"}
    assert set(train["student"]) | set(test["student"]) == set(complete["student"])
    assert set(train["student"]).isdisjoint(test["student"])
    assert (
        complete.groupby("student")["term"]
        .agg(list)
        .map(lambda terms: terms == sorted(terms))
        .all()
    )
    pending = table_of(project, "to_forecast").set_index("student")
    assert pending.loc["one", "term"] == "2"
    assert pending.loc["s1", "term"] == "4"
    assert pending.loc["gone", ["term", "reason"]].tolist() == [
        "",
        "has left: no row in the newest 2 terms",
    ]
    assert pending.loc["s0", "term"] == ""  # nobody has a fifth term


def test_the_same_bytes_each_time(project: Project) -> None:
    project.stage("prepare")
    first = {each: (project.path / each).read_bytes() for each in OUTPUTS}
    project.stage("prepare")
    assert first == {each: (project.path / each).read_bytes() for each in OUTPUTS}


# What a person can get wrong -----------------------------------------------------


def rows(*lines: str) -> Change:
    """The good table, with these rows below it: the first is row 14."""
    return lambda project: write(project, HEADER, *ROWS, *lines)


def lines(*lines: str, encoding: str = "utf-8") -> Change:
    """Another table."""
    return lambda project: write(project, *lines, encoding=encoding)


TABLES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "grade out of range": (
        rows("11.5,7,7,7,7,115,900,,"),
        (TABLE, "row 14", "'1st'", "11.5", "0 to 10"),
    ),
    "text for a grade": (
        rows("7,7,absent,7,7,115,900,,"),
        ("row 14", "'3rd'", "'absent'", "a number, an empty cell or one of data.missing"),
    ),
    "missing column": (
        lines(HEADER.replace("3rd", "third"), *ROWS),
        (TABLE, "no column '3rd'", "'third'"),
    ),
    "column twice": (
        lines(f"{HEADER},3rd", *(f"{row},7" for row in ROWS)),
        ("'3rd' stands 2 times", "columns 3, 10", "allowed: once"),
    ),
    "empty file": (lines(), (TABLE, "row 1 is empty", "the column names")),
    "too few rows": (
        lines(HEADER, *ROWS[:3], "7,7,7,7,,115,900,,"),
        (TABLE, "3 complete students", "3 grades in '5th'", "split.test_size 0.2"),
    ),
    "too few students with two grades": (
        lambda project: (
            write(project, "id,when,gpa,school", *(f"s{n},1,7,A" for n in range(9)), "s1,2,7,A"),
            project.change(**LONG),
        ),
        (TABLE, "1 students with two or more grades", "split.test_size 0.2"),
    ),
    "an empty column of numbers": (
        lambda project: project.change(data_numeric=["Roll no."], data_id=["Roll"]),
        ("'Roll no.' of data.numeric is empty",),
    ),
    "two rows of one student": (rows(ROWS[3]), (TABLE, "rows 5 and 14", "one row a student")),
    "quote not closed": (rows('7,7,7,7,7,"115,900,,'), (TABLE, "a quote is opened")),
    "not UTF-8": (
        lines(HEADER, *ROWS, "7,7,7,7,7,Orléans,900,,", encoding="cp1252"),
        (TABLE, "is not utf-8 text", "data.encoding"),
    ),
    "no such file": (
        lambda project: project.change(data_table="data/raw/none.ods"),
        ("data/raw/none.ods", "no such file"),
    ),
    "another ending": (
        lambda project: project.change(data_table="params.yaml"),
        ("params.yaml", "a .csv or an .xlsx file"),
    ),
}


@pytest.mark.parametrize(("change", "fragments"), TABLES.values(), ids=TABLES)
def test_a_wrong_table_is_told_and_outputs_stay(
    project: Project,
    change: Change,
    fragments: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for output in OUTPUTS:
        (project.path / output).parent.mkdir(parents=True, exist_ok=True)
        (project.path / output).write_bytes(b"what stood here before\n")
    change(project)
    before = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    with pytest.raises(InputError) as told:
        project.stage("prepare")
    assert capsys.readouterr().out == ""
    assert len(str(told.value).splitlines()) <= 2
    for fragment in fragments:
        assert fragment in str(told.value)
    after = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    assert after == before
