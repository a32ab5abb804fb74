"""How a table differs from the one that a forecaster was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from nextsem.students import Numbers, Students, categories

# A mean that differs by so many standard errors and by that much of the spread is said.
_STANDARD_ERRORS = 3.0
_SHARE_OF_SPREAD = 0.25


@dataclass(frozen=True)
class Quantity:
    """A semester's grades or a numeric column, as trained on."""

    count: int
    mean: float
    spread: float
    low: float
    high: float


@dataclass(frozen=True)
class Profile:
    """What the training rows were like: semesters, numeric columns, and each static column."""

    quantities: dict[str, Quantity]
    categories: dict[str, list[str]]

    @classmethod
    def of(
        cls,
        students: Students,
        semesters: Sequence[str],
        static: Sequence[str],
        numeric: Sequence[str],
    ) -> Self:
        """The profile of training rows."""
        columns = zip(
            [*semesters, *numeric], [*students.grades.T, *students.numeric.T], strict=True
        )
        return cls(
            {name: _quantity(values) for name, values in columns if np.isfinite(values).any()},
            {name: categories(own) for name, own in zip(static, students.static.T, strict=True)},
        )

    def differences(self, other: Self) -> list[str]:
        """In what another table differs, a sentence each; none where nothing is remarkable."""
        found = []
        for name, trained in self.quantities.items():
            here = other.quantities.get(name)
            if here is None:
                continue
            if here.low < trained.low or here.high > trained.high:
                found.append(
                    f"{name}: from {here.low:g} to {here.high:g}; trained on {trained.low:g} to "
                    f"{trained.high:g}"
                )
            shift = here.mean - trained.mean
            error = np.hypot(
                trained.spread / np.sqrt(trained.count), trained.spread / np.sqrt(here.count)
            )
            if abs(shift) > max(_STANDARD_ERRORS * error, _SHARE_OF_SPREAD * trained.spread):
                found.append(
                    f"{name}: mean {here.mean:.2f}; trained on {trained.mean:.2f} "
                    f"({here.count} and {trained.count} students)"
                )
        for name, known in self.categories.items():
            new = [own for own in other.categories.get(name, []) if own not in known]
            if new:
                shown = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
                found.append(f"{name}: {shown}; not among those trained on")
        return found


def _quantity(values: Numbers) -> Quantity:
    known = values[np.isfinite(values)]
    return Quantity(
        len(known),
        float(known.mean()),
        float(known.std()),
        float(known.min()),
        float(known.max()),
    )
