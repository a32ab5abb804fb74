"""Tree ensembles as baselines: a random forest and boosted trees, one model for all terms."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from nextsem.students.cases import cases, to_forecast
from nextsem.students.students import UNKNOWN, Numbers, Students
from nextsem.validation.inputs import effects, known_codes

LAST_GRADES = 4
MANY_CASES = 10_000  # from here on, models are larger
MOST_DRAWN = 30_000  # cases for each tree of the forest, to limit time and memory
MOST_CATEGORIES = 254  # scikit-learn's limit; more categories are target encoded


def forest(train: Students, students: Students) -> Numbers:
    """A random forest (Breiman, "Random forests", Machine Learning 45, 2001).

    Its inputs are the index of the term, the last grades, mean and number of all earlier grades,
    numbers and categories.
    """
    number = int(train.to_learn.sum())
    model = RandomForestRegressor(
        n_estimators=100,
        min_samples_leaf=3 if number < MANY_CASES else 10,
        max_features=0.5,
        max_samples=min(number, MOST_DRAWN),
        random_state=0,
    )
    return _forecasts(model, train, students)


def boosted_trees(train: Students, students: Students) -> Numbers:
    """Boosted trees (Friedman, Annals of Statistics 29, 2001), with the inputs of `forest`.

    With many cases, early stopping on a tenth of them decides on the number of trees.
    """
    many = train.to_learn.sum() >= MANY_CASES
    model = HistGradientBoostingRegressor(
        max_iter=400 if many else 50,
        max_leaf_nodes=31 if many else 8,
        max_features=0.5,
        early_stopping=many,
        random_state=0,
    )
    return _forecasts(model, train, students)


def _forecasts(
    model: RandomForestRegressor | HistGradientBoostingRegressor,
    train: Students,
    students: Students,
) -> Numbers:
    """Forecasts by one model fitted to all terms, [students, terms], grade points."""
    asked = to_forecast(students)
    forecasts = np.full(asked.shape, np.nan)
    if not asked.any():
        return forecasts
    width = min(LAST_GRADES, asked.shape[1] - 1)
    both = cases(train, train.to_learn, width), cases(students, asked, width)
    inputs = [
        np.column_stack([of.places, of.number_known, of.own_mean, of.grades, of.numbers])
        for of in both
    ]
    is_category = [False] * inputs[0].shape[1]
    for place in range(len(train.vocabulary)):
        codes = [of.codes[:, place] for of in both]
        few = len(known_codes(codes[0])) <= MOST_CATEGORIES
        own = [np.where(each == UNKNOWN, np.nan, each) for each in codes]
        own = own if few else effects(*both, place)
        inputs = [np.column_stack(pair) for pair in zip(inputs, own, strict=True)]
        is_category.append(few)
    some = np.isfinite(inputs[0]).any(axis=0)  # scikit-learn fails on an empty column
    if isinstance(model, HistGradientBoostingRegressor):
        model.set_params(categorical_features=np.array(is_category)[some])
    model.fit(inputs[0][:, some], both[0].actual)
    forecasts[asked] = model.predict(inputs[1][:, some])
    return forecasts
