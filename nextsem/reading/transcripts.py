"""Read transcripts: a table with a row for each student and term, in any order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.reading.cells import shown
from nextsem.reading.tables import STUDENT, Read, codes_of, read_marked, schema_of, without_blank
from nextsem.reading.terms import form, ordered
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import UNKNOWN, Integers, Schema, Students, Texts, carried_forward

TERM, GRADE = "term", "grade"  # columns of what is written, beside STUDENT
LARGEST = 2**28  # values: students, times terms, times what is known of a term
Places = tuple[Integers, Integers]


def read_long(path: Path, data: Data, to_come: bool = False) -> Read:
    """Read students from transcripts; blank rows are left out.

    A student's terms are counted in the order of the term column, or as `data.terms` lists them.
    A row without a grade is a gap that counts. What a row tells besides is known from then on,
    columns of `data.ahead` tell of their own term alone. A group is the last one that is known.

    Parameters
    ----------
    to_come : whether group columns may be missing, and everybody has a term to come. Otherwise
        terms after the last one in which anybody has a grade are left out: nobody could learn
        from others what comes of them

    Raises
    ------
    InputError
        Besides what `tables.read` refuses: a student or a term is empty, two rows are of one
        student and term, or the terms cannot be put in order.
    """
    others = [*data.static, *data.numeric]
    for column in {STUDENT, TERM, GRADE}.intersection([*others, *data.groups]):
        raise InputError(
            f"{path}: column {column!r} has a name that our own files use; rename it in the table"
        )
    columns = [data.student, data.term, data.grade, *others, *data.groups]
    ids = [column for column in data.id if column not in columns]
    optional = [*ids, *(data.groups if to_come else [])]
    every, marks = read_marked(path, data, [*columns, *ids], optional)
    ids = [column for column in ids if column in every]
    every = every.assign(**{name: "" for name in data.groups if name not in every})
    frame = without_blank(path, every, columns)
    for column in (data.student, data.term):
        empty = frame.index[frame[column] == ""]
        if len(empty):
            raise InputError(f"{path}: row {empty[0]}, column {column!r}: is empty")
    calendar = _calendar(path, frame[data.term], data)
    time = pd.Index(calendar).get_indexer(pd.Index(frame[data.term]))
    student, names = pd.factorize(frame[data.student])
    order = np.lexsort((time, student))
    frame, time, student = frame.iloc[order], time[order], student[order]
    _check_once(path, frame, student, time, data)

    if data.terms:
        place = pd.Index(data.terms).get_indexer(pd.Index(frame[data.term]))
    else:
        place = np.arange(len(student)) - np.flatnonzero(np.diff(student, prepend=-1))[student]
    if to_come:
        terms = data.terms or [str(term + 1) for term in range(place.max() + 2)]
    else:
        last = place[frame[data.grade].notna()].max(initial=0)
        terms = data.terms[: last + 1] or [str(term + 1) for term in range(last + 1)]
    schema = schema_of(data, terms, calendar)
    if len(names) * len(terms) * (2 + len(others)) > LARGEST:
        raise InputError(
            f"{path}: {len(names)} students and {len(terms)} terms are too many; allowed: "
            f"{LARGEST // (2 + len(others)):,} as their product"
        )
    kept = place < len(terms)
    at = (student[kept], place[kept])
    students = _students(schema, names.to_numpy(dtype=str), frame[kept], data, at, time[kept])
    table = frame[[data.student, data.term, data.grade, *others]].reset_index(drop=True)
    return Read(
        students,
        _last_known(frame[data.groups], student, len(names)),
        _last_known(frame[ids], student, len(names)),
        _marks(marks[data.grade].loc[frame.index], student, place, students),
        table.set_axis([STUDENT, TERM, GRADE, *others], axis=1),
        len(every) + data.footer_rows,
        {"blank": len(every) - len(frame), "footer": data.footer_rows},
    )


def _students(
    schema: Schema, names: Texts, frame: pd.DataFrame, data: Data, at: Places, time: Integers
) -> Students:
    """Rows as arrays; `at` is the student of each and the place among the student's terms."""
    shape = (len(names), len(schema.terms))
    # With data.terms everybody has all terms, as in a wide table; otherwise as many as rows.
    own = np.full(shape, True)
    if not data.terms:
        own = np.arange(shape[1]) < np.bincount(at[0], minlength=shape[0])[:, None]

    places, first = np.arange(shape[1]), np.full((shape[0], 1), shape[1] - 1)
    np.minimum.at(first[:, 0], at[0], at[1])

    def spread(values: Any, missing: Any, column: str = "") -> Any:
        whole = np.full(shape, missing, values.dtype)
        whole[at] = values
        if column in schema.ahead or not column:
            return whole
        # Before a student's first row holds what that row tells, as in a wide table.
        whole = np.where(places < first, whole[np.arange(len(whole)), first[:, 0]][:, None], whole)
        unknown = np.isnan(whole) if np.isnan(missing) else whole == missing
        carried = carried_forward(whole[..., None], unknown[..., None])[..., 0]
        return np.where(own, carried, missing)

    found, vocabulary = codes_of(frame, schema.categories)
    codes = np.full((*shape, len(schema.categories)), UNKNOWN, np.int32)
    for number, column in enumerate(schema.categories):
        codes[..., number] = spread(found[:, number], UNKNOWN, column)
    numbers = np.full((*shape, len(schema.numbers)), np.nan)
    for number, column in enumerate(schema.numbers):
        numbers[..., number] = spread(frame[column].to_numpy(), np.nan, column)
    grades = spread(frame[data.grade].to_numpy(), np.nan)
    times = spread(time.astype(np.int32), UNKNOWN)
    return Students(schema, names, grades, codes, numbers, times, vocabulary)


