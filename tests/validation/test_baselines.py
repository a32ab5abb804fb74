"""The baselines: known figures, no look ahead, and a forecast for everyone with a grade before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import RepeatedKFold

from nextsem.simulation import cohort
from nextsem.students.students import UNKNOWN, Students
from nextsem.validation.baselines import BASELINES, linear_sd
from tests.conftest import of_colleges, with_grades


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
    found = with_grades(grades, layout="long", categories=["c"], numbers=["n"], ahead=[*ahead])
    codes = source.integers(0, categories, (*shape, 1)).astype(np.int32)
    vocabulary = [[str(each) for each in range(categories)]]
    numbers = source.normal(size=(*shape, 1))
    return replace(found, codes=codes, numbers=numbers, vocabulary=vocabulary)


def test_the_known_figures_of_the_published_table(published: Path) -> None:
    """Whoever reports them anew gets what was reported: 10 x 5 folds of the 169 complete rows."""
    students = of_colleges(pd.read_csv(published).dropna(subset=list(cohort.SEMESTERS)))
    known = {"mean": 1.0479, "last": 0.4729, "own_mean": 0.5907, "linear": 0.2597}
    known |= {"linear_static": 0.2378, "pooled_ridge": 0.2328}
    errors: dict[str, list[float]] = {name: [] for name in known}
    folds = RepeatedKFold(n_splits=5, n_repeats=10, random_state=0)
    for train, test in folds.split(students.grades):
        for name, each in errors.items():
            forecasts = BASELINES[name](students[train], students[test])[:, -1]
            each.append(float(np.mean((forecasts - students.grades[test, -1]) ** 2)))
    assert len(students) == 169
    assert {name: round(float(np.mean(each)), 4) for name, each in errors.items()} == known


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
        students = with_grades(students.grades, layout="long")
    test = students[-10:]
    expected = (test.known_before > 0) & (np.arange(terms) <= test.next_term[:, None])
    np.testing.assert_array_equal(np.isfinite(BASELINES[name](students[:-10], test)), expected)


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
    ahead = [draw(400, seed=seed, ahead=("c",)) for seed in (1, 2)]
    not_ahead = [draw(400, seed=seed) for seed in (1, 2)]
    for train, test in (ahead, not_ahead):
        train.grades[:] -= train.codes[..., 0]
        test.grades[:] -= test.codes[..., 0]
    mse = [
        np.nanmean((BASELINES[name](train, test) - test.grades) ** 2)
        for train, test in (ahead, not_ahead)
    ]
    assert mse[0] < 0.8 * mse[1]


def test_linear_sd_is_that_of_the_residuals() -> None:
    train = draw(50)
    for term in (1, 4):
        plain = LinearRegression().fit(train.grades[:, :term], train.grades[:, term])
        residuals = train.grades[:, term] - plain.predict(train.grades[:, :term])
        expected = np.sqrt(np.sum(residuals**2) / (50 - term - 1))
        assert linear_sd(train)[term] == pytest.approx(expected)
    assert np.isnan(linear_sd(train)[0])
