"""commands.forecast: the students of another table, in either layout."""

import shlex
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest

from nextsem.shared.errors import InputError
from nextsem.simulation import cohort
from tests.conftest import ROOT, Project, run

SEMESTERS = list(cohort.SEMESTERS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose forecaster is trained on the simulated cohort."""
    project = Project(tmp_path_factory.mktemp("forecast") / "project")
    for stage in ("simulate", "prepare", "train"):
        project.stage(stage)
    return project


@pytest.fixture
def project(trained: Project, tmp_path: Path) -> Project:
    """One of its own for each test."""
    project = Project(tmp_path / "project")
    shutil.copytree(trained.path, project.path, dirs_exist_ok=True)
    return project


def newcomers(number: int = 40) -> pd.DataFrame:
    """Students of another cohort, who are in the 2nd to the 5th semester."""
    frame = cohort.simulate(number, 7)
    frame = frame[frame[SEMESTERS].notna().all(axis=1)].reset_index(drop=True)
    frame[SEMESTERS] = frame[SEMESTERS].clip(5.5, 8.5)
    known = np.arange(len(frame))[:, None] % 4 + 1 > np.arange(5)
    return frame.assign(**frame[SEMESTERS].where(known))


def forecasts(project: Project, frame: pd.DataFrame, *arguments: str) -> pd.DataFrame:
    """What the command makes of a table, as CSV."""
    frame.to_csv(project.path / "new.csv", index=False)
    project.stage("forecast", "--table", "new.csv", "--output", "out.csv", *arguments)
    return pd.read_csv(project.path / "out.csv", dtype={"Student": str, "Remark": str})


def test_each_student_gets_the_next_semester_and_the_same_as_transcripts(project: Project) -> None:
    frame = newcomers()
    names = frame["College Code"].astype(str) + "/" + frame.index.astype(str)
    wide = frame.assign(Roll=frame.index.astype(str), **{"Roll no.": ""})
    expected = forecasts(project, wide)
    assert expected["Risk below 6"].is_monotonic_decreasing
    counts = frame[SEMESTERS].notna().sum(axis=1).map(lambda known: SEMESTERS[known])
    assert expected["Semester"].value_counts().to_dict() == counts.value_counts().to_dict()
    rows = frame.assign(Student=names).melt(["Student", "College Code"], SEMESTERS, "Term", "Grade")
    rows = rows.dropna().sample(frac=1, random_state=0)
    found = forecasts(project, rows, "--set", "layout=long", "--set", f"terms={SEMESTERS}")
    numbers = expected.select_dtypes("number").columns
    numbers = [name for name in numbers if name in found and name != "College Code"]
    assert {"Forecast", "Range from", "Range to", "Risk below 6"} <= set(numbers)
    found = found.set_index("Student").loc[expected["Student"]]
    assert found["Semester"].tolist() == expected["Semester"].tolist()
    np.testing.assert_allclose(found[numbers], expected[numbers], atol=1e-6)


def test_those_who_have_left_are_not_forecast(project: Project) -> None:
    terms = ["2020-1", "2020-2", "2020-2", "2021-1", "2021-1"]
    rows = pd.DataFrame({"Student": list("aabbc"), "Term": terms, "Grade": [6.0, 7, 6, 7, 8]})
    rows["College Code"] = 115
    long = ("--set", "layout=long", "--set", "current=1")
    found = forecasts(project, rows, *long).set_index("Student")
    assert found.loc[["b", "c"], "Forecast"].notna().all()
    assert found.loc["a", "Remark"] == "not forecast: has left: no row in the newest term"


def test_semesters_to_come_and_columns_that_name_students_may_be_missing(project: Project) -> None:
    frame = newcomers()
    frame = frame.assign(**{"4th": np.nan, "5th": np.nan})
    expected = forecasts(project, frame)
    few = frame.drop(columns=["4th", "5th", "Gender"])
    pd.testing.assert_frame_equal(forecasts(project, few), expected)
    nameless = forecasts(project, few.drop(columns=["Roll", "Roll no."]))
    assert nameless["Student"].str.startswith("row ").all()


def test_other_names_marks_sheets_and_rows_are_set(project: Project) -> None:
    frame = newcomers()
    expected = forecasts(project, frame.assign(**{"2nd": frame["2nd"].where(frame.index > 2)}))
    frame["2nd"] = frame["2nd"].astype(object).where(frame.index > 2, "AB")
    frame = frame.rename(columns={"1st": "Autumn, first", "College Code": "Campus"})
    with pd.ExcelWriter(project.path / "new.xlsx") as book:
        pd.DataFrame({"a": ["notes"]}).to_excel(book, sheet_name="Notes", index=False)
        frame.to_excel(book, sheet_name="2024", index=False, startrow=2)
    changes = [
        *("sheet=2024", "header_row=3", "semesters=['Autumn, first', 2nd, 3rd, 4th, 5th]"),
        *("static=[Campus]", "id=[Campus, Roll, Roll no.]", "missing=[AB]"),
    ]
    given = [each for change in changes for each in ("--set", change)]
    project.stage("forecast", "--table", "new.xlsx", "--output", "out.csv", *given)
    found = pd.read_csv(project.path / "out.csv", dtype={"Student": str, "Remark": str})
    assert (found["Remark"] == "marked AB in 2nd").sum() == 2
    pd.testing.assert_frame_equal(found.drop(columns="Remark"), expected.drop(columns="Remark"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("colour=red", "--set colour=red: allowed: KEY=VALUE, a KEY of layout, semesters"),
        ("grade_range=[0, 20]", "--set grade_range=[0, 20]: allowed: KEY=VALUE"),
        ("header_row=0", "--set: header_row is 0; it should be greater than or equal to 1"),
        ("header_row=[", "--set header_row, row 1: not YAML"),
        ("semesters=[1st, 5th]", "data.semesters names 2 columns (1st, 5th); allowed: 5"),
        ("static=[]", "data.static names 0 columns (); allowed: 1"),
        ("sheet=Spring", "no sheet 'Spring'; found: 'Sheet1'"),
    ],
)
def test_what_cannot_be_set(project: Project, change: str, said: str) -> None:
    newcomers().to_excel(project.path / "new.xlsx", index=False)
    with pytest.raises(InputError) as told:
        project.stage("forecast", "--table", "new.xlsx", "--output", "o.csv", "--set", change)
    assert len(str(told.value).splitlines()) <= 2
    assert said in str(told.value)


def test_a_table_that_is_not_as_expected_is_met_with_what_would_read_it(project: Project) -> None:
    """Elsewhere in the file; and with other names and a total."""
    with pd.ExcelWriter(project.path / "new.xlsx") as book:
        pd.DataFrame({"a": ["notes"]}).to_excel(book, sheet_name="Notes", index=False)
        newcomers().to_excel(book, sheet_name="Autumn", index=False, startrow=2)
    frame = newcomers().rename(columns={name: f"Semester {name[0]}" for name in SEMESTERS})
    frame = frame.astype(object)
    frame.loc[len(frame), ["College Code", "Semester 1"]] = ["Average", 7.0]
    frame.to_csv(project.path / "new.csv", index=False)
    for name, settings in {
        "new.xlsx": "sheet=Autumn --set header_row=3$",
        "new.csv": "footer_rows=1 .*--set 'semesters=",
    }.items():
        asked = ("forecast", "--table", name, "--output", "out.csv")
        with pytest.raises(InputError, match=f"try --set {settings}") as told:
            project.stage(*asked)
        project.stage(*asked, *shlex.split(str(told.value).partition("try ")[2]))


def test_drift_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    frame = newcomers(60)
    capsys.readouterr()
    forecasts(project, frame)
    assert "College Code" not in capsys.readouterr().out
    frame.loc[:3, "College Code"] = 777
    forecasts(project, frame)
    assert "drift: College Code: 777 not in the training data" in capsys.readouterr().out


def test_as_a_person_types_it(trained: Project, tmp_path: Path) -> None:
    """In a process of its own, once with success, once not, and for help."""
    newcomers().to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "params.yaml").write_bytes((trained.path / "params.yaml").read_bytes())
    model = str(trained.path / "models/forecaster.safetensors")

    def told(*arguments: str) -> CompletedProcess[str]:
        changes = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        command = ("python", "-m", "stages.forecast", *arguments)
        return run(tmp_path, *command, check=False, **changes)

    asked = ("--model", model, "--table", "new.csv", "--output", "new.xlsx")
    done = told(*asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"new.xlsx: {len(newcomers())} students forecast, 0 not")
    before = (tmp_path / "new.xlsx").read_bytes()
    (tmp_path / "new.csv").write_text((tmp_path / "new.csv").read_text().replace("8.5", "85", 1))
    done = told(*asked)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "85 is out of range; allowed: 0 to 10" in done.stderr
    assert (tmp_path / "new.xlsx").read_bytes() == before
    assert "header_row" in told("--help").stdout
    assert "cannot be written" in told("--table", "new.csv", "--output", "o.ods").stderr
    assert told("--table", "new.csv").returncode == 2
