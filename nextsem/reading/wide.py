"""Read a table with a row for each student and a column for each semester."""

from pathlib import Path

import numpy as np
import pandas as pd

from nextsem.reading import tables
from nextsem.reading.tables import STUDENT, Read
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import UNKNOWN, Students


def read_wide(path: Path, data: Data, to_come: bool = False) -> Read:
    """Read students, a row for each; blank rows are left out.

    Parameters
    ----------
    to_come : whether columns of the last semesters, groups and ids may be missing; without an id,
        the row number is the student's name

    Raises
    ------
    InputError
        As in `read_marked`; also if two rows have the same student, or a semester before the last
        one has no column.
    """
    shown = [*data.static, *data.numeric, *data.semesters]
    if STUDENT in [*shown, *data.groups]:
        raise InputError(
            f"{path}: column '{STUDENT}' has a name that our own files use; rename it in the table"
        )
    ids = [column for column in data.id if column not in data.static]
    others = [*data.groups, *ids]
    columns = list(dict.fromkeys([*data.id, *data.groups, *shown]))
    optional = [*data.semesters[1:], *others] if to_come else []
    every, marks = tables.read_marked(path, data, columns, optional)
    _check_semesters(path, every, data)
    empty = dict.fromkeys(others, "") | dict.fromkeys(data.semesters, np.nan)
    every = every.assign(**{name: empty[name] for name in empty if name not in every})
    frame = tables.without_blank(path, every, columns)
    names = _names(path, frame, data)
    grades = frame[data.semesters].to_numpy(dtype=float)
    static, vocabulary = tables.codes_of(frame, data.static)
    numbers = frame[data.numeric].to_numpy(dtype=float)
    students = Students(
        tables.schema_of(data, data.semesters, []),
        names.to_numpy(dtype=str),
        grades,
        np.repeat(static[:, None], grades.shape[1], axis=1),
        np.repeat(numbers[:, None], grades.shape[1], axis=1),
        np.full(grades.shape, UNKNOWN, np.int32),
        vocabulary,
    )
    table = frame[shown].reset_index(drop=True)
    table.insert(0, STUDENT, names.array)
    marks = marks.reindex(index=frame.index, columns=data.semesters, fill_value="")
    return Read(
        students,
        frame[data.groups].reset_index(drop=True),
        frame[ids].reset_index(drop=True),
        tables.at_next_term(marks.to_numpy(dtype=str), students),
        table,
        len(every) + data.footer_rows,
        {"blank": len(every) - len(frame), "footer": data.footer_rows},
    )


def _check_semesters(path: Path, frame: pd.DataFrame, data: Data) -> None:
    """Reject a table without a column for a semester before an existing one."""
    there = [semester in frame for semester in data.semesters]
    last = max(place for place, each in enumerate(there) if each)
    if not all(there[:last]):
        raise InputError(
            f"{path}: no column {data.semesters[there.index(False)]!r}, though there is a "
            f"{data.semesters[last]!r} after it; allowed: none for semesters to come"
        )


def _names(path: Path, frame: pd.DataFrame, data: Data) -> pd.Series:
    """The name of each student: the non-empty ids joined by /, else the row number."""
    names, nameless = pd.Series("", index=frame.index), np.ones(len(frame), dtype=bool)
    for column in data.id:
        filled = (frame[column] != "").to_numpy()
        names = names.where(~filled | (names == "").to_numpy(), names + "/")
        names = names + frame[column]
        if column not in data.static:
            nameless &= ~filled
    rows = pd.Series([f"row {row}" for row in frame.index], index=frame.index)
    names = names.mask(nameless, rows)
    if names.duplicated().any():
        first, second = names.index[names == names[names.duplicated()].iloc[0]][:2]
        raise InputError(
            f"{path}: rows {first} and {second} are the same student; allowed: one row a student, "
            "named by the columns of data.id"
        )
    return names
