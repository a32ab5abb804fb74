"""Look at a strange table and propose how to read it: the group `data` of params.yaml, and why.

What a column is for is told by its name, or else by its values. Nothing of that is sure, so every
choice comes with its reason, and whatever a person should look at is listed.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from nextsem import InputError, columns, placement, tables
from nextsem.columns import Column, highest, listed
from nextsem.params import Data
from nextsem.scores import correlation_ratio
from nextsem.students import Mask, Numbers

_CATEGORIES = 50  # of a column, at most
_STUDENTS_A_CATEGORY = 4  # on average, at least
_STUDENTS_FOR_RANGES = 15  # in the middle one of the categories, at least
_STATIC, _NUMERIC = 3, 10  # columns proposed, at most
_STUDENTS_AN_INPUT = 20  # at least
_STILL_TO_COME = 0.05  # of the grades that another semester has, at most
_MADE_OF_GRADES = 0.98  # of a column's variance explained by the grades, at least
_DECIDED_BY_LAST = 0.8  # of the last grade's variance explained by categories, at least
_SENTINELS = (99.0, 999.0, 9999.0)
_NO_CATEGORY = {
    *("-", "--", ".", "?", "na", "n/a", "nan", "none", "null", "nil", "unknown", "missing"),
}
_GENDERS = dict.fromkeys(["m", "male", "man", "boy", "mann", "männlich", "homme", "hombre"], "male")
_GENDERS |= dict.fromkeys(["f", "female", "woman", "girl", "w", "frau", "weiblich"], "female")


@dataclass(frozen=True)
class Description:
    """What is proposed for a table.

    Attributes
    ----------
    data : the group `data`
    why : a reason, for those of its keys that have one
    by : the static column to compare categories of, or None
    line : the grade to tell the risk of falling below for
    worse : share of the last semester's grades that are worse than it
    check : what a person should look at, a sentence each
    """

    data: Data
    why: dict[str, str]
    by: str | None
    line: float
    worse: float
    check: list[str]


def describe(path: Path, sheet: str, usual: Data, line: float) -> Description:
    """Propose how to read a table.

    Parameters
    ----------
    sheet : of a workbook, or "" to look for it
    usual : what else is to be as it was, such as `incomplete`
    line : the grade to tell the risk of falling below for, if it is of use

    Raises
    ------
    InputError
        The file cannot be read, or no columns in it look like grades of semesters.
    """
    check: list[str] = []
    why: dict[str, str] = {}
    place = placement.find(path, sheet, check)
    reading = usual.model_copy(
        update={
            "table": path.as_posix(),
            "separator": "auto",
            "decimal": "auto",
            "encoding": place.encoding,
            "sheet": place.sheet,
            "header_row": place.header_row,
            "footer_rows": 0,
        }
    )
    cells = tables.read_cells(path, reading)
    footer = placement.footer(cells, why, check)
    cells = cells[: len(cells) - footer]
    found = [Column.of(str(name), n, cells.iloc[:, n]) for n, name in enumerate(cells.columns)]

    semesters, to_come = _semesters(path, found, why, check)
    grades, missing = _grades(semesters, cells.index, why, check)
    grade_range, lower_is_better = _scale(place.sheet, found, semesters, grades, why, check)
    left = [column for column in found if column not in [*semesters, *to_come]]
    left = _without_what_tells(left, semesters, grades, check)
    complete = int(np.isfinite(grades).all(axis=1).sum())
    static, groups = _categories(left, complete, why, check)
    left = [column for column in left if column not in [*static, *groups]]
    numeric = _numeric(left, semesters[-1].name, complete, why, check)
    ids = _ids([column for column in left if column not in numeric], static, cells, why, check)

    data = reading.model_copy(
        update={
            "semesters": [column.name for column in semesters],
            "static": [column.name for column in static],
            "numeric": [column.name for column in numeric],
            "groups": [column.name for column in groups],
            "spellings": _spellings([*static, *groups], why),
            "id": [column.name for column in ids],
            "grade_range": grade_range,
            "lower_is_better": lower_is_better,
            "missing": list(
                dict.fromkeys([*missing, *(m for each in numeric for m in each.marks)])
            ),
            "footer_rows": footer,
        }
    )
    _count(path, data, grades, why, check)
    by = _by(static, data.spellings, grades)
    return Description(data, why, by, *_line(grades[:, -1], data, line), check)


# The grades -------------------------------------------------------------------


def _semesters(
    path: Path, found: list[Column], why: dict[str, str], check: list[str]
) -> tuple[list[Column], list[Column]]:
    """The columns of the semesters' grades in order, and those that hold none or too few."""
    series = _series(found)
    if series:
        best, *others = series
        ordered = sorted(best, key=lambda each: (each.order, each.place))
        why["semesters"] = "In the order of the numbers in their names."
        if "~" in best[0].words:
            why["semesters"] = "In the order of the years in their names, then as they stand."
        for other in others[:3]:
            check.append(f"semesters: {listed(other)} look like grades, too, and are not taken")
    else:
        ordered = _by_place(path, found)
        why["semesters"] = "As they stand."
        check.append(
            f"semesters: the names {listed(ordered)} do not say which comes first, so they are taken "
            "as they stand"
        )
    numbers = [each.order[0] for each in ordered if len(each.order) == 1]
    lacking = [n for one, other in pairwise(numbers) for n in range(one + 1, other)]
    if lacking and len(lacking) < 5 and max(numbers) <= 20:
        check.append(f"semesters: number {listed(lacking)} is not there")
    return _without_empty(path, ordered, why, check)


