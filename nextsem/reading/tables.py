"""Read a table, .csv or .xlsx, and check its cells.

Any error in a table is an `InputError` that names the file, the row as in a spreadsheet (the column
names are in row 1), and the column; it shows only the invalid cell, no other cell of that row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from nextsem.reading import delimited, ends
from nextsem.reading.cells import as_numbers, marks, name, names, numbers, shown
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import Codes, Schema, Students, Texts, factorized

STUDENT = "student"  # the column of student names in output tables
SIMULATED = "data/raw/simulated.csv"  # what the stage `simulate` draws
_NUMERIC = re.compile(r"[-+\d.,%/ ]*\d[-+\d.,%/ ]*")


@dataclass(frozen=True)
class Read:
    """The content of a table of students.

    Attributes
    ----------
    students : in the order of the table
    groups : a row for each student; the columns of `data.groups`, "" where not known
    ids : a row for each student; the columns of `data.id` that are not static, as text, "" where
        empty
    marks : [students], the entry in place of the grade after the last known one, such as AB
    table : the rows for people: one for each student (wide), or for each student and term in the
        order of `students` (long); the first column, `student`, holds their names
    rows : number of rows read
    left_out : number of rows left out, by reason
    """

    students: Students
    groups: pd.DataFrame
    ids: pd.DataFrame
    marks: Texts
    table: pd.DataFrame
    rows: int
    left_out: dict[str, int]


def read(path: Path, data: Data) -> pd.DataFrame:
    """Read every column of a table; see `read_marked`."""
    return read_marked(path, data)[0]


def read_marked(
    path: Path, data: Data, columns: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read and check a table, and the marks in its columns of grades.

    Parameters
    ----------
    columns : names of the columns to read; None for all
    optional : those of `columns` that may be missing

    Returns
    -------
    table : indexed by spreadsheet row. Ids, terms, static and group columns are text (categorical
        in transcripts, which is faster), spelt as `data.spellings` says; grades and numeric columns
        are numbers; others are unchanged. Empty rows at the end and columns without a name are left
        out.
    marks : the entries in the columns of grades where there is no number, "" where empty

    Raises
    ------
    InputError
        The file cannot be read, a column is missing or duplicate, a cell is not a number where one
        is needed, or a grade is out of range.
    """
    frame = _read_file(path, data, columns, optional)
    words = [mark for mark in data.missing if as_numbers([mark]).isna().all()]
    low, high = data.grade_range
    marked: dict[str, pd.Series] = {}
    texts = _text_columns(data)
    for column in frame:
        cells = frame[column]
        if column in data.grade_columns:
            # A 0 may mean "no grade" here, but be a number elsewhere, such as of failed courses.
            frame[column] = numbers(path, cells, data.missing, data.decimal, data.letters)
            marked[column] = marks(cells, frame[column])
            outside = frame[column][(frame[column] < low) | (frame[column] > high)]
            if len(outside):
                raise InputError(
                    f"{path}: row {outside.index[0]}, column {column!r}: {outside.iloc[0]:g} is out "
                    f"of range; allowed: {low:g} to {high:g} (data.grade_range)"
                )
        elif column in data.numeric:
            frame[column] = numbers(path, cells, words, data.decimal)
        elif column in texts:
            named = names(path, cells, data.spellings.get(column, {}))
            frame[column] = named if data.layout == "long" else named.astype(str)
    return frame, pd.DataFrame(marked)


def read_cells(path: Path, data: Data) -> pd.DataFrame:
    """Read every column that has a name as text, unchecked.

    The result is indexed by spreadsheet row; empty cells are "".

    Raises
    ------
    InputError
        The file cannot be read.
    """
    return _texts(_read_file(path, data, None, (), checked=False))


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The cells as text, "" where empty."""
    texts = {}
    for column, cells in frame.items():
        places, found = pd.factorize(cells)  # convert each distinct cell once
        texts[column] = np.array([*map(name, found), ""], dtype=object)[places]
    return pd.DataFrame(texts, frame.index, dtype=str)


def suffix(path: Path) -> str:
    """The extension of an existing file that may be a table: .csv or .xlsx."""
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise InputError(
            f"{path}: cannot be read as a table; allowed: a .csv or an .xlsx file (a spreadsheet "
            "program can save it as one)"
        )
    return ending


def without_blank(path: Path, frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The rows with a value in at least one of these columns of `read_marked`."""
    numeric = pd.api.types.is_numeric_dtype
    cells = [own.notna() if numeric(own) else own != "" for _, own in frame[columns].items()]
    filled = np.any(cells, axis=0)
    if not filled.any():
        raise InputError(f"{path}: has no row that is filled in below the column names")
    return frame[filled]


