"""What is known of some students, as arrays."""

import hashlib
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Texts = NDArray[np.str_]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Students:
    """Students in a fixed order.

    Attributes
    ----------
    names : array of str, [students]
    grades : [students, semesters], grade points, NaN where missing; the last one is the target.
    static : array of str, [students, static columns], "" where missing.
    numeric : [students, numeric columns], NaN where missing.
    groups : array of str, [students, group columns], "" where missing.
    """

    names: Texts
    grades: Numbers
    static: Texts
    numeric: Numbers
    groups: Texts

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Rows | Mask | slice) -> Self:
        return type(self)(
            self.names[rows],
            self.grades[rows],
            self.static[rows],
            self.numeric[rows],
            self.groups[rows],
        )

    def __add__(self, others: Self) -> Self:
        """These students, then the others."""
        return type(self)(
            np.concatenate([self.names, others.names]),
            np.concatenate([self.grades, others.grades]),
            np.concatenate([self.static, others.static]),
            np.concatenate([self.numeric, others.numeric]),
            np.concatenate([self.groups, others.groups]),
        )

    @property
    def target(self) -> Numbers:
        """The grade of the last semester, [students]."""
        return self.grades[:, -1]

    @property
    def complete(self) -> Mask:
        """Who has every semester, [students]."""
        return np.asarray(np.isfinite(self.grades).all(axis=1))

    def knowing(self, semesters: Mask) -> Self:
        """The same students, of whom just these semesters are known, ``semesters`` [semesters]."""
        return replace(self, grades=np.where(semesters, self.grades, np.nan))


def categories(values: Texts) -> list[str]:
    """The categories that stand in a column, sorted; "" is none."""
    return [str(category) for category in np.unique(values) if category]


def largest(values: Texts, most: int) -> list[str]:
    """The categories of most students, at most so many, sorted by name."""
    found, sizes = np.unique(values[values != ""], return_counts=True)
    return sorted(map(str, found[np.argsort(-sizes, kind="stable")[:most]]))


def one_hot(values: Texts, known: list[str]) -> Numbers:
    """A column of zeros and ones per known category, [students, known]; others get zeros only."""
    return (values[:, None] == np.array(known, dtype=str)[None, :]).astype(float)


def center_and_spread(values: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation of each column, of the numbers that are there.

    A column without spread is left as wide as it is; one without numbers has center 0.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, values, 0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, values - center, 0) ** 2).sum(axis=0) / count)
    return center, np.where(spread > 0, spread, 1.0)


def pseudonyms(students: Students) -> list[str]:
    """A key for each student that tells nothing to who has not got the table.

    It is the same as long as these students and their grades are.
    """
    secret = hashlib.sha256(students.grades.tobytes() + "\n".join(students.names).encode()).digest()
    return [
        hashlib.blake2b(str(name).encode(), key=secret, digest_size=8).hexdigest()
        for name in students.names
    ]
