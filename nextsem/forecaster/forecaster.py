"""A trained forecaster: all that it takes to get from a student's terms to a forecast.

It averages the forecasts of several networks (Hansen and Salamon, "Neural network ensembles", 1990),
each of which holds out another part of the training students as its validation set.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors import safe_open
from safetensors.torch import save
from sklearn.linear_model import RidgeCV

from nextsem.forecaster.calibration import Calibration
from nextsem.forecaster.encoding import Encoding
from nextsem.forecaster.profile import Profile
from nextsem.network.network import LINEAR_SCALE, Architecture, linear_features
from nextsem.network.training import Examples, Fitted, Recipe, fit, predict
from nextsem.shared.errors import InputError
from nextsem.shared.params import Model, Train
from nextsem.students.students import Mask, Numbers, Schema, Students, Texts

_FORMAT = "nextsem forecaster 3"
# So many students are forecast at a time, so that the memory needed does not grow with the table.
_TOGETHER = 16_384
# The linear path sees at most so many of the last grades; so many first steps have weights of their
# own.
_LAGS, _LINEAR_STEPS = 8, 12
# It starts from the weights of a ridge regression times this: nearer 1 is safer where grades depend
# linearly on those before, nearer 0 leaves more to be learnt.
_START = 0.5
_PENALTIES = np.geomspace(0.1, 100, 13)  # of that regression
_STARTED_FROM = 20_000  # students, at most, that it is fitted to
_FEW_CATEGORIES = 64  # up to so many, it also has a level for each category


@dataclass(frozen=True)
class Forecaster:
    """A trained forecaster.

    Attributes
    ----------
    schema : of the students that it was trained on
    trained_on : how many students those were
    profile : what they were like
    weights : [members, size]
    calibration : how far off its forecasts may be; None if nobody was held out of training to tell
    """

    schema: Schema
    trained_on: int
    profile: Profile
    encoding: Encoding
    architecture: Architecture
    weights: torch.Tensor = field(repr=False)
    calibration: Calibration | None

    @property
    def members(self) -> int:
        """How many networks it averages."""
        return len(self.weights)

    def member_forecasts(self, students: Students) -> Numbers:
        """What each network forecasts of each term from those before, [members, students, terms].

        Grade points; NaN where no grade is known before, or the forecaster knows of no such term.
        """
        shares = self.encoding.share_tensors()
        parts = []
        for first in range(0, max(len(students), 1), _TOGETHER):
            part = students[first : first + _TOGETHER]
            outputs = predict(self.architecture, self.weights, self.encoding.inputs(part), shares)
            parts.append(self.encoding.grades(outputs, part))
        return np.concatenate(parts, axis=1)

    def together(self, members: Numbers) -> Numbers:
        """The forecast that members' forecasts [members, ...] make, within the range of grades."""
        return np.clip(members.mean(axis=0), *self.schema.grade_range)

    def forecasts(self, students: Students) -> Numbers:
        """A forecast of each term from those before, [students, terms], grade points."""
        return self.together(self.member_forecasts(students))

    def next_members(self, students: Students) -> Numbers:
        """What each network forecasts of the term after the last one known, [members, students]."""
        students = students.padded(self.encoding.terms)
        place = students.next_term
        forecasts = self.member_forecasts(students)
        some = (place > 0) & (place < self.encoding.terms)
        result = np.full(forecasts.shape[:2], np.nan)
        result[:, some] = forecasts[:, some, place[some]]
        return result

    def next_forecasts(self, students: Students) -> Numbers:
        """A forecast of the term after the last one known, [students], grade points.

        NaN of a student of whom no grade is known, or who is at the last term.
        """
        return self.together(self.next_members(students))

    def spread(self, students: Students) -> Numbers:
        """How large an error of each forecast is to be expected, [students, terms], grade points.

        NaN without `calibration`.
        """
        shape = students.grades.shape
        if self.calibration is None:
            return np.full(shape, np.nan)
        places = np.broadcast_to(np.arange(shape[1]), shape)
        categories = calibration_categories(students, self.calibration.by)
        spread = self.calibration.spread(
            places.ravel(), students.known_before.ravel(), categories.ravel()
        )
        return spread.reshape(shape)

    def averages(self) -> tuple[Numbers, Numbers]:
        """The average student's grades [terms], grade points, and numbers [numbers]."""
        return np.array(self.encoding.center), np.array(self.encoding.number_center)

    def unknown_categories(self, students: Students) -> Mask:
        """Whether the last known category is new to it, [students, categories]."""
        return self.encoding.unknown_categories(students)

    def save(self, path: Path) -> None:
        """Write to one file in the safetensors format: numbers and text, no code."""
        described = {
            "format": _FORMAT,
            "schema": asdict(self.schema),
            "trained_on": self.trained_on,
            "profile": asdict(self.profile),
            "encoding": asdict(self.encoding),
            "architecture": asdict(self.architecture),
            "calibration": asdict(self.calibration) if self.calibration else None,
        }
        path.write_bytes(save({"weights": self.weights}, {"nextsem": json.dumps(described)}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read back what `save` wrote.

        Raises
        ------
        InputError
            The file is missing, or no forecaster of this version.
        """
        try:
            with safe_open(path, "pt") as file:
                described = json.loads((file.metadata() or {}).get("nextsem", "{}"))
                weights = file.get_tensor("weights")
            if described.pop("format", None) != _FORMAT:
                raise ValueError(f"it does not say {_FORMAT!r}")
            parts = {
                name: TypeAdapter(kind).validate_python(described[name])
                for name, kind in _PARTS.items()
            }
            forecaster = cls(**parts, weights=weights)
            if weights.shape[1:] != (forecaster.architecture.size,):
                raise ValueError("its weights do not fit its architecture")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; `dvc repro train` makes it") from None
        except Exception as error:  # what other programs wrote may fail anywhere
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path}: is no forecaster of this version ({reason}); `dvc repro train` makes one"
            ) from None
        return forecaster


_PARTS: dict[str, Any] = {
    "schema": Schema,
    "trained_on": int,
    "profile": Profile,
    "encoding": Encoding,
    "architecture": Architecture,
    "calibration": Calibration | None,
}


@dataclass(frozen=True)
class Trained:
    """A forecaster, and how its networks were fitted."""

    forecaster: Forecaster
    fitted: Fitted


def fit_forecasters(
    cohorts: Sequence[Students],
    seeds: Sequence[int],
    model: Model,
    train: Train,
    by: str | None,
    workers: int = 1,
    on_epoch: Callable[[int, float, float], None] | None = None,
    on_done: Callable[[], None] | None = None,
) -> list[Trained]:
    """Train a forecaster on each of several cohorts, such as those of folds, side by side.

    Parameters
    ----------
    seeds : one for each cohort
        They decide on starting weights, dropout and validation sets.
    by : the column whose categories get ranges of their own, or None
    workers : how many are trained at a time; 0 for one on each processor
    on_epoch : called after each epoch with its number and the mean losses
    on_done : called when a forecaster is trained
    """
    device = device_named(train.device)

    def one(students: Students, seed: int) -> Trained:
        torch.set_num_threads(1)  # of this thread, too
        trained = fit_forecaster(students, seed, model, train, by, device, on_epoch)
        if on_done is not None:
            on_done()
        return trained

    tasks = [delayed(one)(*pair) for pair in zip(cohorts, seeds, strict=True)]
    return list(Parallel(n_jobs=workers or -1, backend="threading")(tasks))


def fit_forecaster(
    students: Students,
    seed: int,
    model: Model,
    train: Train,
    by: str | None,
    device: torch.device,
    on_epoch: Callable[[int, float, float], None] | None = None,
) -> Trained:
    """Train a forecaster on students, and calibrate its ranges on the members' validation sets."""
    taught = students.to_learn.any(axis=1) if train.every_semester else students.complete
    students = students[np.flatnonzero(taught)]
    members, dropout, recipe = recipe_for(len(students), model, train)
    encoding = Encoding.of(students, model, train)
    examples = encoding.examples(students)
    steps = len(examples.targets)
    architecture = Architecture(
        examples.inputs.numbers.shape[2],
        encoding.categories,
        model.category_slopes,
        min(steps, _LAGS) * model.linear_path,
        min(steps, _LINEAR_STEPS),
        model.cell,
        model.layers,
        model.hidden,
        dropout,
        model.output,
    )
    held_out = _held_out(len(students), seed, members, train.validation_size)
    start = None
    if model.linear_path:
        starts = [linear_start(architecture, examples, ~each) for each in held_out]
        start = {name: torch.stack([each[name] for each in starts]) for name in starts[0]}
    fitted = fit(
        architecture, recipe, examples, torch.from_numpy(held_out), seed, start, on_epoch=on_epoch
    )
    forecaster = Forecaster(
        students.schema,
        len(students),
        Profile.of(students),
        encoding,
        architecture,
        fitted.weights,
        None,
    )
    calibration = _calibration(forecaster, students, held_out, by)
    return Trained(replace(forecaster, calibration=calibration), fitted)


def recipe_for(students: int, model: Model, train: Train) -> tuple[int, float, Recipe]:
    """How many members to fit on so many students, their dropout, and the recipe."""
    large = train.large
    if students < large.students:
        recipe = Recipe(train.learning_rate, train.weight_decay, train.epochs, train.patience)
        return model.members, model.dropout, recipe
    recipe = Recipe(
        large.learning_rate,
        train.weight_decay,
        batch_size=large.batch_size,
        updates=large.updates,
    )
    return large.members, large.dropout, recipe


def linear_start(
    architecture: Architecture, examples: Examples, learnt_from: Mask
) -> dict[str, torch.Tensor]:
    """Weights for the linear path to start from, by their names.

    They are those of a ridge regression at each step, times a factor; its penalty is the one of
    least leave-one-out error. If there are few categories, it also gives the level of each, at the
    last step.
    """
    rows = torch.from_numpy(np.flatnonzero(learnt_from)[:_STARTED_FROM])
    part = examples[rows]
    features = linear_features(architecture, part.inputs).numpy().astype(float)
    targets, taught = part.targets.numpy().astype(float), part.weights.numpy() > 0
    known = sum(architecture.categories)
    levels = np.zeros(known)
    weights = np.zeros((architecture.steps, architecture.linear))
    for step in reversed(range(architecture.steps)):
        steps = slice(step, step + 1 if step < architecture.steps - 1 else None)
        here = taught[steps]
        if here.sum() <= architecture.linear:
            continue
        own, target = features[steps][here], targets[steps][here]
        if 0 < known <= _FEW_CATEGORIES:
            indicators = _indicators(part.inputs.codes[steps].numpy()[here], examples.shares)
            if not levels.any():
                both = _ridge(np.hstack([own, indicators]), target)
                weights[step], levels = np.split(both, [architecture.linear])
                continue
            target = target - indicators @ levels
        weights[step] = _ridge(own, target)
    scale = _START / LINEAR_SCALE
    start = {"linear": torch.tensor(scale * weights, dtype=torch.float32)}
    if known:
        start["linear_categories"] = torch.tensor(scale * levels[:, None], dtype=torch.float32)
    return start


def _ridge(features: Numbers, target: Numbers) -> Numbers:
    regression = RidgeCV(_PENALTIES, fit_intercept=False).fit(features, target)
    return np.asarray(regression.coef_)


def _indicators(codes: NDArray[np.int64], shares: list[torch.Tensor]) -> Numbers:
    """[rows, categories]: 1 for each column's category, the shares where it is not known."""
    known = sum(map(len, shares))
    table = np.zeros((known + len(shares), known))
    table[:known] = np.eye(known)
    first = 0
    for column, share in enumerate(shares):
        table[known + column, first : first + len(share)] = share.numpy()
        first += len(share)
    return np.asarray(table[codes].sum(axis=1))


def _held_out(students: int, seed: int, members: int, share: float) -> Mask:
    """Which students are each member's validation set, [members, students].

    The members take turns: each holds out another part, until every student was held out once.
    """
    held = np.zeros((members, students), dtype=bool)
    parts = min(round(1 / share), students) if share else 0
    for member in range(members if parts > 1 else 0):
        turn, part = divmod(member, parts)
        order = np.random.default_rng([seed, turn]).permutation(students)
        held[member, order[part::parts]] = True
    return held


def _calibration(
    forecaster: Forecaster, students: Students, held_out: Mask, by: str | None
) -> Calibration | None:
    """What the held-out forecasts of the training students tell; None if nobody was held out."""
    tried = held_out.any(axis=0)
    if not tried.any():
        return None
    students, held_out = students[np.flatnonzero(tried)], held_out[:, tried]
    members = forecaster.member_forecasts(students)
    total = np.where(held_out[..., None], members, 0).sum(axis=0)
    forecasts = total / held_out.sum(axis=0)[:, None]
    rows, places = np.nonzero(students.to_learn & np.isfinite(forecasts))
    by = by if by in students.schema.categories else None
    return Calibration.of(
        (students.grades - forecasts.clip(*students.schema.grade_range))[rows, places],
        places,
        students.known_before[rows, places],
        by,
        calibration_categories(students, by)[rows, places],
    )


def calibration_categories(students: Students, by: str | None) -> Texts:
    """The category that is known when each term is forecast, [students, terms], "" where none is."""
    if by is None:
        return np.full(students.grades.shape, "", dtype=str)
    column = students.schema.categories.index(by)
    codes = students.codes[..., column]
    if by not in students.schema.ahead:
        codes = np.concatenate([codes[:, :1], codes[:, :-1]], axis=1)
    return np.array([*students.vocabulary[column], ""], dtype=str)[codes]


def device_named(name: str) -> torch.device:
    """The device that `train.device` names.

    Raises
    ------
    InputError
        There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"train.device is {name}; allowed: cpu or auto ({found} cards are here)")
    return device
