"""How a forecaster suits itself to a table: straight or bent, with columns that help or do not."""

from dataclasses import replace

import numpy as np

from nextsem.forecaster.fitting import fit_forecasters
from nextsem.forecaster.forecaster import Forecaster
from nextsem.forecaster.relevance import relevant_columns
from nextsem.students.students import UNKNOWN, Numbers, Schema, Students

from .test_forecaster import MODEL, TRAIN


def students(grades: Numbers, numbers: Numbers | None = None) -> Students:
    """Of a wide table, with number columns [students, columns] and no categories."""
    count, terms = grades.shape
    numbers = np.zeros((count, 0)) if numbers is None else numbers
    names = [f"number {column}" for column in range(numbers.shape[1])]
    return Students(
        Schema("wide", [f"{t}" for t in range(terms)], [], names, [], [], (0.0, 20.0), False),
        np.arange(count).astype(str),
        grades,
        np.zeros((count, terms, 0), np.int32),
        np.repeat(numbers[:, None], terms, axis=1),
        np.full((count, terms), UNKNOWN, np.int32),
        [],
    )


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


def test_where_grades_bend_the_flexible_networks_are_believed() -> None:
    """A straight line is off by more than twice as much."""
    both, straight = (fitted(students(grades(True, 1)), members=number) for number in (3, 0))
    asked = students(grades(True, 2))
    mse = [
        np.mean((each.predict(asked).forecasts[:, 2] - asked.grades[:, 2]) ** 2)
        for each in (both, straight)
    ]
    assert mse[0] < 0.6 * mse[1]
    flexible = both.networks[1]
    assert flexible.shares[2] > 0.8
    assert np.isclose(sum(kind.shares[2] for kind in both.networks), 1)


def test_where_grades_follow_a_line_the_flexible_networks_do_no_harm() -> None:
    both, straight = (fitted(students(grades(False, 1)), members=number) for number in (3, 0))
    asked = students(grades(False, 2))
    mse = [
        np.mean((each.predict(asked).forecasts[:, 2] - asked.grades[:, 2]) ** 2)
        for each in (both, straight)
    ]
    assert mse[0] < 1.05 * mse[1]


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
    np.testing.assert_array_equal(
        forecaster.predict(replace(of, numbers=changed)).forecasts,
        forecaster.predict(of).forecasts,
    )
