"""Students, and a forecaster without networks: what tests of the room hold it against."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Literal

import numpy as np

from nextsem.forecaster.calibration import Calibration
from nextsem.forecaster.forecaster import Prediction
from nextsem.forecaster.profile import Profile
from nextsem.students.students import Mask, Numbers, Students
from tests.conftest import with_grades

COLLEGES = ["115", "116", "165", "241"]
EFFECTS = dict(zip(COLLEGES, (-0.4, 0.0, 0.1, 0.5), strict=True))


def cohort(
    number: int = 60, terms: int = 5, seed: int = 1, layout: Literal["wide", "long"] = "wide"
) -> Students:
    """Students with all terms known, of four colleges, with an attendance."""
    draw = np.random.default_rng(seed)
    ordinals = ["1st", "2nd", "3rd", *(f"{place}th" for place in range(4, terms + 1))]
    numbers = [str(place) for place in range(1, terms + 1)]
    names = ordinals if layout == "wide" else numbers
    calendar = [] if layout == "wide" else [str(2000 + place) for place in range(terms)]
    grades = draw.normal(6.8, 0.8, (number, 1)) + draw.normal(0, 0.5, (number, terms))
    shape = (number, terms, 1)
    columns = {"categories": ["College"], "numbers": ["Attendance"], "calendar": calendar}
    found = with_grades(grades.clip(0, 10).round(2), layout=layout, terms=names, **columns)
    if calendar:
        found.times[:] = np.arange(terms)
    codes = np.broadcast_to(draw.integers(0, 4, (number, 1, 1)), shape).astype(np.int32)
    numbers = np.broadcast_to(draw.uniform(50, 100, (number, 1, 1)), shape).copy()
    ids = np.array([f"S{row:04}" for row in range(number)])
    return replace(found, names=ids, codes=codes, numbers=numbers, vocabulary=[COLLEGES])


def underway(number: int = 60, terms: int = 5, seed: int = 1) -> Students:
    """Students of whom 1, 2, ... of the terms are known, in turn."""
    students = cohort(number, terms, seed)
    return students.until(np.arange(number) % (terms - 1) + 1)


@dataclass
class Mean:
    """Forecasts the mean of the grades known before, plus what the college and attendance add."""

    students: Students = field(default_factory=lambda: cohort(200, seed=2))
    members: int = 2
    architecture: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(cell="rnn", layers=3, hidden=64)
    )
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        self.schema, self.trained_on = self.students.schema, len(self.students)
        self.profile = Profile.of(self.students)

    def calibrated(self) -> "Mean":
        rows, places = np.nonzero(self.students.to_learn)
        forecasts = self.predict(self.students).forecasts[rows, places]
        residuals = self.students.grades[rows, places] - forecasts
        colleges, same = self.students.category("College")[rows], np.full(len(rows), 0.1)
        self.calibration = Calibration.of(
            residuals, places, places, "College", colleges, forecasts, same, False, residuals
        )
        return self

    def member_forecasts(self, students: Students) -> Numbers:
        known, filled = students.known, np.nan_to_num(students.grades)
        total = np.cumsum(np.pad(filled, ((0, 0), (1, 0))), axis=1)[:, :-1]
        with np.errstate(invalid="ignore"):
            mean = np.where(students.known_before > 0, total / students.known_before, np.nan)
        effects = np.array([*(EFFECTS.get(name, 0) for name in students.vocabulary[0]), 0.0])
        attendance = np.nan_to_num(students.numbers[..., 0] - 75) / 50
        forecast = mean + effects[students.codes[..., 0]] + attendance * (1 + filled / 10)
        assert known.shape == forecast.shape
        return np.stack([forecast - 0.1, forecast + 0.1])

    def predict(self, students: Students) -> Prediction:
        members = self.member_forecasts(students)
        forecasts = np.clip(members.mean(axis=0), *self.schema.grade_range)
        shape = forecasts.shape
        if self.calibration is None:
            return Prediction(members, forecasts, np.full(shape, np.nan))
        places = np.broadcast_to(np.arange(shape[1]), shape).ravel()
        colleges = np.repeat(students.category("College"), shape[1])
        known, same = students.known_before.ravel(), np.full(places.shape, 0.1)
        spread = self.calibration.spread(places, known, colleges, forecasts.ravel(), same)
        return Prediction(members, forecasts, spread.reshape(shape))

    def predict_next(self, students: Students) -> tuple[Numbers, Numbers]:
        students = students.padded(len(self.schema.terms))
        found, at_next = self.predict(students), (np.arange(len(students)), students.next_term)
        return found.forecasts[at_next], found.spread[at_next]

    def averages(self) -> tuple[Numbers, Numbers]:
        return self.students.grades.mean(axis=0), np.array([75.0])

    def unknown_categories(self, students: Students) -> Mask:
        last = students.categories_at(students.last_place)
        return ~np.isin(last, [*COLLEGES, ""])
