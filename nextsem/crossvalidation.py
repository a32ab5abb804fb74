"""Forecast every student by forecasters that never saw them, the network and all baselines alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nextsem.baselines import BASELINES
from nextsem.forecaster import Training, fit_many
from nextsem.params import Data, Model, Params, Train
from nextsem.scores import mse, repeated_folds
from nextsem.students import Numbers, Rows, Students
from nextsem.training import Progress

# Leaving each of very many categories out would take long; the largest ones tell as much.
MOST_CATEGORIES = 10


@dataclass(frozen=True)
class Part:
    """Rows to train on, and rows to forecast."""

    train: Rows
    test: Rows


def folds(students: Students, parameters: Params) -> list[Part]:
    """The folds of each repeat, one repeat after the other."""
    how = parameters.crossvalidate
    return [Part(*rows) for rows in repeated_folds(len(students), how.folds, how.repeats, how.seed)]


def without_each(students: Students, column: int) -> dict[str, Part]:
    """For each of the largest categories of a static column: all others to train on, it to forecast."""
    values = students.static[:, column]
    found, sizes = np.unique(values[values != ""], return_counts=True)
    if len(found) < 2:
        return {}
    largest = found[np.argsort(-sizes, kind="stable")[:MOST_CATEGORIES]]
    return {
        str(category): Part(np.flatnonzero(values != category), np.flatnonzero(values == category))
        for category in sorted(largest)
    }


def forecast_parts(
    students: Students,
    parts: Sequence[Part],
    parameters: Params,
    reference: bool = False,
    on_epoch: Callable[[Progress], None] | None = None,
) -> tuple[dict[str, list[Numbers]], list[float]]:
    """Forecast each part's test rows by the network and by every baseline.

    Everything that is learnt, scaling and early stopping included, is learnt from the part's
    training rows.

    Parameters
    ----------
    reference : whether the reference's recipe is to forecast, too

    Returns
    -------
    forecasts : of each forecaster, for each part, grade points
    inside : for each part, the network's MSE on the training rows that its members held out: what
        to choose between networks by without a look at the test rows; NaN where none was held out
    """
    train, test = [students[part.train] for part in parts], [students[part.test] for part in parts]
    seeds = np.random.SeedSequence([parameters.train.seed, len(students)]).generate_state(
        len(parts)
    )

    def networks(train: Sequence[Students], recipe: tuple[Data, Model, Train]) -> list[Training]:
        return fit_many(train, [int(seed) for seed in seeds], *recipe, on_epoch)

    trained = networks(train, (parameters.data, parameters.model, parameters.train))
    forecasts = {
        "network": [own.forecaster.predict(each) for own, each in zip(trained, test, strict=True)]
    }
    for name, baseline in BASELINES.items():
        forecasts[name] = [baseline(*pair) for pair in zip(train, test, strict=True)]
    if reference:
        plain = networks([_grades_only(each) for each in train], reference_recipe(parameters))
        forecasts["reference"] = [
            own.forecaster.predict(_grades_only(each))
            for own, each in zip(plain, test, strict=True)
        ]
    inside = []
    for own, each in zip(trained, train, strict=True):
        held = np.isfinite(own.held_out)
        inside.append(mse(each.target[held], own.held_out[held]) if held.any() else float("nan"))
    return forecasts, inside


def reference_recipe(parameters: Params) -> tuple[Data, Model, Train]:
    """The recipe of the notebook that the project started from, one network."""
    return (
        parameters.data.model_copy(update={"static": [], "numeric": []}),
        Model(
            cell="rnn",
            layers=3,
            hidden=64,
            dropout=0.2,
            layout="flat",
            output="relu",
            linear_path=False,
            category_slopes=0,
            members=1,
        ),
        parameters.train.model_copy(
            update={
                "learning_rate": 0.001,
                "weight_decay": 1e-5,
                "epochs": 1000,
                "patience": 0,
                "validation_size": 0,
                "standardize": False,
                "every_semester": False,
            }
        ),
    )


def _grades_only(students: Students) -> Students:
    return Students(
        students.names, students.grades, students.static[:, :0], students.numeric[:, :0]
    )
