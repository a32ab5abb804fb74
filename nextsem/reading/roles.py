"""Roles of the other columns of an unfamiliar table: inputs, groups, ids, or left out."""

from collections import Counter

import numpy as np

from nextsem.reading.columns import WORDS, Column, Remarks, listed
from nextsem.students.students import Mask, Numbers

_CATEGORIES = 50  # of a column whose name is not of a place, at most
_STUDENTS_A_CATEGORY = 4  # on average, at least
_STATIC, _NUMERIC = 3, 10  # columns proposed, at most
_STUDENTS_AN_INPUT = 20  # at least
_MADE_OF_GRADES = 0.98  # of a column's variance explained by the grades, at least
_TELLS = 0.15  # of the last grade's residual variance given earlier grades, explained, at least
_CHANGES = 0.25  # of the changes expected by chance, where a grade determines a category, at most
_ADD = "Add those that matter to grades and are known before"
_GENDERS = dict.fromkeys(WORDS["male"], "male") | dict.fromkeys(WORDS["female"], "female")


# Left out ---------------------------------------------------------------------


def tells(column: Column, grades: Numbers, last: Column, alike: bool) -> bool:
    """Whether a column may leak the last grade: derived from it, or known no sooner.

    `grades` are [rows, semesters], the last ones from the column `last`; `alike` says whether a
    number in the column's name is that of a semester.
    """
    if column.numeric and _explains(column.numbers, grades):
        return True
    ends = (grades[:, -1], grades.mean(axis=1))
    if 2 <= len(column.distinct) <= 10 and any(_decides(column, each) for each in ends):
        return True
    if column.named("before") or column.of_school:
        return False
    if column.order and alike:
        return column.order >= last.order
    if column.named("of_all", "counted") or (column.numeric and column.named("grade")):
        return True
    known = column.is_place or column.is_person or column.named_id
    return column.place > last.place and not known


def _explains(values: Numbers, grades: Numbers) -> bool:
    """Whether numbers are derived from the grades, or explain the last one beyond the others."""
    both = np.isfinite(values) & np.isfinite(grades).all(axis=1)
    if both.sum() <= 3 * grades.shape[1] + 3:
        return False
    values, before, last = values[both], grades[both, :-1], grades[both, -1]
    told = _share(_rest(last, before), _rest(values, before)[:, None])
    by_chance = 4 / both.sum()
    return _share(values, grades[both]) > _MADE_OF_GRADES or told > _TELLS + by_chance


def _rest(values: Numbers, inputs: Numbers) -> Numbers:
    """Residuals of a linear regression of values on inputs."""
    inputs = np.column_stack([np.ones(len(values)), inputs])
    rest: Numbers = values - inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0]
    return rest


def _share(values: Numbers, inputs: Numbers) -> float:
    """The share of the variance of values that inputs explain linearly."""
    total = float(np.sum((values - values.mean()) ** 2))
    return 1 - float(np.sum(_rest(values, inputs) ** 2)) / total if total > 1e-12 else 0.0


def _decides(column: Column, grades: Numbers) -> bool:
    """Whether a grade determines categories: sorted by the grade, they seldom change."""
    both = np.flatnonzero((column.texts != "") & np.isfinite(grades))
    both = np.random.default_rng(0).permutation(both)  # random order among equal grades
    codes = column.codes[both]
    by_chance = len(codes) - float(np.sum(np.bincount(codes, minlength=1) ** 2)) / max(
        len(codes), 1
    )
    changes = int(np.count_nonzero(np.diff(codes[np.argsort(grades[both], kind="stable")])))
    return by_chance > 5 and changes < _CHANGES * by_chance


# Inputs and groups ------------------------------------------------------------