def _series(found: list[Column]) -> list[list[Column]]:
    """Groups of columns whose names differ in their numbers only, the likeliest grades first."""
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in found:
        if "#" in column.words and (column.may_be_grades() or not column.filled or _called(column)):
            groups.setdefault(column.words, []).append(column)
    series = [each for each in groups.values() if sum(column.numeric for column in each) > 1]
    likely = [each for each in series if _likely(each) >= 2] or series
    likely = [each for each in likely if _likely(each) > 0]
    return sorted(likely, key=lambda each: (_likely(each), len(each)), reverse=True)


def _called(column: Column) -> bool:
    """Whether a column of numbers is called grades, which may then be any."""
    return column.numeric and column.named(columns.GRADE, columns.SEMESTER)


def _likely(series: list[Column]) -> float:
    """How likely columns of alike names are grades, 0 or less if not."""
    one = series[0]
    decimals = any((column.values % 1 > 0).any() for column in series)
    score = 1 + (one.words == ("#",)) + 0.5 * decimals
    score += 4 * one.named(columns.GRADE) + 2 * one.named(columns.SEMESTER)
    return score - 1.5 * one.named(columns.OF_ALL) - 8 * one.named(columns.NO_GRADE)


def _by_place(path: Path, found: list[Column]) -> list[Column]:
    """The longest run of neighbouring columns that may be grades on one scale.

    Raises
    ------
    InputError
        There is none.
    """
    made_of_all = {word: 1 for word in columns.OF_ALL if word != "final"}
    others = (columns.NO_GRADE, made_of_all, columns.CODE, columns.PLACE, columns.PERSON)
    best: list[Column] = []
    run: list[Column] = []
    for column in found:
        if not column.may_be_grades() or len(column.distinct) < 4 or column.named(*others):
            run = []
        elif run and highest(column.values) == highest(run[-1].values):
            run = [*run, column]
        else:
            run = [column]
        best = max(best, run, key=len)
    if len(best) > 1:
        return best
    called = [each for each in found if each.named(columns.GRADE, columns.SEMESTER)]
    letters = [each for each in called if not {"A", "B", "C"}.isdisjoint(each.distinct)]
    if len(letters) > 1:
        raise InputError(
            f"{path}: {listed(letters)} hold letters; allowed: numbers (turn A, B and so on into grade "
            "points first)"
        )
    if any(each.named(columns.SEMESTER) and 1 < len(each.distinct) <= 20 for each in called):
        raise InputError(
            f"{path}: has a row for each student and semester, it seems; allowed: a row for each "
            "student, and a column for each semester's grade (a pivot table makes it)"
        )
    raise InputError(
        f"{path}: no two columns look like grades of semesters; found: {listed(found)}; allowed: "
        "numbers, a column for each semester"
    )


