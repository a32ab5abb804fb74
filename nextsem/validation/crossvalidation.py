"""Out-of-sample forecasts by the network and by the baselines."""

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

FORECASTERS = 1 + len(BASELINES)  # fitted for each part


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

    Everything is fitted to the part's training students, including scaling, early stopping and
    calibration; for a point in time, only to what was known before it.

    Parameters
    ----------
    by : the column whose categories are calibrated separately, or None
    workers : how many forecasters are fitted at a time; 0 for one per processor core
    on_done : called after each fit

    Returns
    -------
    A table with a row for each grade of the test students that has another before it (for a point
    in time, only for grades of that time), and the calibration of each part's network. Grades are
    in grade points; `part`, `student` and `term` are indices; `known` is the number of known
    grades; `headline` marks the rows to compare forecasters by: the last semester of a wide table,
    all rows of transcripts.
    """
    cohorts = [cohorts_of(part, students)[0] for part in parts]
    states = np.random.SeedSequence([train.seed, len(students)]).generate_state(len(parts))
    seeds = [  # the seed of a point in time does not depend on later students
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
    """A part's training students and test students, with what is known about them."""
    if part.kind == "origin":
        return as_known(students, part)
    return [students[part.train], students[part.test]]


def _baseline(name: str, students: Students, part: Part) -> Numbers:
    """A baseline's forecasts of a part's test students, [test, terms], grade points."""
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
    before : the forecaster of the previous point in time, if there is one
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
        # These show how stable a list of students is when the newest term, or seeds, differ.
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
