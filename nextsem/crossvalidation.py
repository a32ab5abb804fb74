"""Forecast every student by forecasters that never saw them, the network and all baselines alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nextsem.baselines import BASELINES, linear_risk
from nextsem.forecaster import Training, fit_many
from nextsem.params import Data, Model, Params, Train
from nextsem.scores import mse, repeated_folds, worse
from nextsem.students import Numbers, Rows, Students, largest
from nextsem.training import Keeper, Progress

# Leaving each of very many categories out would take long; the largest ones tell as much.
MOST_CATEGORIES = 10


@dataclass(frozen=True)
class Part:
    """Rows to train on and rows to forecast, and rows with a gap that the network learns from, too."""

    train: Rows
    test: Rows
    incomplete: Rows


def folds(students: Students, incomplete: Students, parameters: Params) -> list[Part]:
    """The folds of each repeat, one repeat after the other."""
    how, everyone = parameters.crossvalidate, np.arange(len(incomplete))
    return [
        Part(*rows, everyone)
        for rows in repeated_folds(len(students), how.folds, how.repeats, how.seed)
    ]


def without_each(students: Students, incomplete: Students, column: int) -> dict[str, Part]:
    """For each of the largest categories of a static column: all others to train on, it to forecast."""
    values = students.static[:, column]
    found = largest(values, MOST_CATEGORIES)
    if len(found) < 2:
        return {}
    return {
        category: Part(
            np.flatnonzero(values != category),
            np.flatnonzero(values == category),
            np.flatnonzero(incomplete.static[:, column] != category),
        )
        for category in found
    }


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of the test rows of each part, by forecasters that never saw them.

    Attributes
    ----------
    grades : of each forecaster, for each part, [students], grade points
    ranges : the network's, for each part, [students, 2], grade points
    risks : for each part, [students], the probability of a grade worse than the line: the
        network's, that of linear regression with normal errors (`linear`), and the share of the
        training rows for everyone (`base`); NaN where there is none
    inside : for each part, the network's MSE on the training rows that its members held out: what
        to choose between networks by without a look at the test rows; NaN where none was held out
    """

    grades: dict[str, list[Numbers]]
    ranges: list[Numbers]
    risks: dict[str, list[Numbers]]
    inside: list[float]


def forecast_parts(
    students: Students,
    incomplete: Students,
    parts: Sequence[Part],
    parameters: Params,
    on_epoch: Callable[[Progress], None] | None = None,
    keeper: Keeper | None = None,
) -> Forecasts:
    """Forecast each part's test rows by the network and by every baseline.

    Everything that is learnt, scaling, early stopping and ranges included, is learnt from the part's
    training rows.

    Parameters
    ----------
    incomplete : students with a gap, of whom the network learns besides
    """
    data, model, train = parameters.data, parameters.model, parameters.train
    learn_from = [students[part.train] for part in parts]
    test = [students[part.test] for part in parts]
    seeds = np.random.SeedSequence([train.seed, len(students)]).generate_state(len(parts))

    def networks(cohorts: Sequence[Students], recipe: tuple[Data, Model, Train]) -> list[Training]:
        return fit_many(cohorts, [int(seed) for seed in seeds], *recipe, on_epoch, keeper)

    with_gaps = [
        each + incomplete[part.incomplete] for each, part in zip(learn_from, parts, strict=True)
    ]
    trained = networks(with_gaps, (data, model, train))
    forecasters = [own.calibrated(parameters.ranges_by) for own in trained]
    network = [own.predict(each) for own, each in zip(forecasters, test, strict=True)]
    grades = {"network": network}
    for name, baseline in BASELINES.items():
        grades[name] = [baseline(*pair) for pair in zip(learn_from, test, strict=True)]
    if parameters.crossvalidate.reference:
        plain = networks([_grades_only(each) for each in learn_from], reference_recipe(parameters))
        grades["reference"] = [
            own.forecaster.predict(_grades_only(each))
            for own, each in zip(plain, test, strict=True)
        ]
    line, coverage = parameters.line, parameters.intervals.coverage
    asked = list(zip(forecasters, test, network, strict=True))
    return Forecasts(
        grades,
        [own.ranges(each, forecast, coverage) for own, each, forecast in asked],
        {
            "network": [own.risk(each, forecast, line) for own, each, forecast in asked],
            "linear": [
                linear_risk(*pair, line, data.lower_is_better)
                for pair in zip(learn_from, test, strict=True)
            ],
            "base": [
                np.full(len(each), worse(own.target, line, data.lower_is_better).mean())
                for own, each in zip(learn_from, test, strict=True)
            ],
        },
        [
            mse(own.students.target[own.tried], own.held_out[own.tried])
            if own.tried.any()
            else float("nan")
            for own in trained
        ],
    )


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
            linear_start=0,
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
    return replace(students, static=students.static[:, :0], numeric=students.numeric[:, :0])