def codes_of(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[Codes, list[list[str]]]:
    """Codes [rows, columns] and the sorted vocabulary of each column; "" is UNKNOWN."""
    codes, vocabulary = np.zeros((len(frame), len(columns)), np.int32), []
    for number, column in enumerate(columns):
        places, texts = pd.factorize(frame[column])
        found, own = factorized([texts.to_numpy(dtype=str)])  # each distinct text once
        codes[:, number] = found[places, 0]
        vocabulary += own
    return codes, vocabulary


def at_next_term(marks: Texts, students: Students) -> Texts:
    """Each student's entry in the term after the last known grade, from marks [students, terms]."""
    last = marks.shape[1] - 1
    found = marks[np.arange(len(students)), np.minimum(students.next_term, last)]
    return np.where(students.next_term > last, "", found)


def schema_of(data: Data, terms: list[str], calendar: list[str]) -> Schema:
    """The schema of a table with these terms, read as `data` says."""
    columns = (data.static, data.numeric, data.ahead)
    scale = (data.grade_range[0], data.grade_range[1])
    simulated = data.table == SIMULATED
    return Schema(data.layout, terms, *columns, calendar, scale, data.lower_is_better, simulated)


def _read_file(
    path: Path,
    data: Data,
    columns: Sequence[str] | None,
    optional: Sequence[str],
    checked: bool = True,
) -> pd.DataFrame:
    """The cells below the column names, down to the last non-empty row."""
    used = partial(_places, path, data, columns, optional)
    if suffix(path) == ".csv":
        texts = _text_columns(data) if checked else None
        header, frame = delimited.read(path, data, texts, used)
        frame = frame[: _filled_rows(frame)]
    else:
        from nextsem.reading import workbook  # openpyxl takes long to load

        header, frame = workbook.read(path, data, used, checked)
    frame = frame[: max(0, len(frame) - data.footer_rows)]
    if checked:
        named = [place for place, column in enumerate(header) if column]
        some = ends.looked_at(frame[: _filled_rows(frame)])[named]
        rows, _ = ends.footer(_texts(some).set_axis([header[place] for place in named], axis=1))
        if rows:
            raise InputError(
                f"{path}: row {some.index[-rows]}{' and below' if rows > 1 else ''} looks like a total "
                f"or a note. If it is not a student, set data.footer_rows to {data.footer_rows + rows}; "
                "if it is one, fill in the student's id"
            )
    places = used(header)
    frame = frame[places].set_axis([header[place] for place in places], axis=1)
    frame = frame[: _filled_rows(frame)].copy()
    if frame.empty:
        raise InputError(f"{path}: has no row that is filled in below the column names")
    return frame


def _filled_rows(frame: pd.DataFrame) -> int:
    """Number of rows up to the last non-empty one."""
    if frame[-1:].notna().any(axis=None):
        return len(frame)
    return int(np.flatnonzero(frame.notna().any(axis=1)).max(initial=-1)) + 1


def _text_columns(data: Data) -> set[str]:
    term = {data.student, data.term} if data.layout == "long" else set()
    return {*data.static, *data.groups, *data.id} | term


def _places(
    path: Path,
    data: Data,
    columns: Sequence[str] | None,
    optional: Sequence[str],
    header: list[str],
) -> list[int]:
    """Indices of the requested columns, or of all that have a name."""
    if not any(header):
        raise InputError(f"{path}: row {data.header_row} is empty; allowed: the column names")
    looked_for = dict.fromkeys(columns if columns is not None else filter(None, header))
    for column in looked_for:
        numbered = re.compile(rf"{re.escape(column)} \(\d+\)")
        same = [str(n) for n, each in enumerate(header, 1) if numbered.fullmatch(each)]
        if same and column not in header:
            raise InputError(
                f"{path}: column {column!r} occurs {len(same)} times (columns {', '.join(same[:20])}); "
                f"allowed: once, or say which, such as '{column} (1)'"
            )
        if column not in header and column not in optional:
            raise InputError(f"{path}: no column {column!r}; {_found(data, header, looked_for)}")
    return [place for place, column in enumerate(header) if column in looked_for]


def _found(data: Data, header: list[str], looked_for: dict[str, None]) -> str:
    """Which columns were found; only their number if header_row may be a student's row."""
    if looked_for.keys().isdisjoint(header) or any(map(_NUMERIC.fullmatch, header)):
        return (
            f"row {data.header_row} has {len(header)} columns; is it the one with the column names "
            "(data.header_row)?"
        )
    more = f" and {len(header) - 20} more" if len(header) > 20 else ""
    return f"found: {', '.join(map(shown, header[:20]))}{more}"
