"""A trained forecaster: what it takes to get from a student's semesters to a forecast, and back.

It holds the scaling, the categories and the weights of several networks whose forecasts are
averaged (Hansen and Salamon, "Neural network ensembles", 1990). Each of them holds out another
part of the training rows, to stop by.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel
from safetensors import safe_open
from safetensors.torch import save

from nextsem import InputError
from nextsem.attribution import shapley_values
from nextsem.encoding import Encoding, Known
from nextsem.intervals import Intervals, patterns
from nextsem.network import Architecture
from nextsem.params import Data, Model, Train
from nextsem.resemblance import Profile
from nextsem.students import Mask, Numbers, Rows, Students
from nextsem.training import Fitted, Job, Keeper, Progress, Recipe, fit, forecast

FORMAT = "nextsem forecaster 2"

# So many students at a time are forecast or explained: the memory needed does not grow with the table.
_FORECAST, _EXPLAINED = 65_536, 256
# So many held-out students tell how much wider errors are where semesters are missing.
_TRIED_WITH_GAPS = 10_000


@dataclass(frozen=True)
class Forecaster:
    """A trained forecaster.

    Attributes
    ----------
    data : the columns that it was trained on, and how to read a table of them
    trained_on : how many rows it was trained on
    profile : what those rows were like
    intervals : how far off its forecasts may be; None if no row was held out of training to tell
    """

    data: Data
    trained_on: int
    profile: Profile
    encoding: Encoding
    architecture: Architecture
    weights: torch.Tensor = field(repr=False)
    intervals: Intervals | None

    @classmethod
    def fit(
        cls,
        students: Students,
        data: Data,
        model: Model,
        train: Train,
        on_epoch: Callable[[Progress], None] | None = None,
        keeper: Keeper | None = None,
    ) -> "Training":
        """Train on students whose last semester is known."""
        return fit_many([students], [train.seed], data, model, train, on_epoch, keeper)[0]

    def predict(self, students: Students) -> Numbers:
        """Forecast grades of the last semester, [students], grade points within the range."""
        return self.together(self.predict_members(students))

    def predict_members(self, students: Students) -> Numbers:
        """What each network by itself forecasts, [members, students], grade points."""
        return self._outputs(self.encoding.known(students))

    def together(self, members: Numbers) -> Numbers:
        """The forecast that members' forecasts [members, students] make, [students]."""
        return members.mean(axis=0).clip(*self.data.grade_range)

    def spread(self, students: Students) -> Numbers:
        """How large an error is usual, [students], grade points; NaN without `intervals`."""
        if self.intervals is None:
            return np.full(len(students), np.nan)
        categories = np.full(len(students), "", dtype=str)
        if self.intervals.by is not None:
            categories = students.static[:, self.data.static.index(self.intervals.by)]
        return self.intervals.spread_of(categories, np.isfinite(students.grades[:, :-1]))

    def ranges(self, students: Students, forecasts: Numbers, coverage: float) -> Numbers:
        """The lowest and the highest grade to be expected, [students, 2]; NaN without `intervals`."""
        if self.intervals is None:
            return np.full((len(students), 2), np.nan)
        spread = self.spread(students)
        return self.intervals.ranges(forecasts, spread, coverage, self.data.grade_range)

    def risk(self, students: Students, forecasts: Numbers, line: float) -> Numbers:
        """How likely a grade is to be worse than the line, [students]; NaN without either."""
        if self.intervals is None or isnan(line):
            return np.full(len(students), np.nan)
        spread = self.spread(students)
        return self.intervals.risk(forecasts, spread, line, self.data.lower_is_better)

    def explain(self, students: Students) -> tuple[Numbers, Numbers]:
        """What moved each forecast from the average student's.

        Returns
        -------
        average : [students], the forecast if everything known were as it is on average
        contributions : [students, semesters before the last + static + numeric columns], grade
            points; with the average they add up to the forecast. What is missing contributes 0.
        """
        known = self.encoding.known(students)
        inputs = len(self.encoding.average) + len(self.data.static) + len(self.data.numeric)
        averages, contributions = [], []
        for start in range(0, len(known), _EXPLAINED):
            part = known[start : start + _EXPLAINED]

            def value(subsets: Mask, part: Known = part) -> Numbers:
                repeated = self.encoding.of_average(
                    Known(
                        np.repeat(part.grades, len(subsets), axis=0),
                        np.repeat(part.categories, len(subsets), axis=0),
                        np.repeat(part.numeric, len(subsets), axis=0),
                    ),
                    ~np.tile(subsets, (len(part), 1)),
                )
                return self.together(self._outputs(repeated)).reshape(len(part), -1)

            averages.append(value(np.zeros((1, inputs), dtype=bool))[:, 0])
            contributions.append(shapley_values(value, inputs))
        return (
            np.concatenate([np.empty(0), *averages]),
            np.concatenate([np.empty((0, inputs)), *contributions]),
        )

    def _outputs(self, known: Known) -> Numbers:
        """Forecasts of each network, [members, students]."""
        result = np.empty((len(self.weights), len(known)))
        for start in range(0, len(known), _FORECAST):
            inputs = self.encoding.inputs(known[start : start + _FORECAST])
            outputs = forecast(self.architecture, self.weights, inputs)
            result[:, start : start + _FORECAST] = self.encoding.grade(outputs)
        return result

    def save(self, path: Path) -> None:
        """Write to one file in the safetensors format: numbers and text, no code."""
        described = {
            "format": FORMAT,
            "data": self.data.model_dump(),
            "trained_on": self.trained_on,
            "profile": asdict(self.profile),
            "encoding": asdict(self.encoding),
            "architecture": asdict(self.architecture),
            "intervals": asdict(self.intervals) if self.intervals else None,
        }
        text, weights = json.dumps(described), self.weights.cpu()
        marks = {"nextsem": text, "sha256": _checksum(text, weights)}
        path.write_bytes(_in_order(save({"weights": weights}, marks)))

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
                marks, weights = file.metadata() or {}, file.get_tensor("weights")
            text = marks.get("nextsem", "{}")
            if json.loads(text).get("format") != FORMAT:
                raise ValueError(f"it does not say {FORMAT!r}")
            if marks.get("sha256") != _checksum(text, weights):
                raise ValueError("it was changed since it was saved")
            read = _Described.model_validate_json(text, strict=True)
            _check_weights(read.architecture, weights)
            forecaster = cls(**vars(read), weights=weights)
            forecaster._try()
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; `dvc repro train` makes it") from None
        except Exception as error:  # what other programs wrote may fail anywhere
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path}: is no forecaster of this version ({reason}); `dvc repro train` makes one"
            ) from None
        return forecaster

    def _try(self) -> None:
        """Forecast somebody; a ValueError, if what was read does not fit together."""
        data = self.data
        somebody = Students(
            names=np.array([""]),
            grades=np.full((1, len(data.semesters)), np.mean(data.grade_range)),
            static=np.full((1, len(data.static)), "", dtype=str),
            numeric=np.zeros((1, len(data.numeric))),
            groups=np.full((1, len(data.groups)), "", dtype=str),
        )
        nobody = self.encoding.inputs(self.encoding.known(somebody[:0]))  # takes no memory
        entering = nobody.shape[2] - self.encoding.direct
        if (entering, self.encoding.direct) != (self.architecture.inputs, self.architecture.direct):
            raise ValueError("its encoding does not fit its architecture")
        with np.errstate(all="ignore"):
            forecasts = self.predict(somebody)
            ranges = self.ranges(somebody, forecasts, 0.5)
        if not np.isfinite(forecasts).all() or (self.intervals and not np.isfinite(ranges).all()):
            raise ValueError("its forecasts are no numbers")