def categories(
    found: list[Column], students: int, complete: int, remarks: Remarks
) -> tuple[list[Column], list[Column]]:
    """Categorical columns: those known beforehand (static), and those to compare groups by.

    `students` is the number of students, `complete` that of students to train on.
    """
    places, groups, others = list[Column](), list[Column](), list[Column]()
    for column in found:
        distinct = len(column.distinct)
        few = distinct <= max(2, min(students, column.filled) / _STUDENTS_A_CATEGORY)
        named = column.is_place or column.is_person or column.named("code") or distinct == 2
        a_number = (column.numeric and not named) or column.decimals
        if a_number or (column.named_id and not (column.is_place and few)):
            continue
        if column.is_place and (distinct == 1 or not few):
            what = f"{distinct} different texts for {students} students"
            remarks.ask(f"static: {column.name} is left out: {what}")
        elif distinct > 1 and few and (column.is_place or distinct <= _CATEGORIES):
            if column.is_person:
                groups.append(column)
            elif not any(column.follows(other) for other in places):
                (places if column.is_place else others).append(column)
    room = max(1, min(_STATIC, complete // _STUDENTS_AN_INPUT))
    static, more = places[:room], [*places[room:], *others]
    if len(more) <= room - len(static):
        static, more = [*static, *more], []
    if static:
        numbers = listed(f"{column.name} ({len(column.distinct)})" for column in static)
        remarks.why["static"] = f"Columns of few categories: {numbers}."
    if groups:
        remarks.why["groups"] = "Not for the forecast, but to compare its errors between groups."
    if more:
        remarks.ask(f"static: {listed(more)} have few categories, too. {_ADD}")
    return static, groups


def numeric(found: list[Column], complete: int, remarks: Remarks) -> list[Column]:
    """Numeric columns that may be known beforehand."""
    numbers = [
        column
        for column in found
        if column.numeric
        and len(column.distinct) > 2
        and not (column.counts or _years(column) or column.named("code"))
        and not (column.named_id or _like_ids(column))
    ]
    room = complete // _STUDENTS_AN_INPUT if len(numbers) <= _NUMERIC else 0
    if numbers[:room]:
        remarks.ask(f"numeric: {listed(numbers[:room])}: known before the grade to forecast?")
    if numbers[room:]:
        remarks.ask(f"numeric: {listed(numbers[room:])} are numbers, too. {_ADD}")
    return numbers[:room]


def _years(column: Column) -> bool:
    return not column.decimals and 1900 <= column.values.min() <= column.values.max() <= 2100


def spellings(found: list[Column], remarks: Remarks) -> dict[str, dict[str, str]]:
    """Variant spellings and the category each means, by column that has any."""
    result = {}
    for column in found:
        gender = column.named("gender")
        same: dict[str, list[str]] = {}
        for text, _ in Counter(column.texts[column.texts != ""].tolist()).most_common():
            key = " ".join(text.casefold().split())
            key = "" if key in WORDS["no_category"] else _GENDERS.get(key, key) if gender else key
            same.setdefault(key, []).append(text)
        spelt: dict[str, str] = {}
        for key, texts in same.items():
            meant = "" if not key else max(texts, key=len) if gender else texts[0]
            spelt |= {text: meant for text in texts if text != meant}
        if spelt:
            result[column.name] = dict(sorted(spelt.items()))
    return result


# Ids --------------------------------------------------------------------------


def ids(left: list[Column], static: list[Column], filled: Mask, remarks: Remarks) -> list[Column]:
    """The columns that identify each student, alone or together, in the rows `filled`."""
    named = [column for column in left if column.filled and column.named_id]
    serial = [each for each in named if each.counted_up and not each.named("roll", "name")]
    called = names(named)
    codes = [column for column in named if column not in [*serial, *called]]
    others = [column for column in left if column not in named and _like_ids(column)]
    enough = 0.98 * filled.sum()
    alone = [[each] for each in [*codes, *others, *called, *serial] if each.filled >= enough]
    beside = [[], *([each] for each in static), static]
    together = [[*each, *parts] for parts in (codes, [*codes, *called]) for each in beside if parts]
    for chosen in [*alone, *together]:
        texts = zip(*(column.texts[filled].tolist() for column in chosen), strict=True)
        times = Counter("/".join(filter(None, each)) for each in texts)
        times.pop("", None)
        if times and max(times.values()) == 1:
            return [*chosen, *(each for each in called[:2] if each not in chosen)]
    for column in codes:
        if len(column.distinct) >= 0.9 * column.filled >= 0.9 * enough:
            return [column]  # the reader then reports the rows of a duplicate student
    remarks.ask("id: no column is different in every row, so students are named by their row")
    return []


def names(found: list[Column]) -> list[Column]:
    """The columns of students' names."""
    named = [each for each in found if each.named("name") and not each.named("relative", "place")]
    return [column for column in named if len(column.distinct) > 2]


def _like_ids(column: Column) -> bool:
    """Whether values are consecutive or codes of one length, not measurements or free text."""
    if column.decimals or column.named("grade", "counted", "no_grade", "term", "no_id"):
        return False
    texts = column.texts[column.texts != ""].tolist()
    alike = len({len(text) for text in texts}) == 1
    if column.numeric:
        return column.counted_up or (alike and len(texts[0]) > 4)
    return all(len(text) <= 20 and " " not in text for text in texts)
