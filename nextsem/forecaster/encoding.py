"""Encode students as a network's inputs and targets."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from nextsem.forecaster.piecewise import bin_edges, encode
from nextsem.network.network import Inputs
from nextsem.network.training import Examples
from nextsem.shared.params import Model, Train
from nextsem.students.students import UNKNOWN, Mask, Numbers, Students

# Mean and standard deviation of a term with few grades are shrunk towards those of all grades, as
# if the term had so many more grades.
_USUAL_GRADES = 5
# The first steps, this many, have one-hot positions; later steps count as the last of these.
_MOST_PLACES = 12


@dataclass(frozen=True)
class Encoding:
    """The encoding of students as inputs and targets, fitted to the training students.

    The input of a step is the grade of a term and what else is known then; the target is the grade
    of the next term. With the layout "flat" there is one step with all grades but the last. Encoded
    inputs are the one-hot position of the step and, in bins, all numbers, the change since the
    grade before and the mean of the grades so far.

    Attributes
    ----------
    center, spread : [terms], mean and standard deviation of each term's grades, grade points; 0
        and 1 without standardizing
    averages : [terms], mean of each term's grades, with and without standardizing
    number_center, number_spread : [numbers], the same of each numeric column
    vocabulary : the categories of each column
    shares : the share of students in each of them
    gaps, number_gaps : whether there are missing-value indicators for grades, and for numbers
    used_categories, used_numbers : indices of the columns that are inputs
    ahead_categories, ahead_numbers : indices of those whose value is known before the term is over
    layout : "semesters" or "flat"
    every_semester : whether each term is a target, or only the last one
    edges, further_edges : bin edges of each numeric input, and of the change and the mean; empty
        without encoded inputs
    """

    center: list[float]
    spread: list[float]
    averages: list[float]
    number_center: list[float]
    number_spread: list[float]
    vocabulary: list[list[str]]
    shares: list[list[float]]
    gaps: bool
    number_gaps: bool
    used_categories: list[int]
    used_numbers: list[int]
    ahead_categories: list[int]
    ahead_numbers: list[int]
    layout: str
    every_semester: bool
    edges: list[list[float]] = field(default_factory=list)
    further_edges: list[list[float]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        students: Students,
        model: Model,
        train: Train,
        used: tuple[list[int], list[int]],
        bins: int,
    ) -> Self:
        """The encoding for these training students.

        Parameters
        ----------
        used : indices of the categorical and of the numeric columns that are inputs
        bins : number of bins of the encoded inputs; 0 for no such inputs
        """
        terms = students.grades.shape[1]
        averages, spread = _center_and_spread(students.grades)
        center = averages
        if not train.standardize:
            center, spread = np.zeros(terms), np.ones(terms)
        last = students.last_place
        rows = np.arange(len(students))
        numbers = students.numbers[rows, last]
        number_center, number_spread = _center_and_spread(numbers, pooled=False)
        codes, schema = students.codes[rows, last], students.schema
        counts = [
            np.bincount(column[column != UNKNOWN], minlength=len(own)).astype(float)
            for column, own in zip(codes.T, students.vocabulary, strict=True)
        ]
        known = students.known
        some = known.any(axis=1)
        before_last = np.arange(terms) < students.last_place[:, None]
        self = cls(
            center.tolist(),
            spread.tolist(),
            averages.tolist(),
            number_center.tolist(),
            number_spread.tolist(),
            students.vocabulary,
            [(each / max(each.sum(), 1)).tolist() for each in counts],
            bool((before_last & ~known)[some].any()),
            bool(np.isnan(numbers[:, used[1]]).any()),
            *used,
            [place for place, name in enumerate(schema.categories) if name in schema.ahead],
            [place for place, name in enumerate(schema.numbers) if name in schema.ahead],
            model.layout,
            train.every_semester,
        )
        if not bins:
            return self
        plain, taught = self._numbers(students), self.examples(students).weights.numpy().T > 0
        return replace(
            self,
            edges=bin_edges(plain, taught, bins),
            further_edges=bin_edges(self._further(plain), taught, bins),
        )

    @property
    def terms(self) -> int:
        return len(self.center)

    @property
    def categories(self) -> tuple[int, ...]:
        """Number of categories of each column that is an input."""
        return tuple(len(self.vocabulary[column]) for column in self.used_categories)

    @property
    def _places(self) -> int:
        """Number of one-hot positions of steps."""
        return min(1 if self.layout == "flat" else self.terms - 1, _MOST_PLACES)

    def share_tensors(self) -> list[torch.Tensor]:
        shares = [self.shares[column] for column in self.used_categories]
        return [torch.tensor(each, dtype=torch.float32) for each in shares]

    def inputs(self, students: Students) -> Inputs:
        """Inputs at each step; the students may have fewer or more terms than the encoding."""
        numbers = self._numbers(students)
        codes = self._at_steps(self._own_codes(students), self.ahead_categories, UNKNOWN)
        codes = codes[..., self.used_categories]
        first = np.cumsum([0, *self.categories])
        for column in range(len(self.categories)):
            own = codes[..., column]
            codes[..., column] = np.where(own == UNKNOWN, first[-1] + column, own + first[column])
        encoded = numbers[..., :0]
        if self.edges:
            places = np.minimum(np.arange(numbers.shape[1]), self._places - 1)
            place = np.broadcast_to(
                np.eye(self._places)[places], (*numbers.shape[:2], self._places)
            )
            bins = encode(numbers, self.edges), encode(self._further(numbers), self.further_edges)
            encoded = np.concatenate([place, *bins], axis=2)
        return Inputs(
            *(
                _by_step(part, kind)
                for part, kind in ((numbers, np.float32), (codes, np.int64), (encoded, np.float32))
            )
        )

    def examples(self, students: Students) -> Examples:
        """Inputs, and as targets the scaled grade of the term after each step, where known."""
        grades = (self._resized(students.grades) - self.center) / np.array(self.spread)
        weights = self._resized(students.to_learn, False)
        if not self.every_semester:
            weights = weights & (np.arange(self.terms) == self.terms - 1)
        targets, weights = grades[:, 1:], weights[:, 1:]
        if self.layout == "flat":
            targets, weights = targets[:, -1:], weights[:, -1:]
        return Examples(
            self.inputs(students),
            torch.from_numpy(np.nan_to_num(targets).T.astype(np.float32)).contiguous(),
            torch.from_numpy(weights.T.astype(np.float32)).contiguous(),
            self.share_tensors(),
        )

    def grades(self, outputs: torch.Tensor, students: Students) -> Numbers:
        """Forecasts [networks, students, terms], grade points, from [networks, steps, students].

        Each term is forecast from those before it; NaN where no grade is known before, and for
        terms beyond those of the encoding.
        """
        networks, steps, count = outputs.shape
        terms = students.grades.shape[1]
        result = np.full((networks, count, max(terms, self.terms)), np.nan)
        ends = slice(self.terms - steps, self.terms)
        scaled = outputs.numpy().astype(float).swapaxes(1, 2)
        result[..., ends] = scaled * np.array(self.spread[ends]) + self.center[ends]
        nothing = self._resized(students.known_before, 0, result.shape[2]) == 0
        result[:, nothing] = np.nan
        return result[..., :terms]

    def unknown_categories(self, students: Students) -> Mask:
        """Whether the last known category was not in training, [students, categories]."""
        rows, places = np.arange(len(students)), students.last_place
        own = self._own_codes(students)[rows, places]
        return np.asarray((own == UNKNOWN) & (students.codes[rows, places] != UNKNOWN))

    def _numbers(self, students: Students) -> Numbers:
        """Scaled numeric inputs, [students, steps, numbers]."""
        before = self._resized(students.grades)[:, :-1]
        scaled = (before - self.center[:-1]) / np.array(self.spread[:-1])
        missing = np.isnan(scaled)
        grades = np.where(missing, _mean_so_far(scaled), scaled)
        parts = [grades[..., None], *([missing[..., None]] if self.gaps else [])]
        if self.layout == "flat":
            parts = [np.swapaxes(part, 1, 2) for part in parts]
        numbers = self._at_steps(students.numbers, self.ahead_numbers, np.nan)
        numbers = ((numbers - self.number_center) / np.array(self.number_spread))[
            ..., self.used_numbers
        ]
        parts.append(np.nan_to_num(numbers))
        if self.number_gaps:
            parts.append(np.isnan(numbers))
        return np.concatenate([part.astype(float) for part in parts], axis=2)

    def _further(self, numbers: Numbers) -> Numbers:
        """The change since the grade before and the mean so far, [students, steps, 2]."""
        grades = numbers[..., 0]
        change = np.diff(grades, axis=1, prepend=grades[:, :1])
        mean = np.cumsum(grades, axis=1) / np.arange(1, grades.shape[1] + 1)
        return np.stack([change, mean], axis=-1)

    def _own_codes(self, students: Students) -> Numbers:
        """The students' categories in this encoding's codes; UNKNOWN for a new category."""
        codes = np.full(students.codes.shape, UNKNOWN)
        for column, (theirs, own) in enumerate(
            zip(students.vocabulary, self.vocabulary, strict=True)
        ):
            places = {name: place for place, name in enumerate(own)}
            table = np.array([*(places.get(name, UNKNOWN) for name in theirs), UNKNOWN])
            codes[..., column] = table[students.codes[..., column]]
        return codes

    def _at_steps(self, values: Numbers, ahead: list[int], missing: float) -> Numbers:
        """The values of columns that are known at each step, [students, steps, columns]."""
        whole = self._resized(values, missing)
        steps = whole[:, -2:-1] if self.layout == "flat" else whole[:, :-1]
        steps = steps.copy()
        after = whole[:, -1:] if self.layout == "flat" else whole[:, 1:]
        steps[..., ahead] = after[..., ahead]
        return steps

    def _resized(self, values: Any, missing: Any = np.nan, terms: int = 0) -> Any:
        """Values [students, terms, ...] cut or padded to `terms`, by default the encoding's."""
        terms = terms or self.terms
        lacking = terms - values.shape[1]
        if lacking <= 0:
            return values[:, :terms]
        padding = [(0, 0), (0, lacking), *[(0, 0)] * (values.ndim - 2)]
        return np.pad(values, padding, constant_values=missing)


