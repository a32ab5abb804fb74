"""Look at a strange table and propose how to read it: the group `data` of params.yaml, and why.

What a column is for is told by its name, or else by its values. Nothing of that is sure, so every
choice comes with its reason, and whatever a person should look at is listed. Names of columns,
numbers of rows and counts are told, cells of students never.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.reading import (
    columns,
    ends,
    marks,
    placement,
    roles,
    series,
    tables,
    transcript_columns,
)
from nextsem.reading.columns import Column, Remarks, listed
from nextsem.reading.layouts import read_students
from nextsem.reading.marks import Grades
from nextsem.reading.transcript_columns import Transcripts
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import Integers

_STUDENTS_FOR_RANGES = 15  # in the middle one of the categories, at least


@dataclass(frozen=True)
class Description:
    """What is proposed for a table.

    Attributes
    ----------
    data : the group `data`
    why : a reason, for those of its keys that have one
    by : the static column to compare categories of, or None
    line : the grade to tell the risk of falling below for
    worse : share of the last semester's grades (in transcripts: of all) that are worse than it
    left_out : columns that may be made from the grade to forecast, or known no sooner
    mend : what keeps the table from being read as proposed, with its row
    check : what a person should look at, a sentence each
    """

    data: Data
    why: dict[str, str]
    by: str | None
    line: float
    worse: float
    left_out: list[str]
    mend: list[str]
    check: list[str]


@dataclass(frozen=True)
class _Roles:
    """What columns are for, and the rows to count categories of students in."""

    left_out: list[Column]
    static: list[Column]
    groups: list[Column]
    numeric: list[Column]
    ids: list[Column]
    rows: Integers


def describe(path: Path, sheet: str, usual: Data, line: float) -> Description:
    """Propose how to read a table.

    Parameters
    ----------
    sheet : of a workbook, or "" to look for it
    usual : what else is to be as it was
    line : the grade to tell the risk of falling below for, if it is of use

    Raises
    ------
    InputError
        The file cannot be read, or no columns in it look like grades of semesters.
    """
    remarks = Remarks(path)
    place = placement.find(path, sheet, remarks)
    values: dict[str, Any] = {
        "table": path.as_posix(),
        "separator": "auto",
        "decimal": "auto",
        "footer_rows": 0,
    }
    values |= {"encoding": place.encoding, "sheet": place.sheet, "header_row": place.header_row}
    cells = tables.read_cells(path, usual.model_copy(update=values))
    values["footer_rows"], ids = ends.footer(cells)
    cells = _above(cells, values["footer_rows"], ids, remarks)
    found, letters = marks.letters([Column.of(cells, n) for n in range(cells.shape[1])])

    transcripts = transcript_columns.transcripts(found, remarks)
    if transcripts is None:
        semesters, to_come = series.semesters(found, remarks)
        if not semesters:
            raise InputError(f"{path}: {transcript_columns.why_not(found)}")
        letters = letters if semesters[0].in_letters else {}
        grades = marks.read(semesters, letters, place.sheet, remarks)
        of = _wide([each for each in found if each not in to_come], semesters, grades, remarks)
        values |= {"layout": "wide", "semesters": _names(semesters)}
    else:
        letters = letters if transcripts.grade.in_letters else {}
        grades = marks.read([transcripts.grade], letters, place.sheet, remarks)
        of = _long(cells, found, transcripts, grades, remarks)
        values |= {"layout": "long", "terms": transcripts.terms}
        values |= {key: getattr(transcripts, key).name for key in ("student", "term", "grade")}
    inputs = [*of.static, *of.numeric] if transcripts else []
    values |= {
        "id": _names(of.ids),
        "static": _names(of.static),
        "numeric": _names(of.numeric),
        "ahead": _names([column for column in inputs if column.named("ahead")]),
        "groups": _names(of.groups),
        "spellings": roles.spellings([*of.static, *of.groups], remarks),
        "grade_range": grades.grade_range,
        "lower_is_better": grades.lower_is_better,
        "letters": letters,
        "missing": list(dict.fromkeys([*grades.missing, *columns.marks_in(of.numeric)])),
    }
    if of.left_out:
        remarks.check.append(
            f"left out: {listed(of.left_out)} may be made from the grade to forecast, or be known no "
            "sooner. Add what is known before it to static or numeric"
        )
    data = usual.model_copy(update=values)
    _try(path, data, remarks)
    line, worse = marks.line(grades.values[:, -1], grades, line)
    by, left_out = _by(of, data.spellings), _names(of.left_out)
    return Description(data, remarks.why, by, line, worse, left_out, remarks.mend, remarks.check)


def _above(cells: pd.DataFrame, footer: int, ids: list[str], remarks: Remarks) -> pd.DataFrame:
    """The rows above the footer, and remarks on rows that may be no students."""
    students = cells[: len(cells) - footer]
    if footer:
        rows = f"rows {cells.index[-footer]} to {cells.index[-1]}" if footer > 1 else "the last row"
        remarks.why["footer_rows"] = f"Totals, statistics or notes: {rows}."
        remarks.check.append(f"footer_rows: {rows}: are these no students?")
    empty = students == ""
    lacking = students.index[empty[ids].all(axis=1) & ~empty.all(axis=1) & bool(ids)]
    if 0 < len(lacking) < len(students) / 10:
        remarks.check.append(
            f"nothing in {listed(ids)} in row {listed(lacking)}: if that is no student, take the row "
            "out of the table"
        )
    return students


def _names(found: list[Column]) -> list[str]:
    return [column.name for column in found]


def _wide(found: list[Column], semesters: list[Column], grades: Grades, remarks: Remarks) -> _Roles:
    """What the columns of a table are for that has a row for each student."""
    known = np.isfinite(grades.values)
    complete = np.flatnonzero(known.all(axis=1))
    remarks.why["semesters"] += (
        f" {len(complete)} rows have every semester, {int(known[:, -1].sum())} the last one, "
        f"{int(known.any(axis=1).sum())} any."
    )
    if len(complete) < 50:
        remarks.check.append(f"{len(complete)} rows have every semester: so few tell little")
    left = [column for column in found if column not in semesters]
    alike = Counter(column.words for column in left)
    # An attendance 5 comes with semester 5; a question 5 of a hundred does not.
    last = {words: semesters[-1] for words in alike if alike[words] <= len(semesters) + 2}
    left_out = [each for each in left if roles.tells(each, grades.values, last.get(each.words))]
    left = [column for column in left if column not in left_out]
    filled = np.any([column.texts != "" for column in found], axis=0)
    static, groups = roles.categories(left, int(filled.sum()), len(complete), remarks)
    left = [column for column in left if column not in [*static, *groups]]
    numeric = roles.numeric(left, len(complete), remarks)
    left = [column for column in left if column not in numeric]
    ids = roles.ids(left, static, filled, remarks)
    return _Roles(left_out, static, groups, numeric, ids, complete)


def _long(
    cells: pd.DataFrame, found: list[Column], of: Transcripts, grades: Grades, remarks: Remarks
) -> _Roles:
    """What the columns of transcripts are for.

    What a row tells is known before the next term. If it is the same in all rows of a student, it
    may be of them all.
    """
    frame = pd.DataFrame({"student": of.student.codes, "grade": grades.values[:, 0]})
    each = frame.groupby("student")["grade"]
    several = int((each.count() > 1).sum())
    remarks.why["grade"] = f"{several} students have two grades or more."
    first = np.unique(of.student.codes, return_index=True)[1]
    of_students, means = cells.iloc[first], each.agg(["mean", "last"]).to_numpy()

    def tells(column: Column) -> bool:
        if not column.follows(of.student):
            return column.named("of_all")
        return roles.tells(Column.of(of_students, column.place), means, None)

    left = [column for column in found if column not in (of.student, of.term, of.grade)]
    left_out = [column for column in left if tells(column)]
    ahead = [each for each in left if each.named("ahead") and 1 < len(each.distinct) <= 10]
    left = [column for column in left if column not in [*left_out, *ahead]]
    static, groups = roles.categories(left, len(first), several, remarks)
    left = [column for column in left if column not in [*static, *groups]]
    numeric = roles.numeric(left, several, remarks)
    names = [
        each
        for each in found
        if each.named("name") and not (each.named("relative", "place") or each is of.student)
    ]
    names = [each for each in names if each.follows(of.student) and len(each.distinct) > 2]
    return _Roles(left_out, [*static, *ahead], groups, numeric, names[:2], first)


def _try(path: Path, data: Data, remarks: Remarks) -> None:
    """Read the table as proposed, and tell what the reader refuses, without the cell."""
    try:
        read_students(path, data)
    except InputError as error:
        if not remarks.mend:
            text = str(error).removeprefix(f"{path}: ")
            text = re.sub(r"(column (?:'[^']*'|\"[^\"]*\"): ).+? (?=is )", r"\1the cell ", text)
            remarks.mend.append(re.sub(r"student (?:'[^']*'|\"[^\"]*\")", "one student", text))


def _by(of: _Roles, spellings: dict[str, dict[str, str]]) -> str | None:
    """The first column whose categories have enough students for ranges of their own."""
    for column in of.static:
        spelt = spellings.get(column.name, {})
        times = Counter(spelt.get(text, text) for text in column.texts[of.rows].tolist())
        times.pop("", None)
        if len(times) > 1 and np.median(list(times.values())) >= _STUDENTS_FOR_RANGES:
            return column.name
    return None
