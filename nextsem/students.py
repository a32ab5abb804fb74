"""What is known of some students, as arrays."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Students:
    """Students in a fixed order.

    Attributes
    ----------
    names : array of str, [students]
    grades : [students, semesters], grade points, NaN where missing; the last one is the target.
    static : array of str, [students, static columns], "" where missing.
    numeric : [students, numeric columns], NaN where missing.
    """

    names: NDArray[np.str_]
    grades: Numbers
    static: NDArray[np.str_]
    numeric: Numbers

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Rows | NDArray[np.bool_] | slice) -> Self:
        return type(self)(
            self.names[rows], self.grades[rows], self.static[rows], self.numeric[rows]
        )

    @property
    def target(self) -> Numbers:
        """The grade of the last semester, [students]."""
        return self.grades[:, -1]


def categories(values: NDArray[np.str_]) -> list[str]:
    """The categories that stand in a static column, sorted; "" is none."""
    return [str(category) for category in np.unique(values) if category]


def one_hot(values: NDArray[np.str_], known: list[str]) -> Numbers:
    """A column of zeros and ones per known category, [students, known]; others get zeros only."""
    return (values[:, None] == np.array(known, dtype=str)[None, :]).astype(float)
