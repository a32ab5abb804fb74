"""A trained forecaster: what it takes to get from a student's semesters to a forecast, and back.

It holds the scaling, the categories and the weights of several networks whose forecasts are
averaged (Hansen and Salamon, "Neural network ensembles", 1990). Each of them holds out another
part of the training rows, to stop by.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from nextsem import InputError
from nextsem.network import Architecture
from nextsem.params import Data, Model, Train
from nextsem.students import Numbers, Rows, Students, categories, one_hot
from nextsem.training import Fitted, Job, Lessons, Progress, Recipe, fit, forecast

FORMAT = "nextsem forecaster 1"


@dataclass(frozen=True)
class Encoding:
    """How students become a network's inputs and targets.

    Attributes
    ----------
    center, spread : [semesters], grade points
        Each semester's mean and standard deviation, or 0 and 1.
    numeric_center, numeric_spread : [numeric columns]
    categories : known categories of each static column
    gaps : whether inputs tell a missing semester from an average one
    layout : "semesters" or "flat"
    linear_path, category_slopes : what else enters; see `inputs`
    every_semester : whether each step's target is the semester after it, or only the last one's
    last_semester_weight : how much the last one counts against another
    """

    center: list[float]
    spread: list[float]
    numeric_center: list[float]
    numeric_spread: list[float]
    categories: list[list[str]]
    gaps: bool
    layout: str
    linear_path: bool
    category_slopes: float
    every_semester: bool
    last_semester_weight: float

    @classmethod
    def of(cls, students: Students, model: Model, train: Train) -> Self:
        """The encoding that these training rows ask for."""
        semesters = students.grades.shape[1]
        center, spread = np.zeros(semesters), np.ones(semesters)
        if train.standardize:
            center, spread = _scale(students.grades)
        numeric_center, numeric_spread = _scale(students.numeric)
        gaps = np.isnan(students.grades).any() or np.isnan(students.numeric).any()
        return cls(
            [float(number) for number in center],
            [float(number) for number in spread],
            [float(number) for number in numeric_center],
            [float(number) for number in numeric_spread],
            [categories(column) for column in students.static.T],
            bool(gaps),
            model.layout,
            model.linear_path,
            model.category_slopes,
            train.every_semester,
            train.last_semester_weight,
        )

    def inputs(self, students: Students) -> torch.Tensor:
        """[students, steps, features]: what enters the network, then what takes the direct path.

        At each step that is a semester's grade, then what is always known. With layout `flat` there
        is one step, and all grades but the last enter in it.
        """
        grades = (students.grades[:, :-1] - self.center[:-1]) / np.array(self.spread[:-1])
        grades = grades[:, None] if self.layout == "flat" else grades[..., None]
        numeric = (students.numeric - self.numeric_center) / np.array(self.numeric_spread)
        static = [one_hot(students.static[:, n], known) for n, known in enumerate(self.categories)]
        categories = np.concatenate([np.empty((len(students), 0)), *static], axis=1)

        def at_every_step(values: Numbers) -> Numbers:
            return np.broadcast_to(values[:, None], (*grades.shape[:2], values.shape[1]))

        entering = [self._flagged(grades), at_every_step(categories)]
        if self.category_slopes:
            known = np.nan_to_num(grades)
            slopes = self.category_slopes * categories[:, None, :, None] * known[:, :, None, :]
            entering.append(slopes.reshape(*grades.shape[:2], -1))
        entering.append(at_every_step(self._flagged(numeric)))
        if self.linear_path:
            entering += [np.nan_to_num(grades), _mean_so_far(grades)]
            entering += [at_every_step(categories), at_every_step(np.nan_to_num(numeric))]
        return torch.tensor(np.concatenate(entering, axis=2), dtype=torch.float32)

    @property
    def direct(self) -> int:
        """How many of the inputs' features, the last ones, take the direct path."""
        if not self.linear_path:
            return 0
        grades = len(self.center) - 1 if self.layout == "flat" else 1
        return grades + 1 + sum(map(len, self.categories)) + len(self.numeric_center)

    def lessons(self, students: Students) -> Lessons:
        """Inputs, and the grade that follows each step, where it is known."""
        grades = (students.grades - self.center) / np.array(self.spread)
        targets = grades[:, -1:] if self.layout == "flat" else grades[:, 1:]
        weights = np.isfinite(targets).astype(float)
        if not self.every_semester:
            weights[:, :-1] = 0
        weights[:, -1] *= self.last_semester_weight
        return Lessons(
            self.inputs(students),
            torch.tensor(np.nan_to_num(targets), dtype=torch.float32),
            torch.tensor(weights, dtype=torch.float32),
        )

    def grade(self, outputs: torch.Tensor) -> Numbers:
        """Grade points of the last step's output of [networks, students, steps]."""
        last = outputs[..., -1].cpu().numpy().astype(float)
        return last * self.spread[-1] + self.center[-1]

    def unseen(self, students: Students) -> int:
        """How many students have a category that no training row had."""
        known = [np.isin(students.static[:, n], k) for n, k in enumerate(self.categories)]
        return int((~np.all(known, axis=0)).sum()) if known else 0

    def _flagged(self, values: Numbers) -> Numbers:
        """Values, 0 where missing, and with `gaps` a column for each that says if it is known."""
        known = np.isfinite(values)
        values = np.where(known, values, 0.0)
        return np.concatenate([values, known.astype(float)], axis=-1) if self.gaps else values


