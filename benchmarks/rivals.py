"""Rivals of the network that are no baselines of the pipeline: they forecast the last term alone."""

import warnings

import numpy as np
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nextsem.students.cases import Cases, cases
from nextsem.students.students import Numbers, Students
from nextsem.validation.baselines import BASELINES
from nextsem.validation.folds import folds
from nextsem.validation.inputs import known_beforehand

LINEAR = ("linear", "linear_static", "pooled_ridge")
CHEAP = (*LINEAR, "forest", "boosted_trees")  # that are chosen from
MOST_ROWS = 1000  # that a Gaussian process learns from: its time grows with their third power
MOST_STACKED = 5000  # Of more students a stack takes too long.


class GaussianProcess(GaussianProcessRegressor):  # type: ignore[misc]
    """A Gaussian process that learns from so many rows at most."""

    def fit(self, X: Numbers, y: Numbers) -> "GaussianProcess":  # noqa: N803 (scikit-learn's name)
        some = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound is fine
            super().fit(X[some], y[some])
        return self


def stack_and_gaussian_process(train: Students, students: Students) -> dict[str, Numbers]:
    """Forecasts of the last term by a Gaussian process, and by a stack of which it is a part.

    The stack weighs a ridge regression, a forest and the Gaussian process by what they forecast out
    of fold (Wolpert, "Stacked generalization", Neural Networks 5, 1992). Of many students there is
    none.
    """
    learn, asked = _last_term(train), _last_term(students)
    inputs = [
        np.hstack([of.filled, *known])
        for of, known in zip((learn, asked), known_beforehand(learn, asked), strict=True)
    ]
    kernel = ConstantKernel() * RBF(3.0) + ConstantKernel(0.1) * DotProduct() + WhiteKernel(0.3)
    process = make_pipeline(StandardScaler(), GaussianProcess(kernel, normalize_y=True))
    if len(learn) > MOST_STACKED:
        return {"gaussian_process": process.fit(inputs[0], learn.actual).predict(inputs[1])}
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(0.1, 1000, 13)))
    forest = RandomForestRegressor(300, min_samples_leaf=3, max_features=0.5, random_state=0)
    parts = [("ridge", ridge), ("forest", forest), ("gaussian_process", process)]
    stack = StackingRegressor(parts, RidgeCV(), cv=KFold(5, shuffle=True, random_state=0))
    stack.fit(inputs[0], learn.actual)
    alone = stack.named_estimators_["gaussian_process"]
    return {"gaussian_process": alone.predict(inputs[1]), "stack": stack.predict(inputs[1])}


def chosen_inside(train: Students) -> str:
    """The cheap rival of the least error in a cross-validation of the training students."""

    def error(name: str) -> float:
        squared = [
            (BASELINES[name](train[part.train], train[part.test]) - train.grades[part.test])[:, -1]
            ** 2
            for part in folds(train, 5, 1, seed=0)
        ]
        return float(np.concatenate(squared).mean())

    return min(CHEAP, key=error)


def _last_term(students: Students) -> Cases:
    """The last grades that are known, with all before them."""
    terms = students.grades.shape[1]
    return cases(students, students.to_learn & (np.arange(terms) == terms - 1), terms - 1)