class _Described(BaseModel):
    """What a saved forecaster says of itself, besides its weights."""

    data: Data
    trained_on: int
    profile: Profile
    encoding: Encoding
    architecture: Architecture
    intervals: Intervals | None


def _in_order(content: bytes) -> bytes:
    """A safetensors file with the marks in its header in order; they come in any."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, separators=(",", ":"))
    header += " " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header.encode() + content[start:]


def _checksum(text: str, weights: torch.Tensor) -> str:
    """Of what a saved forecaster holds, to tell damage; whoever forges one can forge this, too."""
    return sha256(text.encode() + weights.numpy().tobytes()).hexdigest()


def _check_weights(architecture: Architecture, weights: torch.Tensor) -> None:
    if weights.dtype != torch.float32 or weights.dim() != 2 or not len(weights):
        raise ValueError("its weights are not those of networks")
    # Each layer has some, so that a number of layers that would take for ever is told apart first.
    if architecture.layers > weights.shape[1] or architecture.size != weights.shape[1]:
        raise ValueError("its weights do not fit its architecture")
    if not torch.isfinite(weights).all():
        raise ValueError("its weights are no numbers")


def fit_many(
    cohorts: Sequence[Students],
    seeds: Sequence[int],
    data: Data,
    model: Model,
    train: Train,
    on_epoch: Callable[[Progress], None] | None = None,
    keeper: Keeper | None = None,
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
        for learn_from, stop_by, member, room in _members(len(students), seed, model, train):
            start = encoding.linear_start(lessons, learn_from, model.linear_start)
            alike.append(
                Job(
                    lessons,
                    torch.from_numpy(learn_from),
                    torch.from_numpy(stop_by),
                    member,
                    room,
                    start,
                )
            )
    fitted = {alike: fit(alike, recipe, jobs[alike], device, on_epoch, keeper) for alike in jobs}
    result = []
    for encoding, students, seed, (architecture, place) in zip(
        encodings, cohorts, seeds, places, strict=True
    ):
        own = Fitted(*(getattr(fitted[architecture], each.name)[place] for each in fields(Fitted)))
        forecaster = Forecaster(
            data,
            len(students),
            Profile.of(students, data.semesters, data.static, data.numeric),
            encoding,
            architecture,
            own.weights,
            None,
        )
        held = np.zeros((model.members, len(students)), dtype=bool)
        for number, (_, stop_by, *_) in enumerate(_members(len(students), seed, model, train)):
            held[number, stop_by] = True
        result.append(Training(forecaster, own, students, held))
    return result


@dataclass(frozen=True)
class Training:
    """What training gives: a forecaster, how its networks were fitted, and who tells how good it is.

    ``held`` [members, students] tells which networks did not learn from which training students.
    """

    forecaster: Forecaster
    fitted: Fitted
    students: Students
    held: Mask

    @cached_property
    def held_out(self) -> Numbers:
        """Forecasts of the training students, [students], grade points, each by those networks that
        did not learn from that student; NaN for those whom all learnt from."""
        return self._trial(self.students, self.held)

    @property
    def tried(self) -> Mask:
        """Students who have a held-out forecast and every semester, [students]."""
        return self.held.any(axis=0) & self.students.complete

    def calibrated(self, by: str | None, gaps: bool = False) -> Forecaster:
        """The forecaster, with intervals from its held-out forecasts.

        Parameters
        ----------
        by : the static column whose categories get intervals of their own, or None
        gaps : whether it is to know how much wider they are for students with semesters missing
        """
        tried = np.flatnonzero(self.tried)
        if not len(tried):
            return self.forecaster
        categories = np.full(len(tried), "", dtype=str)
        if by is not None:
            categories = self.students.static[tried, self.forecaster.data.static.index(by)]
        residuals = self.students.target[tried] - self.held_out[tried]
        intervals = Intervals.of(residuals, by, categories)
        if gaps:
            rows = tried[:_TRIED_WITH_GAPS]
            students, held = self.students[rows], self.held[:, rows]
            usual = np.sqrt(np.mean((students.target - self.held_out[rows]) ** 2)) or 1.0
            for known in patterns(len(self.forecaster.encoding.average)):
                less = self._trial(students.knowing(np.append(known, True)), held)
                wider = np.sqrt(np.mean((students.target - less) ** 2)) / usual
                pattern = "".join("1" if each else "0" for each in known)
                intervals.gaps[pattern] = max(1.0, float(wider))
        return replace(self.forecaster, intervals=intervals)

    def _trial(self, students: Students, held: Mask) -> Numbers:
        """Mean forecast of the networks that held each student out, [students]."""
        count = held.sum(axis=0)
        if not count.any():
            return np.full(len(students), np.nan)
        total = np.where(held, self.forecaster.predict_members(students), 0).sum(axis=0)
        mean = np.divide(total, count, out=np.full(len(students), np.nan), where=count > 0)
        return mean.clip(*self.forecaster.data.grade_range)


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


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"train.device is {name}; allowed: cpu or auto ({found} cards are here)")
    return device
