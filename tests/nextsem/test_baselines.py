"""The baselines against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder

from nextsem.baselines import BASELINES
from nextsem.students import Numbers, Students

DRAW = np.random.default_rng(0)


def students(number: int, numeric: int) -> Students:
    ability = DRAW.normal(7, 1, (number, 1))
    return Students(
        np.arange(number).astype(str),
        ability + DRAW.normal(0, 0.5, (number, 4)),
        DRAW.choice(["a", "b", "c"], (number, 1)).astype(str),
        DRAW.normal(size=(number, numeric)),
    )


def sklearn_linear(train: Numbers, target: Numbers, asked: Numbers) -> Numbers:
    return LinearRegression().fit(train, target).predict(asked)


def test_mean_and_last() -> None:
    train, test = students(50, 0), students(9, 0)
    assert BASELINES["mean"](train, test) == pytest.approx(train.grades[:, -1].mean())
    np.testing.assert_array_equal(BASELINES["last"](train, test), test.grades[:, -2])


@pytest.mark.parametrize("numeric", [0, 2])
def test_linear_is_that_of_scikit_learn(numeric: int) -> None:
    train, test = students(50, numeric), students(9, numeric)
    encoder = OneHotEncoder(sparse_output=False).fit(train.static)
    plain = sklearn_linear(train.grades[:, :-1], train.target, test.grades[:, :-1])
    full = sklearn_linear(
        np.hstack([train.grades[:, :-1], train.numeric, encoder.transform(train.static)]),
        train.target,
        np.hstack([test.grades[:, :-1], test.numeric, encoder.transform(test.static)]),
    )
    np.testing.assert_allclose(BASELINES["linear"](train, test), plain)
    np.testing.assert_allclose(BASELINES["linear_static"](train, test), full)
