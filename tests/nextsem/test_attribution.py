"""Shapley values against their definition: the mean over all orders in which inputs enter."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem import attribution
from nextsem.attribution import EXACT, shapley_values
from nextsem.students import Mask, Numbers

STUDENTS = 3
Value = Callable[[Mask], Numbers]


def any_game(inputs: int, seed: int) -> Value:
    """A value of its own for every subset."""
    table = np.random.default_rng(seed).normal(size=(STUDENTS, 2**inputs))

    def value(subsets: Mask) -> Numbers:
        return table[:, subsets @ (1 << np.arange(inputs))]

    return value


def pairwise_game(inputs: int, seed: int) -> tuple[Value, Numbers]:
    """What each input adds, and each pair besides; and the contributions: half of its pairs each."""
    draw = np.random.default_rng(seed)
    alone = draw.normal(size=(STUDENTS, inputs))
    pairs = np.triu(draw.normal(size=(STUDENTS, inputs, inputs)), 1)

    def value(subsets: Mask) -> Numbers:
        members = subsets.astype(float)
        return alone @ members.T + np.einsum("tij,si,sj->ts", pairs, members, members)

    return value, alone + (pairs.sum(axis=1) + pairs.sum(axis=2)) / 2


def by_permutations(value: Value, inputs: int) -> Numbers:
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
def test_exact_values_are_the_mean_over_all_orders(inputs: int, seed: int) -> None:
    value = any_game(inputs, seed)
    np.testing.assert_allclose(
        shapley_values(value, inputs), by_permutations(value, inputs), atol=1e-12
    )


@settings(max_examples=20, deadline=None)
@given(inputs=st.integers(1, EXACT + 4), seed=st.integers(0, 1000))
def test_contributions_add_up_to_what_all_inputs_change(inputs: int, seed: int) -> None:
    value = any_game(inputs, seed)
    ends = value(np.array([[False] * inputs, [True] * inputs]))
    np.testing.assert_allclose(
        shapley_values(value, inputs).sum(axis=1), ends[:, 1] - ends[:, 0], atol=1e-9
    )


@pytest.mark.parametrize("inputs", [EXACT, EXACT + 1, 20])
def test_an_order_and_its_reverse_share_what_pairs_add(inputs: int) -> None:
    """So the sampled values, too, are exact where no more than two inputs act together."""
    value, expected = pairwise_game(inputs, seed=1)
    np.testing.assert_allclose(shapley_values(value, inputs), expected, atol=1e-9)


def test_sampled_values_are_near_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, _ = pairwise_game(6, seed=2)

    def value(subsets: Mask) -> Numbers:
        return np.tanh(pairs(subsets) / 4)

    exact = shapley_values(value, 6)
    monkeypatch.setattr(attribution, "EXACT", 0)
    sampled = shapley_values(value, 6)
    assert not np.allclose(sampled, exact)
    np.testing.assert_allclose(sampled, exact, atol=0.1)
    np.testing.assert_array_equal(sampled, shapley_values(value, 6))


@pytest.mark.parametrize("inputs", [4, EXACT + 2])
def test_what_changes_nothing_contributes_nothing(inputs: int) -> None:
    value = any_game(inputs - 1, seed=3)
    found = shapley_values(lambda subsets: value(subsets[:, 1:]), inputs)
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-12)
    assert found[:, 1:].all()


def test_without_inputs_there_are_no_contributions() -> None:
    assert shapley_values(lambda subsets: np.zeros((STUDENTS, len(subsets))), 0).shape == (3, 0)
