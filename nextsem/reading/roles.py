"""What the other columns of a strange table are for: inputs, groups, ids, or nothing."""

from collections import Counter

import numpy as np

from nextsem.reading.columns import WORDS, Column, Remarks, listed
from nextsem.students.students import Mask, Numbers

_CATEGORIES = 50  # of a column that is not called a place, at most
_STUDENTS_A_CATEGORY = 4  # on average, at least
_STATIC, _NUMERIC = 3, 10  # columns proposed, at most
_STUDENTS_AN_INPUT = 20  # at least
_MADE_OF_GRADES = 0.98  # of a column's variance explained by the grades, at least
_TELLS = 0.5  # of what earlier grades leave open in the last one, explained by the column, at least
_CHANGES = 0.25  # of the changes that chance makes, where a category follows from a grade, at most
_GENDERS = dict.fromkeys(WORDS["male"], "male") | dict.fromkeys(WORDS["female"], "female")


# Left out ---------------------------------------------------------------------


def tells(column: Column, grades: Numbers, last: Column | None) -> bool:
    """Whether a column may be made from the last grade, or known no sooner, and so give it away.

    Parameters
    ----------
    grades : [rows, semesters], of the same rows as the column
    last : the column of the last semester, if each has one
    """
    if (
        column.named("of_all")
        or (column.numeric and _explains(column.numbers, grades))
        or (
            2 <= len(column.distinct) <= 10
            and any(_decides(column, each) for each in (grades[:, -1], grades.mean(axis=1)))
        )
    ):
        return True
    if column.named("before"):
        return False
    later = last is not None and bool(column.order) and column.order >= last.order
    return later or (column.named("counted") and not column.order)


def _explains(values: Numbers, grades: Numbers) -> bool:
    """Whether numbers are made from the grades, or tell of the last what the others do not."""
    both = np.isfinite(values) & np.isfinite(grades).all(axis=1)
    if both.sum() <= 3 * grades.shape[1] + 3:
        return False
    values, before, last = values[both], grades[both, :-1], grades[both, -1]
    left = _rest(values, before)
    return (
        _share(values, grades[both]) > _MADE_OF_GRADES
        or _share(_rest(last, before), left[:, None]) > _TELLS
    )


def _rest(values: Numbers, inputs: Numbers) -> Numbers:
    """What a linear regression on the inputs leaves of values."""
    inputs = np.column_stack([np.ones(len(values)), inputs])
    rest: Numbers = values - inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0]
    return rest


def _share(values: Numbers, inputs: Numbers) -> float:
    """The share of the variance of values that inputs explain linearly."""
    total = float(np.sum((values - values.mean()) ** 2))
    return 1 - float(np.sum(_rest(values, inputs) ** 2)) / total if total > 1e-12 else 0.0


def _decides(column: Column, grades: Numbers) -> bool:
    """Whether categories follow from a grade: in its order, they seldom change."""
    both = np.flatnonzero((column.texts != "") & np.isfinite(grades))
    both = np.random.default_rng(0).permutation(both)  # in no order, where grades are the same
    places, values = column.codes[both], grades[both]
    sizes = np.bincount(places, minlength=1)
    by_chance = len(places) - float(np.sum(sizes**2)) / max(len(places), 1)
    changes = int(np.count_nonzero(np.diff(places[np.argsort(values, kind="stable")])))
    return by_chance > 5 and changes < _CHANGES * by_chance


# Inputs and groups ------------------------------------------------------------