def _without_empty(
    path: Path, ordered: list[Column], why: dict[str, str], check: list[str]
) -> tuple[list[Column], list[Column]]:
    """Leave out semesters that no one has a grade in, or that are still to come for nearly all."""
    known, left = list(ordered), []
    few = max(4, _STILL_TO_COME * max(len(each.values) for each in ordered))
    while known and len(known[-1].values) < few:
        left.append(known.pop())
        check.append(
            f"semesters: {left[-1].name} is left out; {len(left[-1].values)} students have a grade in it"
        )
    for each in [column for column in known if not column.filled]:
        known.remove(each)
        left.append(each)
        check.append(f"semesters: {each.name} is left out; it is empty")
    if len(known) < 2:
        raise InputError(
            f"{path}: of {listed(ordered)} only {len(known)} with grades of 4 students or more; allowed: "
            "two or more"
        )
    alike = [each for each in known if (each.values == each.values[0]).all()]
    if alike:
        check.append(f"semesters: in {listed(alike)} everyone has the same grade")
    why["semesters"] += f" The {known[-1].name} is forecast from those before it."
    return known, left


def _grades(
    semesters: list[Column], rows: pd.Index, why: dict[str, str], check: list[str]
) -> tuple[Numbers, list[str]]:
    """The grades [rows, semesters], and the marks that stand for no grade."""
    grades = np.stack([column.numbers for column in semesters], axis=1)
    times = Counter(text for each in semesters for text in each.texts[each.no_number].tolist())
    texts = [text for text, _ in times.most_common() if not re.search(r"\d", text)]
    for text in [text for text in times if text not in texts][:3]:
        column = next(each for each in semesters if text in each.texts)
        row = rows[column.texts == text][0]
        check.append(f"to mend: row {row}, column {column.name}: {text!r} is not a number")

    values = grades[np.isfinite(grades)]
    usual = values[(values > 0) & (values < min(_SENTINELS))]
    no_grades = {float(value) for value in values if value < 0}
    no_grades |= {
        value for value in _SENTINELS if value in values and value > 3 * usual.max(initial=0)
    }
    usual = values[(values > 0) & ~np.isin(values, list(no_grades))]
    lowest, high = usual.min(initial=np.inf), highest(usual)
    still_to_come = (grades[:, -1] == 0).sum() > 2 and not (grades[:, :-1] == 0).any()
    if lowest >= max(0.2 * high, 1) or (still_to_come and lowest >= 0.1 * high):
        no_grades |= {0.0} & set(values.tolist())
    if texts:
        why["missing"] = f"Texts among the grades: {listed(texts)}."
        check.append(f"missing: do {listed(texts)} all mean that there is no grade?")
    for value in sorted(no_grades):
        check.append(
            f"missing: {value:g} stands {int((values == value).sum())} times, far from all other "
            "grades, and is taken for no grade"
        )
    marks = [*texts, *(f"{value:g}" for value in sorted(no_grades))]
    return np.where(np.isin(grades, list(no_grades)), np.nan, grades), marks


def _scale(
    sheet: str,
    found: list[Column],
    semesters: list[Column],
    grades: Numbers,
    why: dict[str, str],
    check: list[str],
) -> tuple[list[float], bool]:
    """The lowest and the highest grade, and whether a lower one is better."""
    values = np.sort(grades[np.isfinite(grades)])
    high, beyond = columns.scale(values)
    for value in beyond[:3]:
        column = next(each for each in semesters if value in each.values)
        check.append(f"to mend: column {column.name}: {value:g} is far above all other grades")
    values = values[values <= high]
    text = str(semesters[0].texts[np.isfinite(semesters[0].numbers)][0])
    sign = re.search(r"(%|/\s*\d+)$", text)
    if sign:
        high = max(high, 100.0 if sign[1] == "%" else float(sign[1].strip("/ ")))
    hint = _hint_of_lower(sheet, found, semesters, grades, values) if high in (4, 5, 6) else ""
    high = 5.0 if hint and high == 4 else high
    low = 1.0 if high in (5, 6) and values[0] >= 1 else 0.0
    high = 10.0 if high == 6 and not low else high
    shown = f"he grades go from {values[0]:g} to {values[-1]:g}"
    why["grade_range"] = f"T{shown}."
    check.append(
        f"grade_range: t{shown}. Are {low:g} and {high:g} the lowest and highest possible?"
    )
    if hint:
        why["lower_is_better"] = f"{hint[0].upper()}{hint[1:]}."
        check.append(f"lower_is_better: is 1 the best grade? It seems so: {hint}")
    elif low:
        check.append("lower_is_better: is a higher grade better, and not 1 the best?")
    return [low, high], bool(hint)


