"""Baseline inputs other than grades: numeric and categorical columns."""

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler, TargetEncoder

from nextsem.students.cases import Cases
from nextsem.students.students import UNKNOWN, Codes, Numbers, Students

MOST_COLUMNS = 50  # up to so many categories are one-hot encoded, more are target encoded


def line(learn: Cases) -> LinearRegression:
    """Linear regression on the last grades."""
    return LinearRegression().fit(learn.filled, learn.actual)


def columns(students: Students) -> int:
    """The largest number of inputs that `known_beforehand` makes."""
    sizes = [len(own) if len(own) <= MOST_COLUMNS else 1 for own in students.vocabulary]
    return len(students.schema.numbers) + sum(sizes)


def known_beforehand(learn: Cases, asked: Cases) -> list[tuple[Numbers, Numbers]]:
    """Numeric inputs [cases, numbers] and categorical ones [cases, columns], of both.

    Numbers are standardized, missing ones imputed by the mean. Categories are one-hot encoded, or
    target encoded (`effects`) if there are many.
    """
    categories = [np.zeros((len(of), 0)) for of in (learn, asked)]
    for place in range(learn.codes.shape[1]):
        found = known_codes(learn.codes[:, place])
        if len(found) <= MOST_COLUMNS:
            own = [(of.codes[:, [place]] == found).astype(float) for of in (learn, asked)]
        else:
            own = _scaled(*effects(learn, asked, place))
        categories = [np.hstack(pair) for pair in zip(categories, own, strict=True)]
    return list(zip(_scaled(learn.numbers, asked.numbers), categories, strict=True))


def known_codes(codes: Codes) -> Codes:
    """The distinct codes without UNKNOWN, sorted."""
    found = np.unique(codes)
    return found[found != UNKNOWN]


def effects(learn: Cases, asked: Cases, place: int) -> list[Numbers]:
    """Target encoding of the residuals of a linear regression on grades, [cases, 1] for both.

    Effects of few students are shrunk towards the mean (Micci-Barreca, "A preprocessing scheme for
    high-cardinality categorical attributes", SIGKDD Explorations 3, 2001); those of `learn` are
    computed out of fold.
    """
    codes = [of.codes[:, [place]] for of in (learn, asked)]
    parts = KFold(5, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type="continuous", cv=parts)
    fitted = encoder.fit_transform(codes[0], learn.actual - line(learn).predict(learn.filled))
    return [fitted, encoder.transform(codes[1])]


def _scaled(learn: Numbers, asked: Numbers) -> list[Numbers]:
    """Columns standardized to mean 0 and deviation 1 in training; missing values become 0."""
    if learn.shape[1] == 0:
        return [learn, asked]
    scaler = StandardScaler().fit(np.where(np.isfinite(learn).any(axis=0), learn, 0))
    return [np.nan_to_num(scaler.transform(each)) for each in (learn, asked)]
