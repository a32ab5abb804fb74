"""Points in time: what is forecast of them, and that nothing of what came later decides it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nextsem.students.students import UNKNOWN, Students
from nextsem.validation.crossvalidation import forecast_parts
from nextsem.validation.origins import LEAST, as_known, origins
from tests.conftest import PARAMETERS, simulated

MODEL = PARAMETERS.model.model_copy(update={"members": 2, "hidden": 4, "layers": 1})
TRAIN = PARAMETERS.train.model_copy(update={"epochs": 3, "validation_size": 0.5})
YEARS = [f"{2015 + year}" for year in range(9)]
SEASON, CREDITS = 1, 0  # places of columns whose value is known before the term is over


def transcripts() -> Students:
    """Students who enter in one of five years and have a term in each year, with gaps.

    Some change the college; what a season and credits are is known beforehand.
    """
    students = simulated(100)
    count, terms = students.grades.shape
    draw = np.random.default_rng(0)
    times = np.arange(count)[:, None] % 5 + np.arange(terms)
    grades = np.where(draw.random((count, terms)) < 0.1, np.nan, students.grades)
    season = draw.integers(0, 2, (count, terms))
    numbers = draw.normal(20, 3, (count, terms, 2))
    college = students.codes[..., 0].copy()
    college[::7, 3:] = (college[::7, 3:] + 1) % 4
    return replace(
        students,
        schema=replace(
            students.schema,
            layout="long",
            calendar=YEARS,
            categories=["College Code", "Season"],
            numbers=["Credits", "Points"],
            ahead=["Season", "Credits"],
        ),
        grades=grades + (numbers[..., 0] - 20) / 2,  # so that credits tell something
        codes=np.stack([college, season], axis=2).astype(np.int32),
        numbers=numbers,
        times=times.astype(np.int32),
        vocabulary=[*students.vocabulary, ["autumn", "spring"]],
    )


def forecast(students: Students, origin: str) -> pd.DataFrame:
    parts = [part for part in origins(students, len(YEARS)) if part.label == origin]
    table, calibrations = forecast_parts(students, parts, MODEL, TRAIN, "College Code")
    assert calibrations[0] is not None
    return table


@pytest.fixture(scope="module")
def before() -> pd.DataFrame:
    return forecast(transcripts(), "2020")


def test_everybody_with_an_earlier_grade_is_forecast(before: pd.DataFrame) -> None:
    students = transcripts()
    rows, places = np.nonzero(students.to_learn & (students.times == YEARS.index("2020")))
    assert before["student"].tolist() == rows.tolist()
    assert before["term"].tolist() == places.tolist()
    assert set(before["kind"]) == {"origin"}
    assert before["headline"].all()
    np.testing.assert_array_equal(before["actual"], students.grades[rows, places])
    np.testing.assert_array_equal(before["known"], students.known_before[rows, places])
    assert np.isfinite(before.drop(columns="earlier").select_dtypes(float)).all(axis=None)


def test_the_networks_of_the_point_before_forecast_as_well() -> None:
    """From all that is known now, though they have not learnt from the newest term."""
    students = transcripts()
    parts = origins(students, 2)
    table, _ = forecast_parts(students, parts, MODEL, TRAIN, "College Code")
    first, second = (table[table["part"] == part] for part in (0, 1))
    assert first["earlier"].isna().all()
    error = {name: second[name] - second["actual"] for name in ("earlier", "network", "mean")}
    assert not np.allclose(error["earlier"], error["network"])
    assert (error["earlier"] ** 2).mean() < 0.8 * (error["mean"] ** 2).mean()


def test_the_last_points_in_time_with_enough_students() -> None:
    students = transcripts()
    assert [part.label for part in origins(students, 3)] == YEARS[-3:]
    assert origins(students, 0) == []
    # In the first year nobody has an earlier grade, and in the second there is none to learn from.
    assert [part.label for part in origins(students, 99)] == YEARS[2:]
    last = np.flatnonzero(students.times[:, -1] == len(YEARS) - 1)
    students.grades[last[LEAST - 1 :], -1] = np.nan
    assert [part.label for part in origins(students, 2)] == YEARS[-3:-1]


def test_a_table_without_a_calendar_has_no_points_in_time() -> None:
    assert origins(simulated(), 3) == []


def later(students: Students) -> Students:
    """The students as a teller of the future would have them, from 2021 on."""
    after = students.times > YEARS.index("2020")
    codes, numbers, grades = students.codes.copy(), students.numbers.copy(), students.grades.copy()
    grades[after] = 10.0
    codes[after] = [4, 2]  # a new college, a new season
    numbers[after] = 1e6
    vocabulary = [[*students.vocabulary[0], "999"], [*students.vocabulary[1], "summer"]]
    return replace(students, grades=grades, codes=codes, numbers=numbers, vocabulary=vocabulary)


def with_more_terms(students: Students) -> Students:
    """Two more years for everybody, whom nobody knows of in 2020."""
    longer = students.padded(7)
    times = longer.times.copy()
    times[:, 5:] = np.maximum(times[:, [4]] + [1, 2], YEARS.index("2021"))
    grades = np.where(times > YEARS.index("2020"), 0.0, longer.grades)
    schema = replace(longer.schema, terms=[*"1234567"], calendar=[*YEARS, "2024", "2025"])
    return replace(longer, schema=schema, times=times, grades=grades)


def with_more_students(students: Students) -> Students:
    """Others who enter in 2021."""
    new = students[:30]
    times = np.arange(new.grades.shape[1]) + np.zeros((30, 1)) + YEARS.index("2021")
    new = replace(new, times=np.minimum(times, len(YEARS) - 1).astype(np.int32))
    joined = {
        name: np.concatenate([getattr(students, name), getattr(new, name)])
        for name in ("names", "grades", "codes", "numbers", "times")
    }
    return replace(students, **joined)


@pytest.mark.parametrize("change", [later, with_more_terms, with_more_students])
def test_the_future_moves_no_forecast(change, before: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    pd.testing.assert_frame_equal(forecast(change(transcripts()), "2020"), before)


def test_grades_of_the_time_itself_decide_nothing(before: pd.DataFrame) -> None:
    students = transcripts()
    now = students.known & (students.times == YEARS.index("2020"))
    students.grades[now] = 0.0
    after = forecast(students, "2020")
    pd.testing.assert_frame_equal(after.drop(columns="actual"), before.drop(columns="actual"))


def test_what_else_the_term_brings_is_known_only_if_it_is_ahead(before: pd.DataFrame) -> None:
    students = transcripts()
    now = students.times == YEARS.index("2020")
    students.codes[now, 0], students.numbers[now, 1] = 3, 1e6
    pd.testing.assert_frame_equal(forecast(students, "2020"), before)
    students.numbers[now, CREDITS] += 20
    changed = forecast(students, "2020")
    for name in ("network", "linear_static", "boosted_trees"):
        assert not np.allclose(changed[name], before[name])


def test_a_category_that_is_new_is_one_that_is_not_known() -> None:
    students = transcripts()
    now = students.times == YEARS.index("2020")
    students.codes[now, SEASON] = 2
    new = replace(students, vocabulary=[students.vocabulary[0], ["autumn", "spring", "summer"]])
    (part,) = (part for part in origins(new, 9) if part.label == "2020")
    train, test = as_known(new, part)
    assert train.vocabulary == test.vocabulary == transcripts().vocabulary
    assert set(test.codes[test.times == YEARS.index("2020")][:, SEASON]) == {UNKNOWN}
    assert np.isfinite(forecast(new, "2020")["network"]).all()
