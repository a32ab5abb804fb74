"""Read transcripts: a table with a row for each student and term, in any order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.reading import tables
from nextsem.reading.cells import shown
from nextsem.reading.tables import STUDENT, Read
from nextsem.reading.terms import form, ordered
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import UNKNOWN, Integers, Schema, Students, Texts, carried_forward

TERM, GRADE = "term", "grade"  # columns of output tables, next to STUDENT
Places = tuple[Integers, Integers]


def read_long(path: Path, data: Data, to_come: bool = False) -> Read:
    """Read students from transcripts; blank rows are left out.

    A student's terms are numbered in the order of the term column, or as `data.terms` lists them.
    A row without a grade counts as a term. Other values in a row are known from then on, those of
    `data.ahead` belong to their own term only. A student's group is the last known one.

    Parameters
    ----------
    to_come : whether group columns may be missing, and everybody has a next term. Otherwise terms
        after the last one in which anybody has a grade are left out, as they have no training data

    Raises
    ------
    InputError
        As in `read_marked`; also if a student or a term is empty, two rows have the same student
        and term, or the terms cannot be put in order.
    """
    others = [*data.static, *data.numeric]
    for column in {STUDENT, TERM, GRADE}.intersection([*others, *data.groups]):
        raise InputError(
            f"{path}: column {column!r} has a name that our own files use; rename it in the table"
        )
    columns = [data.student, data.term, data.grade, *others, *data.groups]
    ids = [column for column in data.id if column not in columns]
    optional = [*ids, *(data.groups if to_come else [])]
    every, marks = tables.read_marked(path, data, [*columns, *ids], optional)
    ids = [column for column in ids if column in every]
    every = every.assign(**{name: "" for name in data.groups if name not in every})
    frame = tables.without_blank(path, every, columns)
    for column in (data.student, data.term):
        empty = frame.index[frame[column] == ""]
        if len(empty):
            raise InputError(f"{path}: row {empty[0]}, column {column!r}: is empty")
    calendar = _calendar(path, frame[data.term], data)
    time = _times(frame[data.term], calendar)
    student, names = pd.factorize(frame[data.student])
    together = student * len(calendar) + time
    if (np.diff(together) <= 0).any():
        order = np.argsort(together, kind="stable")
        frame, time, student = frame.iloc[order], time[order], student[order]
        together = together[order]
    again = np.flatnonzero(np.diff(together) == 0)
    if len(again):
        first, second = frame.index[again[0] : again[0] + 2]
        raise InputError(
            f"{path}: rows {first} and {second} have the same {data.student!r} and {data.term!r}; "
            "allowed: one row for each student and term"
        )

    if data.terms:
        place = _times(frame[data.term], data.terms)
    else:
        place = np.arange(len(student)) - np.flatnonzero(np.diff(student, prepend=-1))[student]
    last = place.max() + 1 if to_come else place[frame[data.grade].notna()].max(initial=0)
    terms = data.terms or [str(term + 1) for term in range(last + 1)]
    terms = terms if to_come else terms[: last + 1]
    kept = place < len(terms)
    at, schema = (student[kept], place[kept]), tables.schema_of(data, terms, calendar)
    students = _students(schema, names.to_numpy(dtype=str), frame[kept], data, at, time[kept])
    awaited = place == students.next_term[student]
    marked = np.full(len(names), "", dtype=object)
    marked[student[awaited]] = marks[data.grade].reindex(frame.index)[awaited]
    table = frame[[data.student, data.term, data.grade, *others]].reset_index(drop=True)
    return Read(
        students,
        _last_known(frame[data.groups], student, len(names)),
        _last_known(frame[ids], student, len(names)),
        marked.astype(str),
        table.set_axis([STUDENT, TERM, GRADE, *others], axis=1),
        len(every) + data.footer_rows,
        {"blank": len(every) - len(frame), "footer": data.footer_rows},
    )


def _students(
    schema: Schema, names: Texts, frame: pd.DataFrame, data: Data, at: Places, time: Integers
) -> Students:
    """Rows as arrays; `at` holds the student and the term index of each row."""
    shape = (len(names), len(schema.terms))
    # With data.terms everybody has all terms, as in a wide table; otherwise one per row.
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
        # Terms before a student's first row get the values of that row, as in a wide table.
        whole = np.where(places < first, whole[np.arange(len(whole)), first[:, 0]][:, None], whole)
        unknown = np.isnan(whole) if np.isnan(missing) else whole == missing
        carried = carried_forward(whole[..., None], unknown[..., None])[..., 0]
        return np.where(own, carried, missing)

    found, vocabulary = tables.codes_of(frame, schema.categories)
    codes = np.full((*shape, len(schema.categories)), UNKNOWN, np.int32)
    for number, column in enumerate(schema.categories):
        codes[..., number] = spread(found[:, number], UNKNOWN, column)
    numbers = np.full((*shape, len(schema.numbers)), np.nan)
    for number, column in enumerate(schema.numbers):
        numbers[..., number] = spread(frame[column].to_numpy(), np.nan, column)
    grades = spread(frame[data.grade].to_numpy(), np.nan)
    times = spread(time.astype(np.int32), UNKNOWN)
    return Students(schema, names, grades, codes, numbers, times, vocabulary)


def _last_known(groups: pd.DataFrame, student: Integers, students: int) -> pd.DataFrame:
    """Each student's last non-empty group, "" if none; rows are in order of terms."""
    last = {}
    for column, texts in groups.items():
        (codes, found), filled = pd.factorize(texts), (texts != "").to_numpy()
        place = np.full(students, -1)
        place[student[filled]] = codes[filled]
        last[column] = np.array([*found, ""], dtype=object)[place]
    return pd.DataFrame(last, index=range(students), dtype=str)


def _times(column: pd.Series, calendar: list[str]) -> Integers:
    """The index of each row's term in a calendar."""
    codes, found = pd.factorize(column)
    return pd.Index(calendar).get_indexer(pd.Index(found, dtype=str))[codes]


def _calendar(path: Path, column: pd.Series, data: Data) -> list[str]:
    """The terms that occur, in order."""
    found = column.drop_duplicates()
    unknown = found[~found.isin(data.terms or found)]
    if len(unknown):
        raise InputError(
            f"{path}: row {unknown.index[0]}, column {data.term!r}: {shown(unknown.iloc[0])} is "
            "not listed in data.terms"
        )
    if data.terms:
        return [term for term in data.terms if term in {*found}]
    calendar = ordered(found.tolist())
    if calendar is None:
        forms = found.map(form)
        other = found[forms != forms.iloc[0]]
        second = other if len(other) else found[1:]
        raise InputError(
            f"{path}: rows {found.index[0]} and {second.index[0]}, column {data.term!r}: cannot "
            f"tell which of {shown(found.iloc[0])} and {shown(second.iloc[0])} comes first; list "
            "the terms in data.terms, in order"
        )
    return calendar
