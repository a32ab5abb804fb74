"""Grades in columns of an unfamiliar table: their scale, and marks for missing ones."""

import re
from dataclasses import dataclass

import numpy as np

from nextsem.reading.columns import WORDS, Column, Remarks, highest, listed, marks_in, scale
from nextsem.students.students import Numbers

_SENTINELS = (99.0, 999.0, 9999.0)
_LETTERS = 0.8  # of the texts in a column of letter grades that are on a scale, at least
_SCALES = [
    dict(zip(WORDS[kind][::2], map(float, WORDS[kind][1::2]), strict=True))
    for kind in ("letters", "letters_with_o", "letters_with_s")
]


@dataclass(frozen=True)
class Grades:
    """Grades [rows, columns], NaN where missing, and the parameters to read them."""

    values: Numbers
    missing: list[str]
    grade_range: list[float]
    lower_is_better: bool
    letters: dict[str, float]


def letters(found: list[Column]) -> tuple[list[Column], dict[str, float]]:
    """The columns, letter grades replaced by grade points, and the points of each letter.

    The scale is the usual one that fits most letters.
    """
    graded = [
        column
        for column in found
        if not (column.numeric or column.is_place or column.is_person)
        and ("#" in column.words or column.named("grade", "semester"))
    ]
    scale = max(_SCALES, key=lambda each: sum(_share(column, each) for column in graded))
    in_letters = [
        column
        for column in graded
        if _share(column, scale) >= _LETTERS and len(scale.keys() & set(column.distinct)) > 2
    ]
    return [each.in_points(scale) if each in in_letters else each for each in found], scale


def _share(column: Column, letters: dict[str, float]) -> float:
    """The share of a column's texts, without marks for no grade, that are letters of a scale."""
    marks = [text for text in column.distinct if text.casefold() in WORDS["no_mark"]]
    texts = column.texts[(column.texts != "") & ~np.isin(column.texts, marks)]
    return float(np.isin(texts, list(letters)).mean()) if len(texts) else 0.0


def read(graded: list[Column], letters: dict[str, float], sheet: str, remarks: Remarks) -> Grades:
    """Guess how to read the grades in some columns; `letters` has the points of a scale."""
    in_letters = graded[0].in_letters
    values, missing = _values(graded, in_letters, remarks)
    if in_letters:
        points = ", ".join(f"{letter} {each:g}" for letter, each in letters.items())
        remarks.why["letters"] = "A usual scale of such letters."
        remarks.ask(
            f"letters: are these your grade points? {points}. Otherwise change data.letters and "
            "data.grade_range"
        )
        ends = [min(letters.values()), max(letters.values())]
        return Grades(values, missing, ends, False, letters)
    known = np.sort(values[np.isfinite(values)])
    high = scale(known)
    known = known[known <= high]
    text = str(graded[0].texts[np.isfinite(graded[0].numbers)][0])
    sign = re.search(r"(%|/\s*\d+)$", text)
    if sign:
        high = max(high, 100.0 if sign[1] == "%" else float(sign[1].strip("/ ")))
    hint = _lower_is_better(sheet, graded, known) if high in (4, 5, 6) else ""
    high = 5.0 if hint and high == 4 else high
    low = 1.0 if high in (5, 6) and known[0] >= 1 else 0.0
    high = 10.0 if high == 6 and not low else high
    low = -highest(-known) if known[0] < 0 else low
    shown = f"he grades go from {known[0]:g} to {known[-1]:g}"
    remarks.why["grade_range"] = f"T{shown}."
    remarks.ask(f"grade_range: t{shown}. Are {low:g} and {high:g} the lowest and highest possible?")
    if hint:
        remarks.why["lower_is_better"] = f"{hint[0].upper()}{hint[1:]}."
        remarks.ask(f"lower_is_better: is 1 the best grade? It seems so: {hint}")
    elif high in (4, 5, 6) and known[0] >= 1:
        remarks.ask("lower_is_better: is a higher grade better? If 1 is the best, set it to true")
    return Grades(values, missing, [low, high], bool(hint), {})


