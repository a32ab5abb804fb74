"""Inspect an unfamiliar table and propose the group `data` of params.yaml, with reasons.

The role of a column is guessed from its name, or else from its values. As guesses can be wrong,
choices come with a reason, and with a list of what the user should check. Messages contain column
names, row numbers and counts, never cells of students.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.reading import ends, marks, placement, roles, series, tables, transcript_columns
from nextsem.reading.columns import Column, Remarks, columns, listed, marks_in
from nextsem.reading.layouts import read_students
from nextsem.reading.marks import Grades
from nextsem.reading.transcript_columns import Transcripts
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import Integers

_STUDENTS_FOR_RANGES = 15  # median number per category, at least


@dataclass(frozen=True)
class Description:
    """The proposal for a table, and remarks for the user."""

    data: Data
    by: str | None  # the static column for intervals.by and crossvalidate.by
    line: float  # the risk threshold, grade points
    worse: float  # share of the last semester's grades (in transcripts: of all) beyond it
    remarks: Remarks


@dataclass(frozen=True)
class _Layout:
    """What depends on the layout."""

    values: dict[str, Any]  # of the group `data`
    grades: Grades
    others: list[Column]  # than those that `values` names
    tells: Callable[[Column], bool]  # whether one of these may leak the grade to forecast
    students: int
    usable: int  # students to train on
    rows: Integers  # one row per student, to count categories in


def describe(path: Path, sheet: str, usual: Data, line: float) -> Description:
    """Propose how to read a table.

    Parameters
    ----------
    sheet : of a workbook, or "" to search for it
    usual : values of all parameters that are not proposed
    line : the current risk threshold, kept if it is useful

    Raises
    ------
    InputError
        The file cannot be read, or no columns in it look like grades of semesters.
    """
    remarks = Remarks(path)
    place = placement.find(path, sheet, remarks)
    values: dict[str, Any] = {
        "table": path.as_posix(),
        "encoding": place.encoding,
        "sheet": place.sheet,
        "header_row": place.header_row,
        "footer_rows": 0,
        "separator": "auto",
        "decimal": "auto",
    }
    cells = tables.read_cells(path, usual.model_copy(update=values))
    values["footer_rows"], named = ends.footer(cells)
    cells = _above(cells, values["footer_rows"], named, remarks)
    found, letters = marks.letters(columns(cells))
    transcripts = transcript_columns.transcripts(found, remarks)
    if transcripts:
        of = _long(cells, found, transcripts, letters, place.sheet, remarks)
    else:
        of = _wide(found, letters, place.sheet, remarks)

    left_out = [column for column in of.others if of.tells(column)]
    left = [column for column in of.others if column not in left_out]
    ahead = [each for each in left if transcripts and each.named("ahead")]
    ahead = [each for each in ahead if 1 < len(each.distinct) <= 10]
    left = [column for column in left if column not in ahead]
    static, groups = roles.categories(left, of.students, of.usable, remarks)
    left = [column for column in left if column not in [*static, *groups]]
    numeric = roles.numeric(left, of.usable, remarks)
    if transcripts:
        ids = [each for each in roles.names(of.others) if each.follows(transcripts.student)][:2]
    else:
        filled = np.any([column.texts != "" for column in found], axis=0)
        left = [column for column in left if column not in numeric]
        ids = roles.ids(left, static, filled, remarks)
    values |= of.values | {
        "id": _names(ids),
        "static": _names([*static, *ahead]),
        "numeric": _names(numeric),
        "ahead": _names(
            [*ahead, *(each for each in numeric if transcripts and each.named("ahead"))]
        ),
        "groups": _names(groups),
        "spellings": roles.spellings([*static, *ahead, *groups], remarks),
        "grade_range": of.grades.grade_range,
        "lower_is_better": of.grades.lower_is_better,
        "letters": of.grades.letters,
        "missing": list(dict.fromkeys([*of.grades.missing, *marks_in(numeric)])),
    }
    if left_out:
        remarks.ask(
            f"left out: {listed(left_out)} may be derived from the grade to forecast, or known no "
            "sooner. Add what is known before it to static or numeric"
        )
    data = usual.model_copy(update=values)
    _try(path, data, remarks)
    by = _by([*static, *ahead], of.rows, data.spellings)
    return Description(data, by, *marks.line(of.grades, line), remarks)


def _above(cells: pd.DataFrame, footer: int, ids: list[str], remarks: Remarks) -> pd.DataFrame:
    """The rows above the footer; adds remarks on rows that may not be students."""
    students = cells[: len(cells) - footer]
    if footer:
        rows = f"rows {cells.index[-footer]} to {cells.index[-1]}" if footer > 1 else "the last row"
        remarks.why["footer_rows"] = f"Totals, statistics or notes: {rows}."
        remarks.ask(f"footer_rows: is it right that these are not students: {rows}?")
    empty = students == ""
    lacking = students.index[empty[ids].all(axis=1) & ~empty.all(axis=1) & bool(ids)]
    if 0 < len(lacking) < len(students) / 10:
        remarks.ask(
            f"nothing in {listed(ids)} in row {listed(lacking)}: if that is not a student, remove "
            "the row from the table"
        )
    return students


def _names(found: list[Column]) -> list[str]:
    return [column.name for column in found]


def _wide(found: list[Column], letters: dict[str, float], sheet: str, remarks: Remarks) -> _Layout:
    """The layout of a table with a row for each student."""
    semesters, to_come = series.semesters(found, remarks)
    if not semesters:
        raise InputError(f"{remarks.path}: {transcript_columns.why_not(found)}")
    grades = marks.read(semesters, letters, sheet, remarks)
    known = np.isfinite(grades.values)
    complete = np.flatnonzero(known.all(axis=1))
    remarks.why["semesters"] += (
        f" {len(complete)} rows have every semester, {int(known[:, -1].sum())} the last one, "
        f"{int(known.any(axis=1).sum())} any."
    )
    if len(complete) < 50:
        remarks.ask(f"only {len(complete)} rows have every semester: little to learn from")
    others = [column for column in found if column not in [*semesters, *to_come]]
    times = Counter(column.words for column in others)

    def tells(column: Column) -> bool:
        # Attendance 5 belongs to semester 5; question 5 of a hundred does not.
        alike = times[column.words] <= len(semesters) + 2
        return roles.tells(column, grades.values, semesters[-1], alike)

    values = {"layout": "wide", "semesters": _names(semesters)}
    filled = np.any([column.texts != "" for column in found], axis=0)
    return _Layout(values, grades, others, tells, int(filled.sum()), len(complete), complete)


def _long(
    cells: pd.DataFrame,
    found: list[Column],
    of: Transcripts,
    letters: dict[str, float],
    sheet: str,
    remarks: Remarks,
) -> _Layout:
    """The layout of transcripts: values in a row are known before the next term.

    A value that is the same in all rows of a student may summarize them, and so leak grades.
    """
    grades = marks.read([of.grade], letters, sheet, remarks)
    frame = pd.DataFrame({"student": of.student.codes, "grade": grades.values[:, 0]})
    each = frame.groupby("student")["grade"]
    several = int((each.count() > 1).sum())
    remarks.why["grade"] = f"{several} students have two grades or more."
    first = np.unique(of.student.codes, return_index=True)[1]
    of_students, means = cells.iloc[first], each.agg(["mean", "last"]).to_numpy()

    def tells(column: Column) -> bool:
        if not column.follows(of.student):
            return column.named("of_all")
        own = Column(column.name, column.place, of_students.iloc[:, column.place])
        return roles.tells(own, means, of.grade, False)

    named = {"student": of.student, "term": of.term, "grade": of.grade}
    values = {"layout": "long", "terms": of.terms} | {key: named[key].name for key in named}
    others = [column for column in found if column not in named.values()]
    return _Layout(values, grades, others, tells, len(first), several, first)


def _try(path: Path, data: Data, remarks: Remarks) -> None:
    """Read the table as proposed, and add an error to the remarks, without the cell."""
    try:
        read_students(path, data)
    except InputError as error:
        if not remarks.mend:
            text = str(error).removeprefix(f"{path}: ")
            text = re.sub(r"(column (?:'[^']*'|\"[^\"]*\"): ).+? (?=is )", r"\1the cell ", text)
            remarks.mend.append(re.sub(r"student (?:'[^']*'|\"[^\"]*\")", "one student", text))


def _by(static: list[Column], rows: Integers, spellings: dict[str, dict[str, str]]) -> str | None:
    """The first column with enough students per category for separate ranges."""
    for column in static:
        spelt = spellings.get(column.name, {})
        times = Counter(spelt.get(text, text) for text in column.texts[rows].tolist())
        times.pop("", None)
        if len(times) > 1 and np.median(list(times.values())) >= _STUDENTS_FOR_RANGES:
            return column.name
    return None