def _by_step(values: Any, kind: type) -> torch.Tensor:
    """A tensor [steps, students, ...] from an array [students, steps, ...]."""
    return torch.from_numpy(np.ascontiguousarray(values.swapaxes(0, 1), dtype=kind))


def _center_and_spread(values: Numbers, pooled: bool = True) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation of each column, ignoring NaN.

    With `pooled`, those of a column with few values are shrunk towards those of all. The standard
    deviation of a constant column counts as 1.
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0)
    count, total = known.sum(axis=0), filled.sum(axis=0)
    square = (filled**2).sum(axis=0)
    few = _USUAL_GRADES if pooled else 0
    every = max(int(count.sum()), 1)
    size = np.maximum(count + few, 1)
    center = (total + few * total.sum() / every) / size
    spread = (square + few * square.sum() / every) / size - center**2
    spread = np.sqrt(np.maximum(spread, 0))
    return center, np.where(spread > 1e-9, spread, 1.0)


def _mean_so_far(values: Numbers) -> Numbers:
    """The mean of the known values up to each term, [students, terms]; 0 where there are none."""
    known = np.isfinite(values)
    count = np.cumsum(known, axis=1)
    return np.asarray(np.cumsum(np.where(known, values, 0), axis=1) / np.maximum(count, 1))
