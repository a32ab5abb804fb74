"""stages.forecast, as a stage of the pipeline and as a command for another table."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem import InputError, cohort, tables, writing
from nextsem.forecaster import Forecaster
from stages import forecast
from tests.conftest import PARAMETERS, ROOT, Project

SEMESTERS = PARAMETERS.data.semesters
CONTRIBUTIONS = [f"by {name}" for name in (*SEMESTERS[:-1], "College Code")]
COLUMNS = [
    *("Student", "Forecast 5th", "Range from", "Range to", "Risk below 6", "Known semesters"),
    *("College Code known", "Average student", *CONTRIBUTIONS, "Remark"),
]


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
    """Students of another cohort, none of whom has a 5th semester yet."""
    frame = cohort.simulate(number, 7)
    frame = frame[frame[SEMESTERS].notna().all(axis=1)].reset_index(drop=True)
    frame[SEMESTERS] = frame[SEMESTERS].clip(5.5, 8.5)
    return frame.assign(**{"5th": np.nan})


def forecasts(project: Project, frame: pd.DataFrame, *arguments: str) -> pd.DataFrame:
    """What the command makes of a table, as CSV."""
    frame.to_csv(project.path / "new.csv", index=False)
    project.stage("forecast", "--table", "new.csv", "--output", "new_out.csv", *arguments)
    return pd.read_csv(project.path / "new_out.csv", dtype={"Student": str, "Remark": str})


def workbook(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The students of a workbook, and what its second sheet says; a key that repeats is joined."""
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Forecast", "About"]
    header, *rows = book["Forecast"].iter_rows(values_only=True)
    about: dict[str, str] = {}
    for what, meaning in list(book["About"].iter_rows(values_only=True))[1:]:
        about[what] = f"{about[what]}\n{meaning}" if what in about else meaning
    return pd.DataFrame(rows, columns=header), about


def about(project: Project, frame: pd.DataFrame, *arguments: str) -> dict[str, str]:
    frame.to_csv(project.path / "new.csv", index=False)
    project.stage("forecast", "--table", "new.csv", "--output", "new.xlsx", *arguments)
    return workbook(project.path / "new.xlsx")[1]


# Of the pipeline --------------------------------------------------------------


