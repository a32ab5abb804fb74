"""How students become a network's inputs and targets."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from nextsem.network import DIRECT_SCALE
from nextsem.params import Model, Train
from nextsem.students import (
    Mask,
    Numbers,
    Rows,
    Students,
    Texts,
    categories,
    center_and_spread,
    one_hot,
)
from nextsem.training import Lessons

# Added to each variance when a gap is filled, as a share of it, so that grades that always agree
# do no harm.
_RIDGE = 1e-4
# Of a linear regression, as a sum of squares of features; and enough rows for a start.
_PENALTIES = np.geomspace(0.1, 100, 13)
_STARTED_FROM = 20_000


@dataclass(frozen=True)
class Known:
    """What is known of students before the semester to be forecast, as numbers.

    Attributes
    ----------
    grades : [students, semesters before the last], grade points, NaN where missing
    categories : [students, known categories of all static columns], 0 or 1; of a student whose
        category is missing or new, the share of students that each one has
    numeric : [students, numeric columns], NaN where missing
    """

    grades: Numbers
    categories: Numbers
    numeric: Numbers

    def __len__(self) -> int:
        return len(self.grades)

    def __getitem__(self, rows: slice) -> Self:
        return type(self)(self.grades[rows], self.categories[rows], self.numeric[rows])


@dataclass(frozen=True)
class Encoding:
    """How students become a network's inputs and targets, learnt from the training rows.

    Attributes
    ----------
    center, spread : [semesters], grade points
        Each semester's mean and standard deviation, or 0 and 1.
    numeric_center, numeric_spread : [numeric columns]
    average : [semesters before the last], the mean grades
    covariance : of those grades
    categories, shares : known categories of each static column, and the share of students in each
    gaps : whether inputs tell a missing semester from one that is known
    layout : "semesters" or "flat"
    linear_path, category_slopes : what else enters; see `inputs`
    every_semester : whether each step's target is the semester after it, or only the last one's
    last_semester_weight : how much the last one counts against another
    """

    center: list[float]
    spread: list[float]
    numeric_center: list[float]
    numeric_spread: list[float]
    average: list[float]
    covariance: list[list[float]]
    categories: list[list[str]]
    shares: list[list[float]]
    gaps: bool
    layout: str
    linear_path: bool
    category_slopes: float
    every_semester: bool
    last_semester_weight: float

    @classmethod
    def of(cls, students: Students, model: Model, train: Train) -> Self:
        """The encoding that these training rows ask for."""
        average, deviation = center_and_spread(students.grades)
        center, spread = np.zeros_like(average), np.ones_like(average)
        if train.standardize:
            center, spread = average, deviation
        numeric_center, numeric_spread = center_and_spread(students.numeric)
        known = [categories(column) for column in students.static.T]
        shares = [
            one_hot(column, own).sum(axis=0) / max(1, np.count_nonzero(column != ""))
            for column, own in zip(students.static.T, known, strict=True)
        ]
        gaps = np.isnan(students.grades).any() or np.isnan(students.numeric).any()
        return cls(
            center.tolist(),
            spread.tolist(),
            numeric_center.tolist(),
            numeric_spread.tolist(),
            average[:-1].tolist(),
            _covariance(students.grades[:, :-1], deviation[:-1]).tolist(),
            known,
            [share.tolist() for share in shares],
            bool(gaps),
            model.layout,
            model.linear_path,
            model.category_slopes,
            train.every_semester,
            train.last_semester_weight,
        )

    def known(self, students: Students) -> Known:
        """What is known of students, as numbers."""
        static = [np.empty((len(students), 0))]
        for column, own, share in zip(students.static.T, self.categories, self.shares, strict=True):
            given = one_hot(column, own)
            static.append(np.where(given.any(axis=1, keepdims=True), given, share))
        return Known(students.grades[:, :-1], np.concatenate(static, axis=1), students.numeric)

    def of_average(self, known: Known, absent: Mask) -> Known:
        """The same students, but like the average one in what is absent.

        ``absent`` [students, inputs], the inputs being the semesters, the static and the numeric
        columns. What is missing stays missing.
        """
        semesters, columns = known.grades.shape[1], len(self.categories)
        of_grades, of_static, of_numeric = np.split(
            absent, [semesters, semesters + columns], axis=1
        )
        of_categories = np.repeat(of_static, [len(own) for own in self.categories], axis=1)
        shares = np.concatenate([np.empty(0), *map(np.array, self.shares)])
        return Known(
            np.where(of_grades & np.isfinite(known.grades), self.average, known.grades),
            np.where(of_categories, shares, known.categories),
            np.where(of_numeric & np.isfinite(known.numeric), self.numeric_center, known.numeric),
        )

    def inputs(self, known: Known) -> torch.Tensor:
        """[students, steps, features]: what enters the network, then what takes the direct path.

        At each step that is a semester's grade, then what is always known. With layout `flat` there
        is one step, and all grades but the last enter in it. A missing grade is the one to be
        expected from those that are known.
        """
        grades = (self._filled(known.grades) - self.center[:-1]) / np.array(self.spread[:-1])
        missing = np.isnan(known.grades).astype(float)
        semesters = len(self.average)
        shape = (len(known), *((1, semesters) if self.layout == "flat" else (semesters, 1)))
        grades, missing = grades.reshape(shape), missing.reshape(shape)
        numeric = (known.numeric - self.numeric_center) / np.array(self.numeric_spread)
        numeric_missing = np.isnan(numeric).astype(float)
        numeric = np.nan_to_num(numeric)

        def at_every_step(values: Numbers) -> Numbers:
            return np.broadcast_to(values[:, None], (*grades.shape[:2], values.shape[1]))

        entering = [grades, *([missing] if self.gaps else []), at_every_step(known.categories)]
        if self.category_slopes:
            slopes = (
                self.category_slopes * known.categories[:, None, :, None] * grades[:, :, None, :]
            )
            entering.append(slopes.reshape(*grades.shape[:2], math.prod(slopes.shape[2:])))
        entering.append(at_every_step(numeric))
        if self.gaps:
            entering.append(at_every_step(numeric_missing))
        if self.linear_path:
            entering += [_by_step(grades, numeric), at_every_step(known.categories)]
        return torch.tensor(np.concatenate(entering, axis=2), dtype=torch.float32)

    @property
    def direct(self) -> int:
        """How many of the inputs' features, the last ones, take the direct path."""
        if not self.linear_path:
            return 0
        semesters = len(self.average)
        steps = 1 if self.layout == "flat" else semesters
        of_grades = semesters if self.layout == "flat" else semesters * (semesters + 1) // 2
        of_steps = of_grades + steps * (len(self.numeric_center) + 1)
        return of_steps + sum(map(len, self.categories))

    def linear_start(self, lessons: Lessons, rows: Rows, share: float) -> torch.Tensor:
        """Weights [direct] to start the direct path from.

        They are those of a ridge regression of the last semester on the features of the step before,
        learnt from some rows of the lessons, times ``share``; and so, for the features that only
        earlier steps have, of each semester before.
        """
        start = np.zeros(self.direct)
        if not share:
            return torch.tensor(start, dtype=torch.float32)
        rows = rows[:_STARTED_FROM]
        features = lessons.inputs[rows, :, lessons.inputs.shape[2] - self.direct :].double().numpy()
        targets, weights = lessons.targets[rows].numpy(), lessons.weights[rows].numpy()
        for step in reversed(range(features.shape[1])):
            taught = weights[:, step] > 0
            own = np.any(features[:, step] != 0, axis=0) & (start == 0)
            if taught.any():
                given = features[taught, step] @ start
                start[own] = _ridge(features[taught, step][:, own], targets[taught, step] - given)
        return torch.tensor(share * start / DIRECT_SCALE, dtype=torch.float32)

    def lessons(self, students: Students) -> Lessons:
        """Inputs, and the grade that follows each step, where it is known."""
        grades = (students.grades - self.center) / np.array(self.spread)
        targets = grades[:, -1:] if self.layout == "flat" else grades[:, 1:]
        weights = np.isfinite(targets).astype(float)
        if not self.every_semester:
            weights[:, :-1] = 0
        weights[:, -1] *= self.last_semester_weight
        return Lessons(
            self.inputs(self.known(students)),
            torch.tensor(np.nan_to_num(targets), dtype=torch.float32),
            torch.tensor(weights, dtype=torch.float32),
        )

    def grade(self, outputs: torch.Tensor) -> Numbers:
        """Grade points of the last step's output of [networks, students, steps]."""
        last = outputs[..., -1].cpu().numpy().astype(float)
        return last * self.spread[-1] + self.center[-1]

    def new_category(self, static: Texts) -> Mask:
        """Who has a category that no training row had, [students, static columns]."""
        new = [~np.isin(static[:, n], own) for n, own in enumerate(self.categories)]
        return np.stack(new, axis=1) if new else np.zeros((len(static), 0), dtype=bool)

    def _filled(self, grades: Numbers) -> Numbers:
        """Grades whose gaps hold what the known ones lead to expect.

        That is the conditional mean of a normal distribution (Little and Rubin, "Statistical
        Analysis with Missing Data", 2002, section 4.2): with none known, the average.
        """
        unknown = np.isnan(grades)
        if not unknown.any():
            return grades
        average, covariance = np.array(self.average), np.array(self.covariance)
        filled = np.where(unknown, average, grades)
        for pattern in np.unique(unknown, axis=0):
            if pattern.all() or not pattern.any():
                continue
            rows = (unknown == pattern).all(axis=1)
            slopes = np.linalg.solve(
                covariance[np.ix_(~pattern, ~pattern)], covariance[np.ix_(~pattern, pattern)]
            )
            deviation = grades[np.ix_(rows, ~pattern)] - average[~pattern]
            filled[np.ix_(rows, pattern)] += deviation @ slopes
        return filled


