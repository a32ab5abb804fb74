"""Train forecasters: networks of two kinds, the weight of each kind, and the calibration.

The near-linear kind is the network that `model` describes, with a linear path in parallel. It stays
close to that path even where grades are not linear (thresholds, students who leave with a zero).
The flexible kind is smaller, has no dropout, also sees inputs encoded in bins, and learns faster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from joblib import delayed

from nextsem.forecaster.calibration import (
    Calibration,
    ahead_categories,
    calibration_categories,
)
from nextsem.forecaster.encoding import Encoding
from nextsem.forecaster.forecaster import Forecaster, Networks
from nextsem.forecaster.linear_start import linear_start
from nextsem.forecaster.profile import Profile
from nextsem.forecaster.relevance import all_columns, relevant_columns
from nextsem.network.network import Architecture
from nextsem.network.training import Examples, Fitted, Recipe, fit
from nextsem.shared.parallel import scheduler, side_by_side
from nextsem.shared.params import Model, Train
from nextsem.students.students import UNKNOWN, Integers, Mask, Numbers, Students

# Maximum number of last grades in the linear path, and of steps with their own weights in it.
_LAGS, _LINEAR_STEPS = 8, 12

OnEpoch = Callable[[int, float, float], None]


@dataclass(frozen=True)
class Trained:
    """A forecaster, and the training of its first kind of networks."""

    forecaster: Forecaster
    fitted: Fitted


@dataclass(frozen=True)
class _Kind:
    """What networks of one kind have in common, and how they are trained."""

    members: int
    architecture: Architecture
    recipe: Recipe


def fit_forecasters(
    cohorts: Sequence[Students],
    seeds: Sequence[int],
    model: Model,
    train: Train,
    by: str | None,
    workers: int = 1,
    on_epoch: OnEpoch | None = None,
    on_done: Callable[[], None] = lambda: None,
) -> list[Trained]:
    """Train a forecaster on each of several cohorts, such as training folds, in parallel.

    Parameters
    ----------
    seeds : one for each cohort, for initial weights, dropout and validation sets
    by : the column whose categories are calibrated separately, or None
    workers : how many are trained at a time; 0 for one per processor core
    on_epoch : called after each epoch of the first kind with its number and the mean losses; not
        called for training on other machines
    on_done : called after each forecaster
    """
    heard = None if scheduler() else on_epoch  # other machines cannot call back
    tasks = [
        delayed(_one)(students, seed, model, train, by, heard)
        for students, seed in zip(cohorts, seeds, strict=True)
    ]
    return side_by_side(tasks, workers, on_done, threads=True)


def _one(*given: Any) -> Trained:
    torch.set_num_threads(1)  # a setting of each thread
    return fit_forecaster(*given)


def fit_forecaster(
    students: Students,
    seed: int,
    model: Model,
    train: Train,
    by: str | None,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train a forecaster on students.

    The weights of the kinds and the calibration come from forecasts of the validation sets.
    """
    taught = students.to_learn.any(axis=1) if train.every_semester else students.complete
    students = students[np.flatnonzero(taught)]
    large = len(students) >= train.large.students
    bins = 0 if large or not model.flexible.members else model.flexible.bins
    # With many students, training itself finds out which columns matter.
    used = all_columns(students) if large else relevant_columns(students, seed)
    encoding = Encoding.of(students, model, train, used, bins)
    examples = encoding.examples(students)
    networks, fits, held_out = [], [], []
    for number, kind in enumerate(kinds_for(len(students), encoding, examples, model, train)):
        held = _held_out(len(students), seed, kind.members, train.validation_size)
        start = linear_start(kind.architecture, examples, ~held) if model.linear_path else None
        fitted = fit(
            kind.architecture,
            kind.recipe,
            examples,
            torch.from_numpy(held),
            seed + number,
            start,
            on_epoch=None if number else on_epoch,
        )
        fits.append(fitted)
        networks.append(Networks(kind.architecture, fitted.weights, [1.0] * encoding.terms))
        held_out.append(held)
    forecaster = Forecaster(
        students.schema, len(students), Profile.of(students), encoding, networks, None
    )
    return Trained(_calibrated(forecaster, students, held_out, by), fits[0])


def kinds_for(
    students: int, encoding: Encoding, examples: Examples, model: Model, train: Train
) -> list[_Kind]:
    """The kinds of networks to train on so many students."""
    steps, large, flexible = len(examples.targets), train.large, model.flexible
    architecture = Architecture(
        examples.inputs.numbers.shape[2],
        encoding.categories,
        model.category_slopes,
        min(steps, _LAGS) * model.linear_path,
        min(steps, _LINEAR_STEPS),
        model.cell,
        model.layers,
        model.hidden,
        model.dropout,
        model.output,
    )
    recipe = Recipe(train.learning_rate, train.weight_decay, train.epochs, train.patience)
    if students >= large.students:
        fast = replace(
            recipe,
            learning_rate=large.learning_rate,
            batch_size=large.batch_size,
            updates=large.updates,
        )
        return [_Kind(large.members, replace(architecture, dropout=large.dropout), fast)]
    kinds = [_Kind(model.members, architecture, recipe)]
    if flexible.members:
        bending = replace(
            architecture,
            slopes=0.0,
            layers=flexible.layers,
            hidden=flexible.hidden,
            dropout=0.0,
            encoded=examples.inputs.encoded.shape[2],
        )
        fast = Recipe(
            train.flexible.learning_rate,
            train.flexible.weight_decay,
            train.epochs,
            train.flexible.patience,
        )
        kinds.append(_Kind(flexible.members, bending, fast))
    return kinds