def test_the_pending_students_of_the_pipeline(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.stage("forecast")
    said = capsys.readouterr()
    assert "forecast.xlsx: 5 students forecast, 1 without a known semester" in said.out
    plain = pd.read_csv(project.path / "data/predictions/forecast.csv")
    table, meant = workbook(project.path / "data/predictions/forecast.xlsx")
    pending = pd.read_csv(project.path / "data/prepared/pending.csv")
    assert list(plain) == list(table) == COLUMNS
    assert sorted(plain["Student"]) == sorted(pending["student"])
    assert table["Student"].tolist() == plain["Student"].tolist()
    for name in COLUMNS[1:5]:
        found = table[name].to_numpy(dtype=float)
        np.testing.assert_allclose(found, plain[name], atol=1e-6)
    assert {f"Column: {name}" for name in COLUMNS} <= set(meant)
    assert "nobody's grades" in meant["Simulated"]
    assert meant["Trained on"] == "169 students of data/raw/simulated.csv"
    assert "without a person" in meant["Not for"]


def test_it_is_the_saved_forecaster_that_forecasts(project: Project) -> None:
    project.stage("forecast")
    found = pd.read_csv(project.path / "data/predictions/forecast.csv").set_index("Student")
    forecaster = Forecaster.load(project.path / "models/forecaster.safetensors")
    pending = tables.read_prepared(project.path / "data/prepared/pending.csv", forecaster.data)
    some = np.isfinite(pending.grades).any(axis=1)
    expected = forecaster.predict(pending)
    ranges = forecaster.ranges(pending, expected, 0.9)
    rows = found.loc[pending.names[some]]
    np.testing.assert_allclose(rows["Forecast 5th"], expected[some], atol=1e-6)
    np.testing.assert_allclose(rows[["Range from", "Range to"]], ranges[some], atol=1e-6)
    risk = forecaster.risk(pending, expected, 6.0)
    np.testing.assert_allclose(rows["Risk below 6"], risk[some], atol=1e-6)


def test_who_has_no_known_semester_is_listed_last_with_the_reason(project: Project) -> None:
    project.stage("forecast")
    table = pd.read_csv(project.path / "data/predictions/forecast.csv")
    assert table["Remark"].isna().tolist() == [True] * 5 + [False]
    last = table.iloc[-1]
    assert last["Remark"] == "not forecast: no semester is known"
    assert last["Known semesters"] == "0 of 4"
    assert last[[*COLUMNS[1:5], "Average student", *CONTRIBUTIONS]].isna().all()
    assert set(table["Known semesters"][:-1]) == {"4 of 4", "1 of 4"}


def test_the_fewer_semesters_are_known_the_wider_the_range(project: Project) -> None:
    project.stage("forecast")
    table = pd.read_csv(project.path / "data/predictions/forecast.csv")[:-1]
    college = table["Student"].str.split("/").str[0]
    forecaster = Forecaster.load(project.path / "models/forecaster.safetensors")
    usual = college.map(forecaster.intervals.spreads)
    width = (table["Range to"] - table["Range from"]) / usual
    all_known = table["Known semesters"] == "4 of 4"
    assert width[all_known].max() < width[~all_known].min()


def test_the_riskiest_come_first(project: Project) -> None:
    table = forecasts(project, newcomers())
    assert table["Risk below 6"].is_monotonic_decreasing
    assert table["Risk below 6"].between(0, 1, inclusive="neither").all()
    project.change(evaluate_at_risk_below=11)
    table = forecasts(project, newcomers())
    assert "Risk below 6" not in table
    assert not [name for name in table if name.startswith("Risk")]
    assert table["Forecast 5th"].is_monotonic_increasing


# Another table ----------------------------------------------------------------


def test_csv_and_excel_say_the_same(project: Project) -> None:
    table = newcomers()
    plain = forecasts(project, table)
    table.to_excel(project.path / "new.xlsx", index=False)
    project.stage("forecast", "--table", "new.xlsx", "--output", "deep/in/out.xlsx")
    book, _ = workbook(project.path / "deep/in/out.xlsx")
    assert list(book) == list(plain) == COLUMNS
    assert book["Student"].tolist() == plain["Student"].tolist()
    assert plain["Remark"].isna().all()
    for name in [*COLUMNS[1:5], "Average student", *CONTRIBUTIONS]:
        np.testing.assert_allclose(book[name].to_numpy(dtype=float), plain[name], atol=1e-6)


def test_contributions_add_up_to_the_forecast(project: Project) -> None:
    frame = newcomers()
    frame.loc[3, "2nd"] = np.nan
    frame.loc[4, ["1st", "2nd", "3rd"]] = np.nan
    frame.loc[5, "College Code"] = 999
    frame.loc[6, "College Code"] = np.nan
    plain = forecasts(project, frame)
    added = plain["Average student"] + plain[CONTRIBUTIONS].sum(axis=1)
    np.testing.assert_allclose(added, plain["Forecast 5th"], atol=0.005)
    assert plain.loc[plain["Known semesters"] == "3 of 4", "by 2nd"].tolist() == [0]
    few = plain[plain["Known semesters"] == "1 of 4"]
    assert few[CONTRIBUTIONS[:3]].to_numpy().tolist() == [[0, 0, 0]]
    assert (few["by 4th"] != 0).all()
    unknown = plain[plain["College Code known"] != "yes"]
    assert sorted(unknown["College Code known"]) == ["missing", "new"]
    assert (unknown["by College Code"] == 0).all()


@pytest.mark.parametrize("absent", [["5th"], ["4th", "5th"], ["2nd", "3rd", "4th", "5th"]])
def test_semesters_to_come_need_no_column(project: Project, absent: list[str]) -> None:
    frame = newcomers()
    without = forecasts(project, frame.drop(columns=[*absent, "Gender"]))
    frame[absent] = np.nan
    pd.testing.assert_frame_equal(without, forecasts(project, frame))
    known = f"{5 - len(absent)} of 4"
    assert set(without["Known semesters"]) == {known}


def test_without_a_column_that_names_students_the_row_does(project: Project) -> None:
    table = forecasts(project, newcomers(5).drop(columns=["Roll", "Roll no."]))
    assert sorted(table["Student"]) == [f"row {number}" for number in range(2, 7)]


@pytest.mark.parametrize(
    ("absent", "fragment"),
    [
        (["3rd"], "new.csv: no column '3rd', though there is a '5th' after it"),
        (["3rd", "5th"], "new.csv: no column '3rd', though there is a '4th' after it"),
        (["1st"], "new.csv: no column '1st'"),
        (["College Code"], "new.csv: no column 'College Code'"),
    ],
)
def test_other_columns_must_be_there(project: Project, absent: list[str], fragment: str) -> None:
    (project.path / "new_out.csv").write_text("old")
    with pytest.raises(InputError) as told:
        forecasts(project, newcomers().drop(columns=absent))
    assert fragment in str(told.value)
    assert (project.path / "new_out.csv").read_text() == "old"


def test_students_whose_last_semester_is_known_are_left_out_and_counted(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = newcomers()
    frame.loc[:6, "5th"] = 7.5
    names = forecasts(project, frame)["Student"]
    assert len(names) == len(frame) - 7
    assert "7 students left out: their 5th is known" in capsys.readouterr().out
    assert "7 students left out: their 5th is known" in about(project, frame)["Remark"]


def test_blank_rows_are_left_out_and_counted(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = newcomers()
    frame.loc[4] = None
    assert len(forecasts(project, frame)) == len(frame) - 1
    assert "1 blank rows left out" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_table_in_which_no_one_is_to_be_forecast(
    project: Project, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    newcomers().assign(**{"5th": 7.0}).to_csv(project.path / "new.csv", index=False)
    project.stage("forecast", "--table", "new.csv", "--output", f"out.{ending}")
    said = capsys.readouterr()
    assert f"out.{ending}: 0 students forecast, 0 without a known semester" in said.out
    assert said.err == ""
    read = pd.read_csv if ending == "csv" else pd.read_excel
    table = read(project.path / f"out.{ending}")
    assert list(table) == COLUMNS
    assert table.empty


def test_a_sheet_and_a_header_row_are_set(project: Project) -> None:
    frame = newcomers()
    with pd.ExcelWriter(project.path / "new.xlsx") as book:
        pd.DataFrame({"a": ["notes"]}).to_excel(book, sheet_name="Notes", index=False)
        frame.to_excel(book, sheet_name="2024", index=False, startrow=2)
    given = ("--set", "sheet=2024", "--set", "header_row=3")
    project.stage("forecast", "--table", "new.xlsx", "--output", "out.csv", *given)
    forecasts(project, frame)
    written = [(project.path / name).read_bytes() for name in ("out.csv", "new_out.csv")]
    assert written[0] == written[1]


def test_other_names_and_marks_are_set(project: Project) -> None:
    frame = newcomers()
    expected = forecasts(project, frame.assign(**{"2nd": frame["2nd"].where(frame.index > 2)}))
    frame["2nd"] = frame["2nd"].astype(object).where(frame.index > 2, "AB")
    frame = frame.rename(columns={"1st": "Autumn, first", "College Code": "Campus"})
    given = (
        *("--set", "semesters=['Autumn, first', 2nd, 3rd, 4th, 5th]"),
        *("--set", "static=[Campus]", "--set", "id=[Roll, Roll no.]", "--set", "missing=[AB]"),
    )
    found = forecasts(project, frame, *given)
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ("colour=red", ("--set colour=red: allowed: KEY=VALUE, a KEY of semesters, static",)),
        ("incomplete=keep", ("--set incomplete=keep: allowed: KEY=VALUE",)),
        ("sheet", ("--set sheet: allowed: KEY=VALUE",)),
        ("header_row=0", ("--set: header_row is 0", "greater than or equal to 1")),
        ("header_row=[", ("--set header_row, row 1: not YAML",)),
        ("semesters=[1st, 5th]", ("--set semesters: 2 columns; allowed: 5",)),
        ("static=[]", ("--set static: 0 columns; allowed: 1",)),
        ("sheet=Spring", ("no sheet 'Spring'", "'Sheet1'")),
    ],
)
def test_what_cannot_be_set(project: Project, change: str, fragments: tuple[str, ...]) -> None:
    newcomers().to_excel(project.path / "new.xlsx", index=False)
    with pytest.raises(InputError) as told:
        project.stage("forecast", "--table", "new.xlsx", "--output", "o.csv", "--set", change)
    text = str(told.value)
    assert len(text.splitlines()) == 1
    for fragment in fragments:
        assert fragment in text


@pytest.mark.parametrize(
    "arguments",
    [("--table", "new.csv"), ("--output", "o.csv"), ("--set", "sheet=a"), ("--tables", "a")],
    ids=" ".join,
)
def test_arguments_that_belong_together(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        project.stage("forecast", *arguments)
    assert "error:" in capsys.readouterr().err


def test_another_ending_is_refused_before_anything_is_read(project: Project) -> None:
    with pytest.raises(InputError, match=r"o\.ods: cannot be written; allowed: an \.xlsx or a"):
        project.stage("forecast", "--table", "none.csv", "--output", "o.ods")


def test_as_a_person_types_it(trained: Project, tmp_path: Path) -> None:
    """In a process of its own, once with success and once not."""
    newcomers().to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "params.yaml").write_bytes((trained.path / "params.yaml").read_bytes())
    model = trained.path / "models/forecaster.safetensors"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stages.forecast", "--model", str(model), *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("--table", "new.csv", "--output", "new.xlsx")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"new.xlsx: {len(newcomers())} students forecast, 0 without")
    before = (tmp_path / "new.xlsx").read_bytes()
    (tmp_path / "new.csv").write_text((tmp_path / "new.csv").read_text().replace("8.5", "85", 1))
    done = run("--table", "new.csv", "--output", "new.xlsx")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "new.csv: row " in done.stderr
    assert "85 is out of range; allowed: 0 to 10" in done.stderr
    assert (tmp_path / "new.xlsx").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "new.csv",
        "new.xlsx",
        "params.yaml",
    ]


# What differs from the table trained on ---------------------------------------


def unlike(change: str) -> tuple[pd.DataFrame, str]:
    """A table that is unlike the cohort in one thing, and how that is told."""
    frame = newcomers(60)
    if change == "a college":
        frame.loc[:3, "College Code"] = 777
        return frame, "College Code: 777; not among those trained on"
    if change == "a mean":
        frame["3rd"] = (frame["3rd"] + 1).clip(5.5, 8.5)
        return frame, "3rd: mean "
    frame.loc[2, "2nd"] = 0.5
    return frame, "2nd: from 0.5 to "


@pytest.mark.parametrize("change", ["a college", "a mean", "a grade"])
def test_what_is_unlike_the_training_rows_is_warned_of(
    project: Project, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    capsys.readouterr()
    remarks = about(project, newcomers(60)).get("Remark", "")
    assert capsys.readouterr().err == remarks == ""
    frame, told = unlike(change)
    remarks = about(project, frame)["Remark"]
    warning = capsys.readouterr().err
    assert warning.startswith(f"warning: unlike the training rows: {told}")
    assert warning.count("\n") == 1
    assert remarks == warning.strip().removeprefix("warning: ")


# The workbook -----------------------------------------------------------------


def test_the_workbook_is_the_same_bytes_twice(project: Project) -> None:
    about(project, newcomers())
    first = (project.path / "new.xlsx").read_bytes()
    about(project, newcomers())
    assert (project.path / "new.xlsx").read_bytes() == first


def test_how_the_workbook_looks(project: Project) -> None:
    about(project, newcomers())
    page = openpyxl.load_workbook(project.path / "new.xlsx")["Forecast"]
    heads = {cell.value: cell for cell in page[1]}
    assert page.freeze_panes == "B2"
    assert all(cell.font.bold for cell in heads.values())

    def form(name: str) -> tuple[str, str]:
        cell = page.cell(2, heads[name].column)
        return cell.number_format, cell.data_type

    assert form("Student") == ("General", "s")
    assert form("Forecast 5th") == form("Range from") == form("Average student") == ("0.00", "n")
    assert form("Risk below 6") == ("0%", "n")
    assert form("by 4th") == ("+0.00;-0.00;0.00", "n")
    (scaled,) = page.conditional_formatting
    letter = heads["Risk below 6"].column_letter
    assert str(scaled.sqref) == f"{letter}2:{letter}{page.max_row}"
    (rule,) = scaled.rules
    assert rule.type == "colorScale"
    assert [(each.type, each.val) for each in rule.colorScale.cfvo] == [("num", 0), ("num", 1)]


def test_text_that_starts_like_a_formula_stays_text(project: Project) -> None:
    frame = newcomers().astype(dict.fromkeys(["College Code", "Roll", "Roll no."], object))
    frame.loc[0, ["College Code", "Roll", "Roll no."]] = ["=1+1", "@SUM(A1)", ""]
    frame.loc[1, ["College Code", "Roll", "Roll no."]] = ["-2+3", '=HYPERLINK("http://a")', ""]
    about(project, frame)
    page = openpyxl.load_workbook(project.path / "new.xlsx")["Forecast"]
    names = {cell.value: cell.data_type for cell in page["A"]}
    assert names["=1+1/@SUM(A1)"] == "s"
    assert names['-2+3/=HYPERLINK("http://a")'] == "s"
    kinds = {cell.data_type for row in page.iter_rows() for cell in row}
    assert kinds <= {"s", "n"}
    assert not any(cell.hyperlink for cell in page["A"])


def test_more_students_than_a_sheet_holds_are_written_beside_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writing, "SHEET_ROWS", 30)
    remark = about(project, newcomers())["Remark"]
    said = f"a sheet of Excel holds the first 30 of {len(newcomers())} students; new.csv holds all"
    assert remark == said
    assert said in capsys.readouterr().out
    table, _ = workbook(project.path / "new.xlsx")
    plain = pd.read_csv(project.path / "new.csv")
    assert len(table) == 30
    assert len(plain) == len(newcomers())
    assert table["Student"].tolist() == plain["Student"].astype(str).tolist()[:30]


def test_very_many_students_are_forecast_and_not_explained(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = forecasts(project, newcomers())
    monkeypatch.setattr(forecast, "EXPLAINED", 10)
    monkeypatch.setattr(forecast, "TOGETHER", 7)
    table = forecasts(project, newcomers())
    assert "not explained: more than 10 students" in capsys.readouterr().out
    unexplained = [name for name in COLUMNS if name not in ("Average student", *CONTRIBUTIONS)]
    pd.testing.assert_frame_equal(table, whole[unexplained])


# Other parameters -------------------------------------------------------------


def test_without_held_out_rows_there_are_no_ranges_and_no_risks(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", train_validation_size=0, train_epochs=3)
    for stage in ("simulate", "prepare", "train", "evaluate", "forecast", "crossvalidate"):
        project.stage(stage)
    table, meant = workbook(project.path / "data/predictions/forecast.xlsx")
    assert [name for name in COLUMNS if name not in table] == COLUMNS[2:5]
    assert "no row was held out of training" in meant["How good"]
    assert "Ranges" not in meant
    for name in ("test", "crossvalidation"):
        metrics: dict[str, Any] = json.loads((project.path / f"metrics/{name}.json").read_text())
        held = metrics["intervals"]
        assert [held["coverage"], held["width"]] == [None, None]
        assert metrics["risk"]["brier"] is None
    for column in metrics["groups"].values():
        assert all(each["coverage"] is None for each in column.values() if "mse" in each)


def test_where_lower_is_better_the_risk_is_of_a_grade_above(tmp_path: Path) -> None:
    """The cohort turned round."""
    mirror = Project(tmp_path / "project", data_lower_is_better=True, evaluate_at_risk_below=4.0)
    mirror.stage("simulate")
    table = mirror.path / "data/raw/simulated.csv"
    frame = pd.read_csv(table)
    frame[SEMESTERS] = 10 - frame[SEMESTERS]
    frame.to_csv(table, index=False)
    for stage in ("prepare", "train", "forecast"):
        mirror.stage(stage)
    found, meant = workbook(mirror.path / "data/predictions/forecast.xlsx")
    assert "Risk above 4" in found
    assert meant["Column: Risk above 4"] == "How likely the 5th is to be above 4"
    risk = found["Risk above 4"][:-1].to_numpy(dtype=float)
    assert (np.diff(risk) <= 0).all()
    assert np.corrcoef(risk, found["Forecast 5th"][:-1].to_numpy(dtype=float))[0, 1] > 0
