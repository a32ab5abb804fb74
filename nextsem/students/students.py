"""Students as sequences of terms, in arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Texts = NDArray[np.str_]
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]

Values = TypeVar("Values", Codes, Numbers)

UNKNOWN = -1  # the code of a category that is not known, and the time of a term that has no row


@dataclass(frozen=True)
class Schema:
    """Which columns and terms students have, and the scale of the grades.

    Attributes
    ----------
    layout : of the source table; "wide" or "long"
    terms : names of the terms, in order
    categories : names of the categorical columns
    numbers : names of the numeric columns
    ahead : columns of both whose value is known before the term is over
    calendar : the calendar terms of transcripts in order, such as "2019-1"; a student's own 1st,
        2nd, ... terms fall on them. Empty if the table has no dates
    grade_range : the lowest and the highest possible grade, grade points
    lower_is_better : whether a lower grade is the better one
    simulated : whether the students are simulated, not real
    """

    layout: Literal["wide", "long"]
    terms: list[str]
    categories: list[str]
    numbers: list[str]
    ahead: list[str]
    calendar: list[str]
    grade_range: tuple[float, float]
    lower_is_better: bool
    simulated: bool = False


@dataclass(frozen=True)
class Students:
    """Students in a fixed order, each a sequence of terms.

    A student's terms start at index 0; after the last known term, all values are missing. Values
    of other columns are carried forward until a new one is known, except those of `schema.ahead`,
    which belong to their own term only.

    Attributes
    ----------
    names : [students]
    grades : [students, terms], grade points, NaN where not known
    codes : [students, terms, categories], indices into `vocabulary`; UNKNOWN where not known
    numbers : [students, terms, numbers], NaN where not known
    times : [students, terms], indices into `schema.calendar`; UNKNOWN where a term has no row
    vocabulary : the categories of each categorical column
    """

    schema: Schema
    names: Texts
    grades: Numbers
    codes: Codes
    numbers: Numbers
    times: Codes
    vocabulary: list[list[str]]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Integers | Mask | slice) -> Self:
        return replace(
            self,
            names=self.names[rows],
            grades=self.grades[rows],
            codes=self.codes[rows],
            numbers=self.numbers[rows],
            times=self.times[rows],
        )

    @property
    def known(self) -> Mask:
        """Whether a grade is known, [students, terms]."""
        return np.isfinite(self.grades)

    @property
    def complete(self) -> Mask:
        """Who has a grade in every term, [students]."""
        return np.asarray(self.known.all(axis=1))

    @property
    def testable(self) -> Mask:
        """Who can be in a test set, [students]; all others are only trained on.

        In a wide table, those with every semester; in transcripts, those with two grades or more.
        """
        return self.complete if self.schema.layout == "wide" else self.known.sum(axis=1) >= 2

    @property
    def next_term(self) -> Integers:
        """Index of the term after the last known grade, [students]; 0 where none is known.

        It equals the number of terms where the last term's grade is known: no term is left.
        """
        places = np.arange(1, self.grades.shape[1] + 1)
        return np.asarray((self.known * places).max(axis=1, initial=0))

    @property
    def known_before(self) -> Integers:
        """How many grades are known before each term, [students, terms]."""
        return np.cumsum(self.known, axis=1) - self.known

    @property
    def to_learn(self) -> Mask:
        """Mask [students, terms]: known grades with another known grade before, the targets."""
        return self.known & (self.known_before > 0)

    def until(self, terms: int | Integers) -> Self:
        """The same students with only the grades of the first `terms` terms known."""
        places = np.arange(self.grades.shape[1])
        kept = places < np.asarray(terms).reshape(-1, 1)
        return replace(self, grades=np.where(kept, self.grades, np.nan))

    def padded(self, terms: int) -> Self:
        """The same students padded to at least so many terms, the added ones unknown."""
        lacking = terms - self.grades.shape[1]
        if lacking <= 0:
            return self

        def wider(values: Any, missing: Any) -> Any:
            padding = [(0, 0), (0, lacking), *[(0, 0)] * (values.ndim - 2)]
            return np.pad(values, padding, constant_values=missing)

        return replace(
            self,
            grades=wider(self.grades, np.nan),
            codes=wider(self.codes, UNKNOWN),
            numbers=wider(self.numbers, np.nan),
            times=wider(self.times, UNKNOWN),
        )

    def category(self, column: str) -> Texts:
        """A column's category at each student's last known term, [students], "" if none."""
        place = self.schema.categories.index(column)
        return self.categories_at(self.last_place)[:, place]

    @property
    def last_place(self) -> Integers:
        """Index of the last term with a known grade, [students]; 0 where none is."""
        return np.maximum(self.next_term - 1, 0)

    def categories_at(self, places: Integers) -> Texts:
        """The categories at one term index per student, [students, categories], "" if unknown."""
        codes = self.codes[np.arange(len(self)), places]
        columns = [
            np.array([*own, ""], dtype=str)[codes[:, column]]
            for column, own in enumerate(self.vocabulary)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self), 0), dtype=str)


def carried_forward(values: Values, missing: Mask) -> Values:
    """Each term's own value, else the last one before it; never a later one.

    `values` and `missing` are [students, terms, columns].
    """
    terms = values.shape[1]
    if not missing.any() or terms == 0:
        return values
    places = np.arange(terms)[None, :, None]
    source = np.maximum.accumulate(np.where(missing, 0, places), axis=1)
    return cast(Values, np.take_along_axis(values, source, axis=1))


def factorized(columns: Sequence[Texts]) -> tuple[Codes, list[list[str]]]:
    """Codes [rows, columns] and the sorted vocabulary of each column; "" is UNKNOWN."""
    codes, vocabulary = [], []
    for column in columns:
        found, places = np.unique(np.asarray(column, dtype=str), return_inverse=True)
        offset = int(len(found) > 0 and found[0] == "")
        codes.append(places.astype(np.int32) - offset)
        vocabulary.append([str(each) for each in found[offset:]])
    rows = len(columns[0]) if columns else 0
    return (np.stack(codes, axis=1) if codes else np.zeros((rows, 0), np.int32)), vocabulary
