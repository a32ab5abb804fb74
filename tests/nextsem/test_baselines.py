"""The baselines against scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.preprocessing import OneHotEncoder

from nextsem.baselines import BASELINES, PENALTIES, linear_risk
from nextsem.students import Numbers, Students

DRAW = np.random.default_rng(0)


def students(number: int, numeric: int) -> Students:
    ability = DRAW.normal(7, 1, (number, 1))
    return Students(
        np.arange(number).astype(str),
        ability + DRAW.normal(0, 0.5, (number, 4)),
        DRAW.choice(["a", "b", "c"], (number, 1)).astype(str),
        DRAW.normal(size=(number, numeric)),
        np.empty((number, 0), dtype=str),
    )


def sklearn_linear(train: Numbers, target: Numbers, asked: Numbers) -> Numbers:
    return LinearRegression().fit(train, target).predict(asked)


def test_mean_and_last() -> None:
    train, test = students(50, 0), students(9, 0)
    assert BASELINES["mean"](train, test) == pytest.approx(train.grades[:, -1].mean())
    np.testing.assert_array_equal(BASELINES["last"](train, test), test.grades[:, -2])
    own = test.grades[:, :-1].mean(axis=1)
    np.testing.assert_allclose(BASELINES["own_mean"](train, test), own)


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


def test_pooled_ridge_is_ridge_of_least_leave_one_out_error() -> None:
    train, test = students(40, 0), students(9, 0)
    center, spread = train.grades[:, :-1].mean(axis=0), train.grades[:, :-1].std(axis=0)

    def inputs(of: Students) -> Numbers:
        grades = (of.grades[:, :-1] - center) / spread
        static = (of.static == np.array(["a", "b", "c"])).astype(float)
        return np.hstack([grades, static, *(static[:, [place]] * grades for place in range(3))])

    def error(penalty: float) -> float:
        model = Ridge(alpha=penalty)
        left_out = cross_val_predict(model, inputs(train), train.target, cv=LeaveOneOut())
        return float(np.mean((left_out - train.target) ** 2))

    best = min(PENALTIES, key=error)
    expected = Ridge(alpha=best).fit(inputs(train), train.target).predict(inputs(test))
    np.testing.assert_allclose(BASELINES["pooled_ridge"](train, test), expected, rtol=1e-6)


def test_a_category_that_was_never_seen_and_a_missing_number_are_forecast() -> None:
    train, test = students(50, 1), students(5, 1)
    test.static[0] = "new"
    test.numeric[1] = np.nan
    for baseline in BASELINES.values():
        assert np.isfinite(baseline(train, test)).all()


def test_the_risk_by_linear_regression_is_that_of_normal_errors() -> None:
    train, test = students(50, 0), students(9, 0)
    plain = LinearRegression().fit(train.grades[:, :-1], train.target)
    residuals = train.target - plain.predict(train.grades[:, :-1])
    spread = np.sqrt(np.sum(residuals**2) / (50 - 4))
    errors = stats.norm(plain.predict(test.grades[:, :-1]), spread)
    np.testing.assert_allclose(linear_risk(train, test, 6.5, False), errors.cdf(6.5))
    np.testing.assert_allclose(linear_risk(train, test, 6.5, True), errors.sf(6.5))
    assert np.isnan(linear_risk(train, test, float("nan"), False)).all()


def test_a_risk_without_any_error_is_certain() -> None:
    train = students(50, 0)
    train.grades[:, -1] = train.grades[:, 0] + 1
    risk = linear_risk(train, train, 8.0, False)
    np.testing.assert_allclose(risk, train.target < 8.0, atol=1e-6)
