"""What is known of students besides their grades, as inputs of the baselines."""

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler, TargetEncoder

from nextsem.students.cases import Cases
from nextsem.students.students import UNKNOWN, Codes, Numbers, Students

MOST_COLUMNS = 50  # Up to so many categories get a column each.


def line(learn: Cases) -> LinearRegression:
    """Linear regression on the last grades."""
    return LinearRegression().fit(learn.filled, learn.actual)


def columns(students: Students) -> int:
    """How many inputs `known_beforehand` makes at most."""
    sizes = [len(own) if len(own) <= MOST_COLUMNS else 1 for own in students.vocabulary]
    return len(students.schema.numbers) + sum(sizes)


def known_beforehand(learn: Cases, asked: Cases) -> list[tuple[Numbers, Numbers]]:
    """Numbers [cases, numbers] and categories [cases, columns] as inputs, of both.

    Numbers are scaled, and a missing one is the usual one. A category is a column of zeros and ones;
    of a column with many categories it is its effect instead.
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
    """The categories among codes, in order."""
    found = np.unique(codes)
    return found[found != UNKNOWN]


def effects(learn: Cases, asked: Cases, place: int) -> list[Numbers]:
    """How a category's students differ from what their grades before promise, [cases, 1] of both.

    It is pulled towards zero where these are few (Micci-Barreca, "A preprocessing scheme for
    high-cardinality categorical attributes", SIGKDD Explorations 3, 2001), and of those learnt from
    comes from the others among them.
    """
    codes = [of.codes[:, [place]] for of in (learn, asked)]
    parts = KFold(5, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type="continuous", cv=parts)
    fitted = encoder.fit_transform(codes[0], learn.actual - line(learn).predict(learn.filled))
    return [fitted, encoder.transform(codes[1])]


def _scaled(learn: Numbers, asked: Numbers) -> list[Numbers]:
    """Columns with mean 0 and spread 1 in training; what is missing is the mean."""
    if learn.shape[1] == 0:
        return [learn, asked]
    scaler = StandardScaler().fit(np.where(np.isfinite(learn).any(axis=0), learn, 0))
    return [np.nan_to_num(scaler.transform(each)) for each in (learn, asked)]