def categories(
    found: list[Column], students: int, complete: int, remarks: Remarks
) -> tuple[list[Column], list[Column]]:
    """Columns of few values: those known beforehand, and those to compare groups by.

    Parameters
    ----------
    students : how many there are
    complete : how many of them there are to learn from
    """
    places: list[Column] = []
    groups: list[Column] = []
    others: list[Column] = []
    for column in found:
        distinct = len(column.distinct)
        few = distinct <= max(2, min(students, column.filled) / _STUDENTS_A_CATEGORY)
        named = column.is_place or column.named("person", "code") or distinct == 2
        if (column.numeric and not named) or column.decimals:
            continue  # rather a number
        if column.named("roll", "name") and not (column.is_place and few):
            continue  # rather an id
        if column.is_place and (distinct == 1 or not few):
            remarks.check.append(
                f"static: {column.name} is left out; it has {distinct} categories for {students} "
                "students"
            )
        elif distinct > 1 and few and (column.is_place or distinct <= _CATEGORIES):
            kind = others if not column.is_place else places
            kind = groups if column.named("person") else kind
            if kind is groups or not any(column.follows(other) for other in places):
                kind.append(column)
    room = max(1, min(_STATIC, complete // _STUDENTS_AN_INPUT))
    static, more = places[:room], [*places[room:], *others]
    if len(more) <= room - len(static):
        static, more = [*static, *more], []
    if static:
        numbers = listed(f"{column.name} ({len(column.distinct)})" for column in static)
        remarks.why["static"] = f"Columns of few categories: {numbers}."
    if groups:
        remarks.why["groups"] = "Not for the forecast, but to see for whom it is worse."
    if more:
        remarks.check.append(
            f"static: {listed(more)} have few categories, too. Add those that matter to grades and "
            "are known before"
        )
    return static, groups


def numeric(found: list[Column], complete: int, remarks: Remarks) -> list[Column]:
    """Further numbers known beforehand."""
    numbers = [
        column
        for column in found
        if column.numeric
        and len(column.distinct) > 2
        and not column.counts
        and not (column.named("code") or column.named_id or _like_ids(column))
    ]
    taken = numbers[: complete // _STUDENTS_AN_INPUT] if len(numbers) <= _NUMERIC else []
    more = [each for each in numbers if each not in taken]
    if taken:
        remarks.why["numeric"] = "Numbers that are neither grades nor codes."
        remarks.check.append(f"numeric: {listed(taken)}: known before the grade to forecast?")
    if more:
        remarks.check.append(
            f"numeric: {listed(more)} are numbers, too. Add those that matter to grades and are known "
            "before"
        )
    return taken


def spellings(found: list[Column], remarks: Remarks) -> dict[str, dict[str, str]]:
    """Ways to write the same category, for each column that has any."""
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
            remarks.why["spellings"] = "Found side by side."
    return result


# Ids --------------------------------------------------------------------------


def ids(left: list[Column], static: list[Column], filled: Mask, remarks: Remarks) -> list[Column]:
    """The columns that name each student of a wide table, alone or together.

    `filled` says of each row whether anything stands in it.
    """
    named = [column for column in left if column.filled and column.named_id]
    serial = [column for column in named if all(word in WORDS["serial"] for word in column.words)]
    names = [each for each in named if each.named("name") and not each.named("relative")]
    codes = [column for column in named if column not in [*serial, *names]]
    others = [column for column in left if _like_ids(column)]
    enough = 0.98 * filled.sum()
    alone = [[each] for each in [*codes, *names, *serial, *others] if each.filled >= enough]
    together = [
        [*each, *parts]
        for parts in (codes, [*codes, *names])
        for each in ([], *([one] for one in static), static)
        if parts
    ]
    for chosen in [*alone, *together]:
        texts = zip(*(column.texts[filled].tolist() for column in chosen), strict=True)
        times = Counter("/".join(filter(None, each)) for each in texts)
        times.pop("", None)
        if times and max(times.values()) == 1:
            remarks.why["id"] = "Different in every row, taken together."
            return [*chosen, *(each for each in names[:2] if each not in chosen)]
    for column in codes:
        if len(column.distinct) >= 0.9 * column.filled >= 0.9 * enough:
            return [column]  # and the reader names the rows of one student
    remarks.why["id"] = "No column names each student, so the row does."
    remarks.check.append(
        "id: no column is different in every row, so students are named by their row"
    )
    return []


def _like_ids(column: Column) -> bool:
    """Whether values are counted up or codes of one length, neither measured nor written freely."""
    if column.decimals or column.named("grade", "no_grade", "term"):
        return False
    texts = column.texts[column.texts != ""].tolist()
    alike = len({len(text) for text in texts}) == 1
    if column.numeric:
        return bool((np.diff(column.values) == 1).all()) or (alike and len(texts[0]) > 4)
    return all(len(text) <= 20 and " " not in text for text in texts)
