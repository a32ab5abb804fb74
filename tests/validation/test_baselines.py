"""The baselines: known figures, no look ahead, and a forecast for everyone with a grade before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import LeaveOneOut, RepeatedKFold, cross_val_predict

from nextsem.students.students import UNKNOWN, Numbers, Schema, Students, factorized
from nextsem.validation.baselines import BASELINES, PENALTIES, linear_sd
from tests.conftest import simulated


def draw(
    number: int,
    terms: int = 5,
    seed: int = 0,
    categories: int = 3,
    gaps: float = 0.0,
    ahead: tuple[str, ...] = (),
) -> Students:
    """Students with an ability, a category and a number, each with values of its own every term."""
    source = np.random.default_rng(seed)
    shape = number, terms
    grades = source.normal(7, 1, (number, 1)) + source.normal(0, 0.5, shape)
    grades[source.random(shape) < gaps] = np.nan
    schema = Schema(
        "long", [str(each) for each in range(terms)], ["c"], ["n"], [*ahead], [], (0, 10), False
    )
    return Students(
        schema,
        np.arange(number).astype(str),
        grades,
        source.integers(0, categories, (*shape, 1)).astype(np.int32),
        source.normal(size=(*shape, 1)),
        np.full(shape, UNKNOWN, np.int32),
        [[str(each) for each in range(categories)]],
    )


def error(name: str, train: Students, test: Students) -> float:
    scored = test.to_learn
    return float(np.mean((BASELINES[name](train, test)[scored] - test.grades[scored]) ** 2))


def test_the_known_figures_of_the_published_table(published: Path) -> None:
    """Whoever reports them anew gets what was reported: 10 x 5 folds of the 169 complete rows."""
    frame = pd.read_csv(published).dropna(subset=["1st", "2nd", "3rd", "4th", "5th"])
    codes, vocabulary = factorized([frame["College Code"].to_numpy().astype(str)])
    terms = ["1st", "2nd", "3rd", "4th", "5th"]
    students = Students(
        Schema("wide", terms, ["College Code"], [], [], [], (0, 10), False),
        frame.index.to_numpy().astype(str),
        frame[terms].to_numpy(dtype=float),
        np.repeat(codes[:, None], 5, axis=1),
        np.zeros((len(frame), 5, 0)),
        np.full((len(frame), 5), UNKNOWN, np.int32),
        vocabulary,
    )
    known = {
        "mean": 1.0479,
        "last": 0.4729,
        "own_mean": 0.5907,
        "linear": 0.2597,
        "linear_static": 0.2378,
        "pooled_ridge": 0.2328,
    }
    errors: dict[str, list[float]] = {name: [] for name in known}
    for train, test in RepeatedKFold(n_splits=5, n_repeats=10, random_state=0).split(codes):
        for name, each in errors.items():
            forecasts = BASELINES[name](students[train], students[test])[:, -1]
            each.append(float(np.mean((forecasts - students.grades[test, -1]) ** 2)))
    assert len(students) == 169
    assert {name: round(float(np.mean(each)), 4) for name, each in errors.items()} == known


def test_pooled_ridge_is_ridge_of_least_leave_one_out_error() -> None:
    students = simulated(60)
    train, test = students[:45], students[45:]
    center, spread = train.grades[:, :-1].mean(axis=0), train.grades[:, :-1].std(axis=0)

    def inputs(of: Students) -> Numbers:
        grades = (of.grades[:, :-1] - center) / spread
        colleges = (of.codes[:, 0] == np.arange(4)).astype(float)
        return np.hstack([grades, colleges, *(colleges[:, [place]] * grades for place in range(4))])

    def left_out(penalty: float) -> float:
        model = Ridge(alpha=penalty)
        forecasts = cross_val_predict(model, inputs(train), train.grades[:, -1], cv=LeaveOneOut())
        return float(np.mean((forecasts - train.grades[:, -1]) ** 2))

    best = Ridge(alpha=min(PENALTIES, key=left_out)).fit(inputs(train), train.grades[:, -1])
    forecasts = BASELINES["pooled_ridge"](train, test)[:, -1]
    np.testing.assert_allclose(forecasts, best.predict(inputs(test)), rtol=1e-6)


@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), term=st.integers(1, 4))
def test_nothing_that_comes_later_moves_a_forecast(name: str, seed: int, term: int) -> None:
    """Neither a later grade, nor what else is known of the term itself or of later ones."""
    train, test = draw(60, seed=seed, gaps=0.2), draw(10, seed=seed + 1, gaps=0.2)
    later = replace(test, **{key: getattr(test, key).copy() for key in ("grades", "codes")})
    later.grades[:, term:] += 1
    later.codes[:, term:] = UNKNOWN
    np.testing.assert_array_equal(
        BASELINES[name](train, later)[:, : term + 1], BASELINES[name](train, test)[:, : term + 1]
    )


@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 1000),
    number=st.integers(8, 60),
    terms=st.integers(2, 15),
    gaps=st.floats(0, 0.6),
    lacking=st.sampled_from(["nothing", "numbers", "categories", "columns"]),
)
def test_everyone_with_a_grade_before_has_a_forecast(
    name: str, seed: int, number: int, terms: int, gaps: float, lacking: str
) -> None:
    """However few students, many gaps, and little else is known of them."""
    students = draw(number + 10, terms, seed, gaps=gaps)
    students.grades[0, :2] = 7, 6  # somebody to learn from
    if lacking == "numbers":
        students.numbers[:] = np.nan
    elif lacking == "categories":
        students.codes[:-10] = UNKNOWN
    elif lacking == "columns":
        students = replace(
            students,
            schema=replace(students.schema, categories=[], numbers=[]),
            codes=students.codes[..., :0],
            numbers=students.numbers[..., :0],
            vocabulary=[],
        )
    test = students[-10:]
    expected = (test.known_before > 0) & (np.arange(terms) <= test.next_term[:, None])
    np.testing.assert_array_equal(np.isfinite(BASELINES[name](students[:-10], test)), expected)


def test_a_gap_is_filled_by_the_students_own_mean() -> None:
    train, test = draw(80), draw(1)
    test.grades[0, 1] = np.nan
    filled = replace(test, grades=test.grades.copy())
    for term in (2, 3, 4):
        filled.grades[0, 1] = np.nanmean(test.grades[0, :term])
        assert BASELINES["linear"](train, test)[0, term] == pytest.approx(
            BASELINES["linear"](train, filled)[0, term]
        )


def test_students_with_gaps_do_not_change_the_regression_of_the_others() -> None:
    train, test = draw(80, seed=1), draw(9, seed=2)
    gaps = draw(20, seed=3)
    gaps.grades[:, 1] = np.nan
    more = replace(train, grades=np.vstack([train.grades[:60], gaps.grades]))
    np.testing.assert_array_equal(
        BASELINES["linear"](train[:60], test)[:, 2:], BASELINES["linear"](more, test)[:, 2:]
    )


@pytest.mark.parametrize("name", ["linear", "linear_static", "pooled_ridge"])
def test_terms_that_few_have_reached_borrow_from_the_others(name: str) -> None:
    """Three students alone would tell nothing of the tenth term."""
    train, test = draw(200, 10, seed=1), draw(200, 10, seed=2)
    train.grades[3:, 6:] = np.nan
    late = BASELINES[name](train, test)[:, 9]
    assert np.mean((late - test.grades[:, 9]) ** 2) < 0.45  # 1.25 by the mean, 0.28 at best


@pytest.mark.parametrize("name", ["linear_static", "pooled_ridge", "forest", "boosted_trees"])
def test_hundreds_of_categories_are_learnt(name: str) -> None:
    categories = 300
    train, test = draw(3000, 3, 1, categories), draw(1000, 3, 2, categories)
    effects = np.random.default_rng(3).normal(0, 1, categories)
    for each in (train, test):
        each.codes[:] = each.codes[:, :1]
        each.grades[:, 2] += effects[each.codes[:, 0, 0]]
    plain = BASELINES["linear"](train, test)[:, 2] - test.grades[:, 2]
    informed = BASELINES[name](train, test)[:, 2] - test.grades[:, 2]
    assert np.mean(informed**2) < 0.6 * np.mean(plain**2)


@pytest.mark.parametrize("name", ["linear_static", "pooled_ridge", "forest", "boosted_trees"])
def test_what_is_known_ahead_counts_in_its_own_term(name: str) -> None:
    """A hard season lowers the grades of just that season."""
    ahead, not_ahead = (
        [draw(400, seed=seed, ahead=columns) for seed in (1, 2)] for columns in (("c",), ())
    )
    for train, test in (ahead, not_ahead):
        train.grades[:] -= train.codes[..., 0]
        test.grades[:] -= test.codes[..., 0]
    assert error(name, *ahead) < 0.8 * error(name, *not_ahead)


def test_linear_sd_is_that_of_the_residuals() -> None:
    train = draw(50)
    for term in (1, 4):
        plain = LinearRegression().fit(train.grades[:, :term], train.grades[:, term])
        residuals = train.grades[:, term] - plain.predict(train.grades[:, :term])
        expected = np.sqrt(np.sum(residuals**2) / (50 - term - 1))
        assert linear_sd(train)[term] == pytest.approx(expected)
    assert np.isnan(linear_sd(train)[0])
