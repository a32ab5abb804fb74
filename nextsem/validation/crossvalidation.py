"""Forecasts by the network and by baselines of what neither of them has learnt from."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed

from nextsem.forecaster.calibration import Calibration
from nextsem.forecaster.fitting import fit_forecasters
from nextsem.forecaster.forecaster import Forecaster
from nextsem.shared.parallel import side_by_side
from nextsem.shared.params import Model, Train
from nextsem.students.students import Numbers, Students
from nextsem.validation.baselines import BASELINES, linear_sd
from nextsem.validation.folds import Part
from nextsem.validation.origins import as_known

FORECASTERS = 1 + len(BASELINES)  # that are fitted for each part


def forecast_parts(
    students: Students,
    parts: Sequence[Part],
    model: Model,
    train: Train,
    by: str | None,
    workers: int = 1,
    on_done: Callable[[], None] = lambda: None,
) -> tuple[pd.DataFrame, list[Calibration | None]]:
    """Forecast each part's test students by the network and by every baseline.

    All that is learnt, scaling, early stopping and calibration included, is learnt from the part's
    training students, and for a point in time from what was known of them before it.

    Parameters
    ----------
    by : the column whose categories get ranges of their own, or None
    workers : how many forecasters are fitted at a time; 0 for one on each processor
    on_done : called whenever one is fitted

    Returns
    -------
    A row for each grade of each part's test students with another before it, of a point in time for
    the grade of that time (grade points; `part` counts the parts from 0, `student` and `term` are places, `known` is how many grades were known,
    `headline` says what the forecasters are compared by: the last semester of a wide table, all of
    transcripts), and the calibration of each part's network.
    """
    cohorts = [cohorts_of(part, students)[0] for part in parts]
    states = np.random.SeedSequence([train.seed, len(students)]).generate_state(len(parts))
    seeds = [  # that of a point in time is the same whatever students come later
        train.seed + len(part.train) if part.kind == "origin" else int(state)
        for part, state in zip(parts, states, strict=True)
    ]
    trained = fit_forecasters(cohorts, seeds, model, train, by, workers, on_done=on_done)
    tasks = [delayed(_baseline)(name, students, part) for name in BASELINES for part in parts]
    rivals = side_by_side(tasks, workers, on_done)
    forecasters = [each.forecaster for each in trained]
    earlier = [
        forecaster if {one.kind, other.kind} == {"origin"} else None
        for forecaster, one, other in zip(forecasters, parts, parts[1:], strict=False)
    ]
    tables = [
        _rows(students, place, part, forecasters[place], before, rivals[place :: len(parts)])
        for place, (part, before) in enumerate(zip(parts, [None, *earlier], strict=True))
    ]
    return pd.concat(tables, ignore_index=True), [each.calibration for each in forecasters]


def cohorts_of(part: Part, students: Students) -> list[Students]:
    """The students to train on and those to forecast, with what is known of them."""
    if part.kind == "origin":
        return as_known(students, part)
    return [students[part.train], students[part.test]]


def _baseline(name: str, students: Students, part: Part) -> Numbers:
    """What a baseline forecasts of a part's test students, [test, terms]."""
    return BASELINES[name](*cohorts_of(part, students))


def _rows(
    students: Students,
    place: int,
    part: Part,
    forecaster: Forecaster,
    before: Forecaster | None,
    rivals: list[Numbers],
) -> pd.DataFrame:
    """The rows of one part.

    Parameters
    ----------
    before : the forecaster of the point in time before, if there is one
    rivals : the forecasts of each baseline, [test, terms]
    """
    learnt, test = cohorts_of(part, students)
    scored = test.to_learn & ((test.times == test.times.max()) | (part.kind != "origin"))
    rows, terms = np.nonzero(scored)
    prediction = forecaster.predict(test)
    columns: dict[str, Any] = {
        "kind": part.kind,
        "label": part.label,
        "part": place,
        "repeat": part.repeat,
        "fold": part.fold,
        "student": part.test[rows],
        "term": terms,
        "known": test.known_before[scored],
        "headline": (test.schema.layout == "long") | (terms == scored.shape[1] - 1),
        "actual": test.grades[scored],
        # What tells how much a list of students depends on the newest term, and on seeds.
        "earlier": before.predict(test).forecasts[scored] if before else np.nan,
    }
    if min(len(kind.weights) for kind in forecaster.networks) > 1:
        for half in (0, 1):
            which = slice(half, None, 2)
            columns[f"half_{half + 1}"] = forecaster.together(prediction.members, which)[scored]
    columns["network"] = prediction.forecasts[scored]
    columns |= {name: each[scored] for name, each in zip(BASELINES, rivals, strict=True)}
    columns["linear_sd"] = linear_sd(learnt)[terms]
    columns["spread"] = prediction.spread[scored]
    columns |= {
        f"member_{number}": each[scored] for number, each in enumerate(prediction.members, start=1)
    }
    return pd.DataFrame(columns)