def _held_out(students: int, seed: int, members: int, share: float) -> Mask:
    """Mask of each member's validation set, [members, students].

    Members take turns: each holds out another part, until every student has been held out once.
    """
    held = np.zeros((members, students), dtype=bool)
    parts = min(round(1 / share), students) if share else 0
    for member in range(members if parts > 1 else 0):
        turn, part = divmod(member, parts)
        order = np.random.default_rng([seed, turn]).permutation(students)
        held[member, order[part::parts]] = True
    return held


def _calibrated(
    forecaster: Forecaster, students: Students, held_out: list[Mask], by: str | None
) -> Forecaster:
    """The forecaster with the weights of its kinds and its calibration.

    Both come from the members' forecasts of their validation sets. Without validation sets only
    the first kind forecasts, and there is no calibration.
    """
    tried = np.logical_and.reduce([held.any(axis=0) for held in held_out])
    if not tried.any():
        first = np.eye(1, len(held_out))
        return _with_shares(forecaster, np.tile(first, (forecaster.encoding.terms, 1)))
    students = students[np.flatnonzero(tried)]
    members = forecaster.predict(students).members
    singly = _as_held_out(members, held_out, tried)
    usable = students.to_learn & np.isfinite(singly[0])
    places = np.nonzero(usable)[1]
    actual = students.grades[usable]
    shares = _shares(singly[:, usable] - actual, places, forecaster.encoding.terms)

    def together(singly: Numbers) -> Numbers:
        mixed = (singly[:, usable] * shares[places].T).sum(axis=0)
        return np.asarray(mixed.clip(*students.schema.grade_range))

    by = by if by in students.schema.categories else None
    forecasts = as_new = together(singly)
    if by is not None:
        codes = students.codes.copy()
        codes[..., students.schema.categories.index(by)] = UNKNOWN
        new = forecaster.predict(replace(students, codes=codes)).members
        as_new = together(_as_held_out(new, held_out, tried))
    calibration = Calibration.of(
        actual - forecasts,
        places,
        students.known_before[usable],
        by,
        calibration_categories(students, by)[usable],
        forecasts,
        members.std(axis=0)[usable],
        students.schema.lower_is_better,
        actual - as_new,
        [each[usable] for each in ahead_categories(students, by)],
    )
    return replace(_with_shares(forecaster, shares), calibration=calibration)


def _as_held_out(members: Numbers, held_out: list[Mask], tried: Mask) -> Numbers:
    """Each kind's forecasts of the students in its validation sets, [kinds, students, terms].

    Parameters
    ----------
    members : [members, students, terms], of the students in `tried`
    held_out : for each kind the masks [members, all students]
    tried : [all students], who was in a validation set of every kind
    """
    kinds = np.split(members, np.cumsum([len(held) for held in held_out])[:-1])
    return np.stack(
        [
            np.where(held[:, tried, None], own, 0).sum(axis=0) / held[:, tried].sum(axis=0)[:, None]
            for held, own in zip(held_out, kinds, strict=True)
        ]
    )


def _with_shares(forecaster: Forecaster, shares: Numbers) -> Forecaster:
    kinds = zip(forecaster.networks, shares.T.tolist(), strict=True)
    return replace(forecaster, networks=[replace(kind, shares=own) for kind, own in kinds])


def _shares(errors: Numbers, places: Integers, terms: int) -> Numbers:
    """The weights of the kinds in the forecast of each term, [terms, kinds], which sum to 1.

    Parameters
    ----------
    errors : [kinds, grades], grade points
    places : [grades], indices of the forecast terms
    """
    if len(errors) == 1:
        return np.ones((terms, 1))
    flexible = [_flexible_share(*errors[:, places == place]) for place in range(terms)]
    return np.column_stack([1 - np.array(flexible), flexible])


def _flexible_share(near_linear: Numbers, flexible: Numbers) -> float:
    """The weight of the flexible kind, from the errors [grades] of both kinds.

    It is the weight of least squared error (stacking: Breiman, "Stacked regressions", Machine
    Learning 24, 1996), shrunk towards 0 the more, the less certain the gain is: to 0 where the gain
    is within its standard error (as in James and Stein, "Estimation with quadratic loss", 1961).
    """
    apart = near_linear - flexible
    if not np.any(apart):
        return 0.0
    share = float(np.clip(np.sum(near_linear * apart) / np.sum(apart**2), 0, 1))
    gain = near_linear**2 - (near_linear - share * apart) ** 2
    if gain.mean() <= 0:
        return 0.0
    doubt = gain.std() / np.sqrt(len(gain)) / gain.mean()
    return share * max(0.0, 1 - float(doubt) ** 2)
