"""Shapley values against their definition, and what they say of a forecast."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem.advice import explanation
from nextsem.advice.explanation import TERMS, column_groups, explain, shapley_values
from nextsem.students.students import Mask, Numbers
from tests.advice.fake import Mean, cohort, underway

STUDENTS = 3
Value = Callable[[Mask], Numbers]


def any_game(inputs: int, seed: int) -> Value:
    """A value of its own for every subset."""
    table = np.random.default_rng(seed).normal(size=(STUDENTS, 2**inputs))
    return lambda subsets: table[:, subsets @ (1 << np.arange(inputs))]


def by_permutations(value: Value, inputs: int) -> Numbers:
    """The mean over all orders in which inputs enter."""
    orders = list(permutations(range(inputs)))
    total = np.zeros((STUDENTS, inputs))
    for order in orders:
        entered = np.zeros((1, inputs), dtype=bool)
        before = value(entered)[:, 0]
        for place in order:
            entered[0, place] = True
            after = value(entered)[:, 0]
            total[:, place] += after - before
            before = after
    return total / len(orders)


@settings(max_examples=20, deadline=None)
@given(inputs=st.integers(1, 5), seed=st.integers(0, 1000))
def test_the_values_are_the_mean_over_all_orders(inputs: int, seed: int) -> None:
    value = any_game(inputs, seed)
    average, found = shapley_values(value, inputs)
    np.testing.assert_allclose(found, by_permutations(value, inputs), atol=1e-12)
    np.testing.assert_array_equal(average, value(np.zeros((1, inputs), dtype=bool))[:, 0])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), together=st.sampled_from([1, 64, 8192]))
def test_contributions_and_the_average_add_up_to_the_forecast(seed: int, together: int) -> None:
    forecaster, students = Mean(), underway(24, terms=8, seed=seed)
    forecaster = Mean(cohort(100, terms=8))
    students.grades[3, 1] = np.nan
    students.codes[4] = -1
    students.numbers[5] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explanation, "_TOGETHER", together)
        names, average, values = explain(forecaster, students, len(students))
    assert names == [*TERMS, "College", "Attendance"]
    total = average + np.nansum(values, axis=1)
    np.testing.assert_allclose(total, forecaster.predict_next(students)[0], atol=1e-9)
    given_ = np.minimum(students.next_term, 4)[:, None] > np.arange(4)
    np.testing.assert_array_equal(np.isfinite(values[:, :4]), given_)


def test_what_is_not_known_contributes_nothing() -> None:
    students = underway(12).until(4)
    students = students[students.next_term >= 3]
    students.grades[:, 1] = np.nan
    students.codes[:] = -1
    _, _, values = explain(Mean(), students, len(students))
    at_second = values[np.arange(len(students)), students.next_term - 2]
    np.testing.assert_allclose(at_second, 0, atol=1e-12)
    np.testing.assert_allclose(values[:, 4], 0, atol=1e-12)
    assert (values[:, 0] != 0).all()


def test_the_better_grade_and_college_contribute_more() -> None:
    students = cohort(40).until(3)
    _, _, values = explain(Mean(), students, len(students))
    college = students.category("College")
    assert values[college == "241", 4].min() > values[college == "115", 4].max()
    assert np.corrcoef(values[:, 0], students.grades[:, 2])[0, 1] > 0.999


def test_many_columns_are_explained_together() -> None:
    schema = replace(cohort(1).schema, categories=["a", "b"], numbers=[])
    assert column_groups(schema) == {"a": [0], "b": [1]}
    schema = replace(schema, numbers=["c", "d", "e"])
    assert column_groups(schema) == {"a": [0], "b": [1], "c, d and 1 more": [2, 3, 4]}
