"""How a forecaster suits itself to a table: straight or bent, with columns that help or do not."""

from dataclasses import replace

import numpy as np
import pytest

from nextsem.forecaster.fitting import fit_forecasters
from nextsem.forecaster.forecaster import Forecaster
from nextsem.forecaster.piecewise import bin_edges, encode
from nextsem.forecaster.relevance import relevant_columns
from nextsem.students.students import Numbers, Students
from tests.conftest import with_grades
from tests.forecaster.test_forecaster import MODEL, TRAIN


def students(grades: Numbers, numbers: Numbers | None = None) -> Students:
    """Of a wide table, with number columns [students, columns] and no categories."""
    numbers = np.zeros((len(grades), 0)) if numbers is None else numbers
    names = [f"number {column}" for column in range(numbers.shape[1])]
    found = with_grades(grades, numbers=names, grade_range=(0.0, 20.0))
    return replace(found, numbers=np.repeat(numbers[:, None], grades.shape[1], axis=1))


def grades(bent: bool, seed: int, count: int = 240) -> Numbers:
    """Three terms; `bent`, who has less than 8 in the second leaves with a zero."""
    random = np.random.default_rng(seed)
    ability = random.normal(11, 3, (count, 1))
    found = (ability + random.normal(0, 0.8, (count, 3))).clip(1, 20)
    found[:, 2] = np.where(bent & (found[:, 1] < 8), 0, found[:, 2])
    return found


def fitted(of: Students, epochs: int = 150, members: int = 3) -> Forecaster:
    flexible = MODEL.flexible.model_copy(update={"members": members, "hidden": 16, "bins": 12})
    model = MODEL.model_copy(update={"flexible": flexible})
    train = TRAIN.model_copy(update={"epochs": epochs})
    return fit_forecasters([of], [1], model, train, None)[0].forecaster


@pytest.mark.parametrize(("bent", "times"), [(True, 0.6), (False, 1.05)])
def test_flexible_networks_help_where_grades_bend_and_do_no_harm(bent: bool, times: float) -> None:
    both, straight = (fitted(students(grades(bent, 1)), members=number) for number in (3, 0))
    asked = students(grades(bent, 2))
    mse = [
        np.mean((each.predict(asked).forecasts[:, 2] - asked.grades[:, 2]) ** 2)
        for each in (both, straight)
    ]
    assert mse[0] < times * mse[1]
    assert both.networks[1].shares[2] > 0.8 or not bent
    assert np.isclose(sum(kind.shares[2] for kind in both.networks), 1)


def test_a_column_that_helps_is_used_and_one_of_noise_is_not() -> None:
    random = np.random.default_rng(0)
    found = grades(False, 3)
    telling, noise = random.normal(size=(240, 1)), random.normal(size=(240, 4))
    found[:, 1:] += 2 * telling
    of = students(found, np.hstack([noise[:, :2], telling, noise[:, 2:]]))
    categories, numbers = relevant_columns(of, seed=0)
    assert categories == []
    assert 2 in numbers
    assert len(numbers) <= 2
    forecaster = fitted(of, epochs=5)
    unused = [column for column in range(5) if column not in forecaster.encoding.used_numbers]
    changed = of.numbers.copy()
    changed[..., unused] += 5
    moved, before = (forecaster.predict(each) for each in (replace(of, numbers=changed), of))
    np.testing.assert_array_equal(moved.forecasts, before.forecasts)


def test_numbers_are_shares_of_bins_and_beyond_these_count_as_their_ends() -> None:
    edges = bin_edges(np.arange(11.0)[:, None], np.ones(11, dtype=bool), 2)
    assert edges == [[0.0, 5.0, 10.0]]
    assert encode(np.array([[-3.0], [7.5], [12.0]]), edges).tolist() == [[0, 0], [1, 0.5], [1, 1]]