def _hint_of_lower(
    sheet: str, found: list[Column], semesters: list[Column], grades: Numbers, values: Numbers
) -> str:
    """Why to believe that a lower grade is better; "" if nothing says so."""
    if any(column.named(columns.BEST_IS_ONE) for column in semesters):
        return f"that is usual where a column is called {semesters[0].name}"
    if any(word in columns.BEST_IS_ONE for word in re.findall(r"[^\W\d_]+", sheet.casefold())):
        return f"that is usual where a sheet is called {sheet}"
    steps = np.round(values % 1, 2)
    if np.isin(steps, [0, 0.3, 0.7]).all() and np.isin([0.3, 0.7], steps).all():
        return "the grades go in steps as 1.0, 1.3, 1.7, 2.0"
    known = np.isfinite(grades)
    mean = np.where(known, grades, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    for column in [each for each in found if each not in semesters]:
        better = column.named(columns.HELPFUL) - column.named(columns.HARMFUL)
        both = np.isfinite(column.numbers) & known.any(axis=1)
        if better and column.numeric and both.sum() > 20 and np.ptp(column.numbers[both]) > 0:
            together = better * np.corrcoef(column.numbers[both], mean[both])[0, 1]
            if together < -0.2:
                return (
                    f"grades are lower where {column.name} is {'higher' if better > 0 else 'lower'}"
                )
    return ""


# The other columns ------------------------------------------------------------


def _without_what_tells(
    found: list[Column], semesters: list[Column], grades: Numbers, check: list[str]
) -> list[Column]:
    """Leave out columns made from the last grade, or known no sooner: they would give it away."""
    last = semesters[-1]
    alike = Counter(column.words for column in found)
    telling = []
    for column in found:
        # An attendance 5 comes with semester 5; a question 5 of a hundred does not.
        later = bool(column.order) and column.order >= last.order
        later = later and alike[column.words] <= len(semesters) + 2
        if (
            later
            or column.named(columns.OF_ALL)
            or (column.numeric and _explained(column.numbers, grades) > _MADE_OF_GRADES)
            or (
                not column.numeric
                and 2 <= len(column.distinct) <= 10
                and correlation_ratio(column.texts, grades[:, -1]) ** 2 > _DECIDED_BY_LAST
            )
        ):
            telling.append(column)
    if telling:
        check.append(
            f"left out, as made from the {last.name} or known no sooner: {listed(telling)}. Is that so?"
        )
    return [column for column in found if column not in telling]


def _explained(values: Numbers, grades: Numbers) -> float:
    """The share of a column's variance that grades explain linearly; 0 where too few have both."""
    both = np.isfinite(values) & np.isfinite(grades).all(axis=1)
    if both.sum() <= 3 * grades.shape[1] + 3:
        return 0.0
    inputs, deviation = grades[both] - grades[both].mean(axis=0), values[both] - values[both].mean()
    rest = deviation - inputs @ np.linalg.lstsq(inputs, deviation, rcond=None)[0]
    total = float(deviation @ deviation)
    return 1 - float(rest @ rest) / total if total else 0.0


def _categories(
    found: list[Column], complete: int, why: dict[str, str], check: list[str]
) -> tuple[list[Column], list[Column]]:
    """Columns of few values: those known beforehand, and those to compare groups by."""
    places: list[Column] = []
    groups: list[Column] = []
    others: list[Column] = []
    for column in found:
        distinct = len(column.distinct)
        place = column.named(columns.PLACE) and not column.named(columns.ROLL)
        named = place or column.named(columns.PERSON, columns.CODE) or distinct == 2
        few = distinct <= min(_CATEGORIES, max(2, column.filled / _STUDENTS_A_CATEGORY))
        if (column.numeric and not named) or (column.values % 1 > 0).any():
            continue  # rather a number
        if column.named(columns.ROLL, columns.NAME_OF_STUDENT) and not (place and few):
            continue  # rather an id
        if distinct == 1 and place:
            check.append(f"static: {column.name} is the same for everyone, and left out")
        elif place and not few:
            check.append(
                f"static: {column.name} is left out; it has {distinct} categories for {column.filled} "
                "students"
            )
        elif distinct > 1 and few:
            kind = groups if column.named(columns.PERSON) else places if place else others
            if kind is groups or not any(_follows(column, other) for other in places):
                kind.append(column)
    room = max(1, min(_STATIC, complete // _STUDENTS_AN_INPUT))
    static, more = places[:room], [*places[room:], *others]
    if len(more) <= room - len(static):
        static, more = [*static, *more], []
    if static:
        numbers = listed(f"{column.name} ({len(column.distinct)})" for column in static)
        why["static"] = f"Columns of few categories: {numbers}."
    if groups:
        why["groups"] = "Not for the forecast, but to see for whom it is worse."
    if more:
        check.append(
            f"static: {listed(more)} have few categories, too. Name those that matter to grades; with "
            "few students each one more also adds to the error"
        )
    return static, groups


def _follows(column: Column, other: Column) -> bool:
    """Whether a category of the other column always goes with the same one of this column."""
    pairs = {
        pair for pair in zip(other.texts.tolist(), column.texts.tolist(), strict=True) if pair[0]
    }
    return len(pairs) == len(other.distinct)


def _numeric(
    left: list[Column], last: str, complete: int, why: dict[str, str], check: list[str]
) -> list[Column]:
    """Further numbers known beforehand."""
    found = [
        column
        for column in left
        if column.numeric
        and len(column.distinct) > 2
        and not column.counts
        and not column.named(columns.CODE, columns.ID)
    ]
    taken = found
    if len(found) > _NUMERIC:
        taken = [each for each in found if each.named(columns.HELPFUL, columns.HARMFUL)]
    taken = taken[: min(_NUMERIC, complete // _STUDENTS_AN_INPUT)]
    more = [each for each in found if each not in taken]
    if taken:
        why["numeric"] = "Numbers that are neither grades nor codes."
        check.append(f"numeric: {listed(taken)}: known before the {last}?")
    if more:
        check.append(f"numeric: {listed(more)} are numbers, too. Name those that matter to grades")
    return taken


def _ids(
    left: list[Column],
    static: list[Column],
    cells: pd.DataFrame,
    why: dict[str, str],
    check: list[str],
) -> list[Column]:
    """The columns that name each student, alone or together."""
    rows = (cells != "").any(axis=1).to_numpy()
    named = [column for column in left if column.filled and column.named(columns.ID)]
    serial = [column for column in named if all(word in columns.SERIAL for word in column.words)]
    names = [column for column in named if column.named(columns.NAME_OF_STUDENT)]
    codes = [column for column in named if column not in [*serial, *names]]
    others = [column for column in left if not (column.values % 1 > 0).any()]
    full = [each for each in [*codes, *names, *serial, *others] if each.filled >= 0.98 * rows.sum()]
    for column in full:
        if _differ([column], rows):
            why["id"] = "Different in every row."
            return [column]
    for together in (codes, [*codes, *names]):
        for each in ([], *([one] for one in static), static):
            if together and _differ([*each, *together], rows):
                why["id"] = "Different in every row, taken together."
                return [*each, *together]
    for column in [each for each in full if each in codes]:
        if len(column.distinct) >= 0.9 * column.filled:
            twice = [
                text for text, times in Counter(column.texts.tolist()).items() if times > 1 and text
            ]
            same = cells.index[column.texts == twice[0]]
            check.append(
                f"to mend: rows {same[0]} and {same[1]} have the same {column.name}, {twice[0]}; or say "
                "id: []"
            )
            return [column]
    why["id"] = "No column names each student, so the row does."
    check.append("id: students are named by their row, since no column is different in every one")
    return []


def _differ(together: list[Column], rows: Mask) -> bool:
    """Whether columns, as far as they are filled in, are different in every row."""
    each = zip(*(column.texts[rows].tolist() for column in together), strict=True)
    names = Counter("/".join(filter(None, texts)) for texts in each)
    names.pop("", None)
    return bool(names) and max(names.values()) == 1


def _spellings(found: list[Column], why: dict[str, str]) -> dict[str, dict[str, str]]:
    """Ways to write the same category, for each column that has any."""
    result = {}
    for column in found:
        gender = column.named(columns.GENDER)
        same: dict[str, list[str]] = {}
        for text, _ in Counter(column.texts[column.texts != ""].tolist()).most_common():
            key = " ".join(text.casefold().split())
            key = "" if key in _NO_CATEGORY else _GENDERS.get(key, key) if gender else key
            same.setdefault(key, []).append(text)
        spelt: dict[str, str] = {}
        for key, texts in same.items():
            meant = "" if not key else max(texts, key=len) if gender else texts[0]
            spelt |= {text: meant for text in texts if text != meant}
        if spelt:
            result[column.name] = dict(sorted(spelt.items()))
    if result:
        why["spellings"] = "Found side by side."
    return result


# What follows from all that ---------------------------------------------------


def _count(path: Path, data: Data, grades: Numbers, why: dict[str, str], check: list[str]) -> None:
    """How many students there are to learn from, and what keeps the table from being read."""
    known = np.isfinite(grades)
    complete, with_last = int(known.all(axis=1).sum()), known[:, -1]
    gaps, pending = int(with_last.sum()) - complete, int((~with_last & known.any(axis=1)).sum())
    last = data.semesters[-1]
    why["incomplete"] = (
        f"{complete} rows have every semester; {gaps} have the {last} and a gap before it; {pending} "
        f"have others, but not the {last}."
    )
    if complete < 50:
        check.append(f"{complete} rows have every semester: so few tell little")
    if gaps > complete / 5:
        numbers = zip(data.semesters, known.sum(axis=0), strict=True)
        check.append(
            f"incomplete: {gaps} rows have a gap; say `keep` to learn from them, too, or leave out "
            f"semesters that few have ({listed(f'{name}: {count}' for name, count in numbers)})"
        )
    try:
        tables.read_students(path, data)
    except InputError as error:
        if not any(each.startswith("to mend") for each in check):
            check.append(f"to mend: {error}")
    check.sort(key=lambda each: not each.startswith("to mend"))


def _line(grades: Numbers, data: Data, usual: float) -> tuple[float, float]:
    """A round grade that about a tenth of the students are worse than, and how many are."""
    grades = grades[np.isfinite(grades)]
    low, high = data.grade_range

    def worse(line: float) -> float:
        return float(np.mean(grades > line if data.lower_is_better else grades < line))

    if (low, high) == (0, 10) and 0.02 <= worse(usual) <= 0.5:
        return usual, worse(usual)
    lines = [round(low + (high - low) / 20 * step, 6) for step in range(1, 20)]
    line = min(lines, key=lambda each: abs(worse(each) - 0.1))
    return line, worse(line)


def _by(static: list[Column], spellings: dict[str, dict[str, str]], grades: Numbers) -> str | None:
    """The first column whose categories have enough students for ranges of their own."""
    complete = np.isfinite(grades).all(axis=1)
    for column in static:
        spelt = spellings.get(column.name, {})
        times = Counter(spelt.get(text, text) for text in column.texts[complete].tolist())
        times.pop("", None)
        if len(times) > 1 and np.median(list(times.values())) >= _STUDENTS_FOR_RANGES:
            return column.name
    return None