@dataclass(frozen=True)
class Forecaster:
    """A trained forecaster.

    Attributes
    ----------
    semesters, static, numeric : names of the columns that it was trained on
    grade_range : the lowest and the highest forecast, grade points
    trained_on : how many rows it was trained on
    """

    semesters: list[str]
    static: list[str]
    numeric: list[str]
    grade_range: list[float]
    trained_on: int
    encoding: Encoding
    architecture: Architecture
    weights: torch.Tensor = field(repr=False)

    @classmethod
    def fit(
        cls,
        students: Students,
        data: Data,
        model: Model,
        train: Train,
        on_epoch: Callable[[Progress], None] | None = None,
    ) -> "Training":
        """Train on students whose last semester is known."""
        return fit_many([students], [train.seed], data, model, train, on_epoch)[0]

    def predict(self, students: Students) -> Numbers:
        """Forecast grades of the last semester, [students], grade points within the range."""
        low, high = self.grade_range
        return self.predict_members(students).mean(axis=0).clip(low, high)

    def predict_members(self, students: Students) -> Numbers:
        """What each network by itself forecasts, [members, students], grade points."""
        outputs = forecast(self.architecture, self.weights, self.encoding.inputs(students))
        return self.encoding.grade(outputs)

    def save(self, path: Path) -> None:
        """Write to one file in the safetensors format: numbers and text, no code."""
        described = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "weights"
        }
        described |= {
            "format": FORMAT,
            "encoding": asdict(self.encoding),
            "architecture": asdict(self.architecture),
        }
        save_file({"weights": self.weights.cpu()}, path, {"nextsem": json.dumps(described)})

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
                described = json.loads(file.metadata()["nextsem"])
                weights = file.get_tensor("weights")
            if described.pop("format") != FORMAT:
                raise KeyError("format")
            described["encoding"] = Encoding(**described["encoding"])
            described["architecture"] = Architecture(**described["architecture"])
            if weights.dim() != 2 or weights.shape[1] != described["architecture"].size:
                raise ValueError("its weights do not fit its architecture")
            return cls(**described, weights=weights)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; `dvc repro train` makes it") from None
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{path}: is no forecaster of this version ({reason}); `dvc repro train` makes one"
            ) from None