def _values(graded: list[Column], in_letters: bool, remarks: Remarks) -> tuple[Numbers, list[str]]:
    """The grades [rows, columns], NaN where missing, and the marks for missing ones."""
    grades = np.stack([column.numbers for column in graded], axis=1)
    times = marks_in(graded)
    wrong = [
        f"row {column.cells.index[int(row)]}, column {column.name}: is not a number; if it means "
        "that there is no grade, add it to data.missing"
        for column in graded
        for row in np.flatnonzero(column.no_number & ~np.isin(column.texts, [*times]))
    ]
    remarks.mend += wrong[:3] + ([f"{len(wrong) - 3} more cells like these"] if wrong[3:] else [])
    if times:
        counted = listed(f"{text} ({count})" for text, count in times.items())
        remarks.why["missing"] = f"Texts among the grades, and how many: {counted}."
        remarks.ask(f"missing: do all of these mean that there is no grade? {counted}")
    if in_letters:
        return grades, [*times]
    none = _numbers_for_none(grades)
    for value in sorted({*none, *({0.0} & set(grades.ravel().tolist()))}):
        counts = zip(graded, (grades == value).sum(axis=0), strict=True)
        where = listed(f"{column.name} ({count})" for column, count in counts if count)
        taken = (
            "no grade; if it is one, take it out of"
            if value in none
            else "a grade; if it is none, add it to"
        )
        remarks.ask(f"missing: {value:g} in {where} is taken for {taken} data.missing")
    missing = [*times, *(f"{each:g}" for each in none)]
    return np.where(np.isin(grades, none), np.nan, grades), missing


def _numbers_for_none(grades: Numbers) -> list[float]:
    """Sentinel values among grades that mark missing ones, such as -1, 0 or 999."""
    values = grades[np.isfinite(grades)]
    none = set(values[values < 0].tolist())
    if len(none) > 2 or any(value % 1 for value in none):
        return []  # scores that may be negative
    usual = values[(values > 0) & (values < min(_SENTINELS))]
    none |= {value for value in _SENTINELS if value in values and value > 3 * usual.max(initial=0)}
    usual = values[(values > 0) & ~np.isin(values, list(none))]
    lowest, high = usual.min(initial=np.inf), highest(usual)
    still_to_come = (grades[:, -1] == 0).sum() > 2 and not (grades[:, :-1] == 0).any()
    still_to_come &= grades.shape[1] > 1
    if lowest >= max(0.2 * high, 1) or (still_to_come and lowest >= 0.1 * high):
        none |= {0.0} & set(values.tolist())
    return sorted(none)


def _lower_is_better(sheet: str, graded: list[Column], values: Numbers) -> str:
    """The reason to assume that a lower grade is better; "" if there is none."""
    if any(column.named("best_is_one") for column in graded):
        return f"that is usual where a column is called {graded[0].name}"
    if not {*re.findall(r"[^\W\d_]+", sheet.casefold())}.isdisjoint(WORDS["best_is_one"]):
        return f"that is usual where a sheet is called {sheet}"
    steps = np.round(values % 1, 2)
    if np.isin(steps, [0, 0.3, 0.7]).all() and np.isin([0.3, 0.7], steps).all():
        return "the grades go in steps as 1.0, 1.3, 1.7, 2.0"
    return ""


def line(found: Grades, usual: float) -> tuple[float, float]:
    """A round risk threshold with about a tenth of the last grades beyond it, and their share.

    It is the `usual` one on a scale from 0 to 10, if a useful share of grades is beyond that.
    """
    grades = found.values[:, -1]
    grades = grades[np.isfinite(grades)]
    low, high = found.grade_range

    def worse(each: float) -> float:
        return float(np.mean(grades > each if found.lower_is_better else grades < each))

    if (low, high) == (0, 10) and 0.02 <= worse(usual) <= 0.5:
        return usual, worse(usual)
    lines = [round(low + (high - low) / 20 * step, 6) for step in range(1, 20)]
    best = min(lines, key=lambda each: abs(worse(each) - 0.1))
    return best, worse(best)
