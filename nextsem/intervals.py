"""Ranges and risks: how far off a forecast may be, judged by how far off others were.

A conformal predictive system (Vovk, Shen, Manokhin and Xie, "Nonparametric predictive
distributions based on conformal prediction", Machine Learning 108, 2019): the errors of students
that the networks did not learn from, each in units of what is usual for its category, are what the
error of a new student may be. Were those forecasts made by the very networks that forecast the new
student, coverage would be guaranteed for exchangeable students; here each was made by networks of
its own, as in cross-conformal prediction, so that coverage is measured, not guaranteed.

The ends are those of the package `crepes` (a test), which takes a loop over students and a second
of imports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Self

import numpy as np

from nextsem.students import Mask, Numbers, Texts

# A category's spread is pooled with everyone's, as if that many of its residuals were usual ones.
_USUAL_RESIDUALS = 5


@dataclass(frozen=True)
class Intervals:
    """What residuals tell of the errors to come.

    Attributes
    ----------
    residuals : actual less forecast, each divided by its category's spread; sorted
    spread : the usual size of a residual (root mean square), grade points
    by : the static column whose categories differ, or None
    spreads : the spread of each category, grade points; a new category has the usual one
    gaps : how much wider errors are when a student's semesters before the last are known just as
        the key says, such as 1100
    """

    residuals: list[float]
    spread: float
    by: str | None
    spreads: dict[str, float]
    gaps: dict[str, float]

    @classmethod
    def of(cls, residuals: Numbers, by: str | None, categories: Texts) -> Self:
        """Calibrate on residuals [students] of students of these categories [students]."""
        usual = _size(residuals)
        spreads = {}
        for category in np.unique(categories[categories != ""]):
            own = residuals[categories == category]
            total = len(own) * _size(own) ** 2 + _USUAL_RESIDUALS * usual**2
            spreads[str(category)] = float(np.sqrt(total / (len(own) + _USUAL_RESIDUALS)))
        scaled = residuals / _look_up(categories, spreads, usual)
        return cls(sorted(map(float, scaled)), usual, by, spreads, {})

    def spread_of(self, categories: Texts, known: Mask) -> Numbers:
        """How large an error is to be expected, [students], grade points.

        Parameters
        ----------
        categories : [students], of the column `by`
        known : [students, semesters before the last]
        """
        spread = _look_up(categories, self.spreads, self.spread)
        for pattern in np.unique(known, axis=0):
            spread[(known == pattern).all(axis=1)] *= self._wider(pattern)
        return spread

    def ranges(
        self, forecasts: Numbers, spread: Numbers, coverage: float, grade_range: Sequence[float]
    ) -> Numbers:
        """Lowest and highest grade, [students, 2], for forecasts and their spread [students].

        So few residuals that they do not reach the coverage give the whole grade range.
        """
        count = len(self.residuals)
        low = int((1 - coverage) / 2 * (count + 1)) - 1
        high = ceil((1 + coverage) / 2 * (count + 1)) - 1
        ends = [
            self.residuals[low] if low >= 0 else -inf,
            self.residuals[high] if high < count else inf,
        ]
        return (forecasts[:, None] + spread[:, None] * np.array(ends)).clip(*grade_range)

    def risk(
        self, forecasts: Numbers, spread: Numbers, line: float, lower_is_better: bool
    ) -> Numbers:
        """Probability of a grade below the line (above it, where lower is better), [students]."""
        distance = (line - forecasts) / spread
        if lower_is_better:
            beyond = len(self.residuals) - np.searchsorted(self.residuals, distance, side="right")
        else:
            beyond = np.searchsorted(self.residuals, distance, side="left")
        return (beyond + 0.5) / (len(self.residuals) + 1)

    def _wider(self, known: Mask) -> float:
        """By how much errors are wider for a pattern: as for the best measured one that knows less."""
        if known.all() or not self.gaps:
            return 1.0
        here = "".join("1" if each else "0" for each in known)
        covered = [
            width
            for pattern, width in self.gaps.items()
            if all(mine >= theirs for mine, theirs in zip(here, pattern, strict=True))
        ]
        return min(covered, default=max(self.gaps.values()))


def patterns(semesters: int) -> list[Mask]:
    """Which semesters may be known, for which errors are measured: each run of some in a row."""
    place = np.arange(semesters)
    return [
        (place >= first) & (place <= last)
        for first in range(semesters)
        for last in range(first, semesters)
        if last - first + 1 < semesters
    ]


def _size(residuals: Numbers) -> float:
    """Root mean square; 1 where there is none at all, since spreads are divided by."""
    return float(np.sqrt(np.mean(residuals**2))) or 1.0


def _look_up(categories: Texts, spreads: dict[str, float], usual: float) -> Numbers:
    found, places = np.unique(categories, return_inverse=True)
    return np.array([spreads.get(str(category), usual) for category in found])[places]