def fit_many(
    cohorts: Sequence[Students],
    seeds: Sequence[int],
    data: Data,
    model: Model,
    train: Train,
    on_epoch: Callable[[Progress], None] | None = None,
) -> list["Training"]:
    """Train a forecaster on each of several cohorts, such as folds, in one computation.

    Parameters
    ----------
    seeds : one for each cohort
        Where the networks' starting weights, dropout and held-out rows come from.
    """
    device = _device(train.device)
    recipe = Recipe(
        train.learning_rate, train.weight_decay, train.epochs, train.patience, train.batch_size
    )
    encodings = [Encoding.of(students, model, train) for students in cohorts]
    jobs: dict[Architecture, list[Job]] = {}
    places: list[tuple[Architecture, slice]] = []
    for students, encoding, seed in zip(cohorts, encodings, seeds, strict=True):
        lessons = encoding.lessons(students)
        architecture = Architecture(
            lessons.inputs.shape[2] - encoding.direct,
            model.cell,
            model.layers,
            model.hidden,
            model.dropout,
            model.output,
            encoding.direct,
        )
        alike = jobs.setdefault(architecture, [])
        places.append((architecture, slice(len(alike), len(alike) + model.members)))
        alike += [
            Job(lessons, torch.from_numpy(learn_from), torch.from_numpy(stop_by), member, room)
            for learn_from, stop_by, member, room in _members(len(students), seed, model, train)
        ]
    fitted = {alike: fit(alike, recipe, jobs[alike], device, on_epoch) for alike in jobs}
    result = []
    for encoding, students, seed, (architecture, place) in zip(
        encodings, cohorts, seeds, places, strict=True
    ):
        own = Fitted(*(getattr(fitted[architecture], each.name)[place] for each in fields(Fitted)))
        forecaster = Forecaster(
            data.semesters,
            data.static,
            data.numeric,
            data.grade_range,
            len(students),
            encoding,
            architecture,
            own.weights,
        )
        result.append(
            Training(forecaster, own, _held_out(forecaster, students, seed, model, train))
        )
    return result


@dataclass(frozen=True)
class Training:
    """What training gives: a forecaster, how its networks were fitted, and a trial of them.

    ``held_out`` [students] are forecasts of the training students, grade points, each by those
    networks that did not learn from that student; NaN for those whom all learnt from.
    """

    forecaster: Forecaster
    fitted: Fitted
    held_out: Numbers


def _held_out(
    forecaster: Forecaster, students: Students, seed: int, model: Model, train: Train
) -> Numbers:
    members = _members(len(students), seed, model, train)
    held = np.zeros((len(members), len(students)), dtype=bool)
    for number, (_, stop_by, *_) in enumerate(members):
        held[number, stop_by] = True
    if not held.any():
        return np.full(len(students), np.nan)
    total = np.where(held, forecaster.predict_members(students), 0).sum(axis=0)
    count = held.sum(axis=0)
    low, high = forecaster.grade_range
    mean = np.divide(total, count, out=np.full(len(students), np.nan), where=count > 0)
    return mean.clip(low, high)


def _members(
    students: int, seed: int, model: Model, train: Train
) -> list[tuple[Rows, Rows, int, tuple[int, int]]]:
    """For each member the rows to learn from, those to stop by, its seed, and room for every member's.

    The members take turns: each holds out another part, until every row was held out once.
    """
    parts = min(round(1 / train.validation_size), students) if train.validation_size else 0
    room = (students - students // parts, -(-students // parts)) if parts else (students, 0)
    everyone = np.arange(students)
    members = []
    for member in range(model.members):
        stop_by = everyone[:0]
        if parts:
            round_number, part = divmod(member, parts)
            order = np.random.default_rng([seed, round_number]).permutation(students)
            stop_by = np.sort(order[part::parts])
        learn_from = np.setdiff1d(everyone, stop_by)
        state = np.random.SeedSequence([seed, 1, member]).generate_state(1, np.uint64)[0]
        members.append((learn_from, stop_by, int(state >> np.uint64(1)), room))
    return members


def _mean_so_far(grades: Numbers) -> Numbers:
    """Of [students, steps, grades] the mean of the grades known at each step or before, 0 if none."""
    known = np.isfinite(grades).sum(axis=2).cumsum(axis=1)
    total = np.nan_to_num(grades).sum(axis=2).cumsum(axis=1)
    return (total / np.maximum(known, 1))[..., None]


def _scale(values: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation of each column; a column without spread is left as wide as it is."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, values, 0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, values - center, 0) ** 2).sum(axis=0) / count)
    return center, np.where(spread > 0, spread, 1.0)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"train.device is {name}; allowed: cpu or auto ({found} cards are here)")
    return device