def _check_once(
    path: Path, frame: pd.DataFrame, student: Integers, time: Integers, data: Data
) -> None:
    """Refuse two rows of one student and term; rows are sorted by both."""
    again = np.flatnonzero((np.diff(student) == 0) & (np.diff(time) == 0))
    if len(again):
        first, second = frame.index[again[0] : again[0] + 2]
        raise InputError(
            f"{path}: rows {first} and {second} have the same {data.student!r} and {data.term!r}; "
            "allowed: one row for each student and term"
        )


def _marks(marks: pd.Series, student: Integers, place: Integers, students: Students) -> Texts:
    """What stands in the term after the last known one of each student."""
    found = np.full(len(students), "", dtype=object)
    after = np.flatnonzero(place == students.next_term[student])
    found[student[after]] = marks.to_numpy()[after]
    return found.astype(str)


def _last_known(groups: pd.DataFrame, student: Integers, students: int) -> pd.DataFrame:
    """The last group that is filled in of each student, "" if none; rows are in order of terms."""
    last = groups.mask(groups == "").groupby(student).last()
    return last.reindex(range(students)).fillna("").reset_index(drop=True)


def _calendar(path: Path, column: pd.Series, data: Data) -> list[str]:
    """The terms that there are, in order."""
    found = column.drop_duplicates()
    if data.terms:
        unknown = found[~found.isin(data.terms)]
        if len(unknown):
            raise InputError(
                f"{path}: row {unknown.index[0]}, column {data.term!r}: {shown(unknown.iloc[0])} is "
                "not listed in data.terms"
            )
        return [term for term in data.terms if term in {*found}]
    calendar = ordered(found.tolist())
    if calendar is None:
        forms = found.map(form)
        other = found[forms != forms.iloc[0]]
        second = other if len(other) else found[1:]
        raise InputError(
            f"{path}: rows {found.index[0]} and {second.index[0]}, column {data.term!r}: which of "
            f"{shown(found.iloc[0])} and {shown(second.iloc[0])} comes first cannot be told; list "
            "the terms in data.terms, the first one first"
        )
    return calendar
