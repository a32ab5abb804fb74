"""What `prepare` makes of a table, and what it says of one that a person got wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from nextsem.shared.errors import InputError
from nextsem.students import prepared
from tests.conftest import Project
from tests.test_pipeline import outputs

TABLE = "data/raw/table.csv"
HEADER = "1st,2nd,3rd,4th,5th,College Code,Roll,Roll no.,Gender"
ROWS = [
    f"{5 + n / 10:.2f},{6 + n / 20:.2f},7,6.5,{5.5 + n / 10:.2f},{115 + n % 2},{100 + n},,F"
    for n in range(12)
]
OUTPUTS = outputs("prepare")
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
    names = ["student", "College Code", "1st", "2nd", "3rd", "4th", "5th"]
    assert list(table_of(project, "test")) == names
    pending = table_of(project, "to_forecast")
    assert pending["student"].tolist() == students.names.tolist()
    assert pending["term"].tolist() == [""] * 13 + ["3rd", ""]
    assert pending["reason"].iloc[-1] == "no grade is known"
    groups = table_of(project, "groups")
    assert groups["Gender"].tolist() == ["M", *"F" * 12, "", "F"]
    metrics = json.loads((project.path / "metrics/data.json").read_text())
    rows = {"read": 16, "students": 15, "complete": 12, "train": 9, "test": 3, "to_forecast": 1}
    assert metrics == {"rows": rows, "left_out": {"blank": 1, "footer": 0}}


def test_the_published_split(project: Project, published: Path) -> None:
    project.change(data_table=str(published))
    project.stage("prepare")
    rows = json.loads((project.path / "metrics/data.json").read_text())["rows"]
    assert (rows["read"], rows["complete"], rows["train"], rows["test"]) == (178, 169, 135, 34)
    complete = table_of(project, "complete")
    chosen = train_test_split(complete, test_size=0.2, random_state=42)[1]
    pd.testing.assert_frame_equal(table_of(project, "test"), chosen.reset_index(drop=True))


# Transcripts ---------------------------------------------------------------------

LONG = {"data_layout": "long", "data_student": "id", "data_term": "when", "data_grade": "gpa"}
LONG |= {"data_static": ["school"], "data_groups": [], "data_ahead": ["school"]}


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
    assert all(own["term"].is_monotonic_increasing for _, own in complete.groupby("student"))
    pending = table_of(project, "to_forecast").set_index("student")
    assert pending.loc["one", "term"] == "2"
    assert pending.loc["s1", "term"] == "4"
    assert pending.loc["gone", "term"] == ""
    assert pending.loc["gone", "reason"] == "has left: no row in the newest 2 terms"
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


FEW = (*ROWS[:3], "7,7,7,7,,115,900,,")
ALONE = (*(f"s{n},1,7,A" for n in range(9)), "s1,2,7,A")
TABLES: dict[str, Change] = {
    "table.csv: row 14, column '1st': 11.5 .* 0 to 10": rows("11.5,7,7,7,7,115,900,,"),
    "row 14, column '3rd': 'absent' .*a number, an empty cell or one of data.missing": rows(
        "7,7,absent,7,7,115,900,,"
    ),
    "table.csv: .*no column '3rd'.*'third'": lines(HEADER.replace("3rd", "third"), *ROWS),
    "table.csv: row 1 is empty.*the column names": lines(),
    "table.csv: .*3 complete students.*3 grades in '5th'.*split.test_size 0.2": lines(HEADER, *FEW),
    "table.csv: .*1 students with two or more grades.*split.test_size 0.2": lambda project: (
        write(project, "id,when,gpa,school", *ALONE),
        project.change(**LONG),
    ),
    "'Roll no.' of data.numeric is empty": lambda project: project.change(
        data_numeric=["Roll no."], data_id=["Roll"]
    ),
    "table.csv: rows 5 and 14 .*one row a student": rows(ROWS[3]),
    "table.csv: .*a quote is opened": rows('7,7,7,7,7,"115,900,,'),
    "table.csv: .*is not utf-8 text.*data.encoding": lines(
        HEADER, *ROWS, "7,7,7,7,7,Orléans,900,,", encoding="cp1252"
    ),
    "data/none.ods: no such file": lambda project: project.change(data_table="data/none.ods"),
}


@pytest.mark.parametrize("said", TABLES)
def test_a_wrong_table_is_told_and_outputs_stay(
    project: Project, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for output in OUTPUTS:
        (project.path / output).parent.mkdir(parents=True, exist_ok=True)
        (project.path / output).write_bytes(b"what stood here before\n")
    TABLES[said](project)
    before = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    with pytest.raises(InputError) as told:
        project.stage("prepare")
    assert capsys.readouterr().out == ""
    assert len(str(told.value).splitlines()) <= 2
    assert re.search(said, str(told.value), re.DOTALL)
    after = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    assert after == before