def _by_step(grades: Numbers, numeric: Numbers) -> Numbers:
    """Features for a linear regression at each step: the grades so far, the numbers, and a 1.

    Of grades [students, steps, grades] and numbers [students, numbers]; a step's features are 0 at
    all others. So a number that moves the last semester alone is not held back by the others.
    """
    students, steps, width = grades.shape
    parts = []
    for step in range(steps):
        known = grades[:, : step + 1].reshape(students, (step + 1) * width)
        own = np.hstack([known, numeric, np.ones((students, 1))])
        part = np.zeros((students, steps, own.shape[1]))
        part[:, step] = own
        parts.append(part)
    return np.concatenate(parts, axis=2)


def _ridge(features: Numbers, targets: Numbers) -> Numbers:
    """Ridge regression [features], its penalty the one of least leave-one-out error (Allen's PRESS,
    Technometrics 16, 1974)."""
    left, values, right = np.linalg.svd(features, full_matrices=False)
    projected = left.T @ targets
    best, chosen = np.inf, np.zeros(features.shape[1])
    for penalty in _PENALTIES:
        kept = values**2 / (values**2 + penalty)
        leverage = np.minimum((left**2) @ kept, 1 - 1e-9)
        error = np.mean(((targets - left @ (kept * projected)) / (1 - leverage)) ** 2)
        if error < best:
            best, chosen = error, right.T @ (values / (values**2 + penalty) * projected)
    return chosen


def _covariance(grades: Numbers, spread: Numbers) -> Numbers:
    """Covariance of the complete rows, all variances positive."""
    complete = grades[np.isfinite(grades).all(axis=1)]
    covariance = np.diag(spread**2)
    if len(complete) > grades.shape[1]:
        covariance = np.cov(complete.T, bias=True).reshape(covariance.shape)
    return covariance + _RIDGE * np.diag(spread**2)
