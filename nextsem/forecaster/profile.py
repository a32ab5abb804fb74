"""A summary of the training students, the reference for drift."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nextsem.students.students import Numbers, Students

LEAST = 5  # students in each bin and each mean, so that no individual value is revealed
OTHERS = "others"  # all categories without a share of their own
_BINS = 10  # deciles, as is usual for the population stability index
_CATEGORIES = 20  # with a share of their own, the most frequent ones


@dataclass(frozen=True)
class Distribution:
    """How the values of a column are distributed.

    Attributes
    ----------
    count : number of students with a value
    mean, sd : of their values
    low, high : means of the `LEAST` lowest and of the `LEAST` highest values
    edges : inner edges of bins, deciles where values differ enough
    shares : [edges + 1], the share of students in each bin, the lowest first
    """

    count: int
    mean: float
    sd: float
    low: float
    high: float
    edges: list[float]
    shares: list[float]


@dataclass(frozen=True)
class Profile:
    """A summary of students that fits into JSON.

    Attributes
    ----------
    students : their number
    numbers : distribution of each term's grade, and of the last known value of each numeric column,
        where 2 * `LEAST` students or more have one
    categories : for each column, the share of students by last known category ("" for none); rare
        categories, such as those of fewer than `LEAST` students, are `OTHERS`
    """

    students: int
    numbers: dict[str, Distribution]
    categories: dict[str, dict[str, float]]

    @classmethod
    def of(cls, students: Students) -> Self:
        """The profile of a table of students."""
        columns = known_values(students)
        numbers = {
            name: _distribution(np.sort(values))
            for name, values in columns.items()
            if len(values) >= 2 * LEAST
        }
        categories = {}
        for name in students.schema.categories:
            found, counts = np.unique(students.category(name), return_counts=True)
            kept = [place for place in np.argsort(-counts)[:_CATEGORIES] if counts[place] >= LEAST]
            shares = {str(found[place]): float(counts[place] / len(students)) for place in kept}
            categories[name] = shares | {OTHERS: max(0.0, 1 - sum(shares.values()))}
        return cls(len(students), numbers, categories)


def known_values(students: Students) -> dict[str, Numbers]:
    """Known grades of each term, and known last values of each numeric column, by name."""
    last = students.numbers[np.arange(len(students)), students.last_place]
    names = [*(f"grade {name}" for name in students.schema.terms), *students.schema.numbers]
    values = [*students.grades.T, *last.T]
    return {name: own[np.isfinite(own)] for name, own in zip(names, values, strict=True)}


def _distribution(values: Numbers) -> Distribution:
    """The distribution of sorted values."""
    edges: list[float] = []
    places = [0]
    for edge in np.quantile(values, np.arange(1, _BINS) / _BINS):
        place = int(np.searchsorted(values, edge))
        if min(place - places[-1], len(values) - place) >= LEAST:
            edges.append(float(edge))
            places.append(place)
    return Distribution(
        count=len(values),
        mean=float(values.mean()),
        sd=float(values.std()),
        low=float(values[:LEAST].mean()),
        high=float(values[-LEAST:].mean()),
        edges=edges,
        shares=(np.diff([*places, len(values)]) / len(values)).tolist(),
    )
