"""What an adviser reads of each student, and in which order."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nextsem.advice import AVERAGE, REMARK, advice, in_order, meanings, sheets
from nextsem.forecaster import Forecaster
from nextsem.params import Data, Model, Train
from nextsem.students import Students
from tests.conftest import PARAMETERS, simulated

DATA: Data = PARAMETERS.data.model_copy(update={"numeric": ["Attendance"]})
MODEL: Model = PARAMETERS.model.model_copy(update={"members": 2, "hidden": 8, "layers": 1})
TRAIN: Train = PARAMETERS.train.model_copy(update={"epochs": 20, "validation_size": 0.5})
LINE = 6.0


def asked(number: int = 60) -> Students:
    """Students whose 5th is to come: of the first no semester is known, of the second the last one."""
    students = simulated(number)
    students.grades[0] = np.nan
    students.grades[1, :3] = np.nan
    students.grades[:, -1] = np.nan
    return replace(students, numeric=np.linspace(40, 100, len(students))[:, None])


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    students = simulated(178)
    students = replace(students, numeric=np.linspace(40, 100, len(students))[:, None])
    trained = Forecaster.fit(students, DATA, MODEL, TRAIN)
    return trained.calibrated("College Code", gaps=True)


def test_a_row_for_each_student_in_their_order(forecaster: Forecaster) -> None:
    students = asked()
    table = advice(forecaster, students, 0.9, LINE, True)
    assert table["Student"].tolist() == students.names.tolist()
    assert table["Known semesters"].tolist()[:3] == ["0 of 4", "1 of 4", "4 of 4"]
    forecast = forecaster.predict(students)
    rows = slice(1, None)
    np.testing.assert_array_equal(table["Forecast 5th"][rows], forecast[rows])
    ranges = forecaster.ranges(students, forecast, 0.9)
    np.testing.assert_array_equal(table[["Range from", "Range to"]][rows], ranges[rows])
    risk = forecaster.risk(students, forecast, LINE)
    np.testing.assert_array_equal(table["Risk below 6"][rows], risk[rows])


def test_contributions_and_the_average_add_up_to_the_forecast(forecaster: Forecaster) -> None:
    table = advice(forecaster, asked(), 0.9, LINE, True)[1:]
    parts = [name for name in table if name.startswith("by ")]
    assert parts == [f"by {name}" for name in ("1st", "2nd", "3rd", "4th", "College Code")] + [
        "by Attendance"
    ]
    total = table[AVERAGE] + table[parts].sum(axis=1)
    np.testing.assert_allclose(total, table["Forecast 5th"], atol=0.005)
    zeros = table.loc[1, ["by 1st", "by 2nd", "by 3rd"]].to_numpy(dtype=float)
    assert [str(zero) for zero in zeros] == ["0.0", "0.0", "0.0"]  # and not -0.0


def test_of_who_has_no_semester_there_is_a_remark_only(forecaster: Forecaster) -> None:
    table = advice(forecaster, asked(), 0.9, LINE, True)
    numbers = [name for name in table if table[name].dtype == float]
    assert len(numbers) == 4 + 1 + 6
    assert table.loc[0, numbers].isna().all()
    assert table.loc[1:, numbers].notna().all(axis=None)
    assert table[REMARK].tolist() == [
        "not forecast: no semester is known",
        *[""] * (len(table) - 1),
    ]


def test_what_is_known_of_a_static_column_is_told(forecaster: Forecaster) -> None:
    students = asked()
    students.static[2:5, 0] = ["", "999", "115"]
    known = advice(forecaster, students, 0.9, LINE, False)["College Code known"]
    assert known[2:5].tolist() == ["missing", "new", "yes"]


def test_without_reasons_line_or_intervals_their_columns_are_not_there(
    forecaster: Forecaster,
) -> None:
    plain = ["Student", "Forecast 5th", "Known semesters", "College Code known", REMARK]
    bare = replace(forecaster, intervals=None)
    assert list(advice(bare, asked(), 0.9, LINE, False)) == plain
    no_line = advice(forecaster, asked(), 0.9, float("nan"), False)
    assert list(no_line) == [*plain[:2], "Range from", "Range to", *plain[2:]]


def test_nobody_gives_a_table_without_rows(forecaster: Forecaster) -> None:
    table = advice(forecaster, asked()[:0], 0.9, LINE, True)
    assert list(table) == list(advice(forecaster, asked(), 0.9, LINE, True))
    assert in_order(table, DATA, LINE).empty
    assert [sheet.name for sheet in sheets(table, forecaster, 0.9, LINE, [])] == [
        "Forecast",
        "About",
    ]


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_the_riskiest_come_first_and_then_the_worst_forecast(lower_is_better: bool) -> None:
    data = DATA.model_copy(update={"lower_is_better": lower_is_better})
    risk = "Risk above 6" if lower_is_better else "Risk below 6"
    table = pd.DataFrame(
        {
            "Student": list("abcdef"),
            "Forecast 5th": [7.0, np.nan, 5.0, 8.0, 7.0, 6.0],
            risk: [0.1, np.nan, 0.9, 0.1, 0.1, 0.3],
        }
    )
    ordered = "".join(in_order(table, data, LINE)["Student"])
    assert ordered == ("cfdaeb" if lower_is_better else "cfaedb")
    ordered = "".join(in_order(table.drop(columns=risk), data, float("nan"))["Student"])
    assert ordered == ("daefcb" if lower_is_better else "cfaedb")


@pytest.mark.parametrize("line", [LINE, float("nan")])
@pytest.mark.parametrize("explained", [True, False])
def test_every_column_and_remark_stands_on_the_second_sheet(
    forecaster: Forecaster, line: float, explained: bool
) -> None:
    table = advice(forecaster, asked(), 0.9, line, explained)
    first, second = sheets(table, forecaster, 0.9, line, ["strange", "stranger"])
    assert first.table is table
    about = second.table
    assert about["Meaning"][:2].tolist() == ["strange", "stranger"]
    columns = about["What"][2 : 2 + table.shape[1]].tolist()
    assert columns == [f"Column: {name}" for name in table]
    assert about["Meaning"].str.len().gt(0).all()
    assert not about["Meaning"].str.contains("nan").any()
    assert first.shaded == (["Risk below 6"] if line == LINE else [])


@pytest.mark.parametrize(
    ("coverage", "said"), [(0.9, "90%"), (0.975, "97.5%"), (0.999, "99.9%"), (0.29, "29%")]
)
def test_the_coverage_is_said_as_it_is(forecaster: Forecaster, coverage: float, said: str) -> None:
    assert meanings(forecaster, coverage, LINE)["Range from"].startswith(f"About {said} of ")
    table = advice(forecaster, asked(), coverage, LINE, False)
    about = sheets(table, forecaster, coverage, LINE, [])[1].table.set_index("What")["Meaning"]
    assert about["Ranges"].startswith(f"Made to hold {said} of the grades")


def test_the_second_sheet_tells_of_the_model_and_its_limits(forecaster: Forecaster) -> None:
    def about(of: Forecaster) -> dict[str, str]:
        table = advice(of, asked(), 0.9, LINE, False)
        return dict(sheets(table, of, 0.9, LINE, [])[1].table.itertuples(index=False))

    told = about(forecaster)
    assert told["Model"] == "nextsem: the mean of 2 recurrent networks, 1 x 8 rnn"
    assert told["Forecasts from"] == (
        "the semesters 1st, 2nd, 3rd, 4th; known beforehand: College Code, Attendance"
    )
    assert told["Trained on"] == f"{len(simulated(178))} students of data/raw/simulated.csv"
    assert "nobody's grades" in told["Simulated"]
    assert f"off by {forecaster.intervals.spread:.2f}" in told["How good"]
    assert "not guaranteed for other years" in told["Ranges"]
    assert told["Not for"].startswith("Decisions about a person without a person")
    own = replace(forecaster, data=DATA.model_copy(update={"table": "data/raw/mine.xlsx"}))
    assert "Simulated" not in about(own)
    untold = about(replace(forecaster, intervals=None))
    assert untold["How good"].startswith("Not known")
    assert "Ranges" not in untold
