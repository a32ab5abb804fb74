"""Find the columns of the semesters' grades in an unfamiliar wide table."""

import re
from itertools import pairwise

import numpy as np

from nextsem.reading.columns import WORDS, Column, Remarks, listed
from nextsem.reading.terms import ordered
from nextsem.shared.errors import InputError

_LIKELY = 2  # score from which less likely columns are ignored
_ALIKE = 2.2  # ratio of median grades on the same scale, at most
_STILL_TO_COME = 0.05  # share of another semester's number of grades, at most


def semesters(found: list[Column], remarks: Remarks) -> tuple[list[Column], list[Column]]:
    """The columns of the semesters' grades in order, and those with no or too few grades.

    Both are empty if no two columns look like grades of semesters.
    """
    series = _series(found, remarks)
    if series:
        columns = _in_order(series[0])
        what = "years" if "~" in columns[0].words else "numbers"
        remarks.why["semesters"] = f"In the order of the {what} in their names."
        remarks.check += [
            f"semesters: {listed(other)} look like grades, too, and are not taken"
            for other in series[1:4]
        ]
    else:
        columns = _by_place(found)
        if not columns:
            return [], []
        remarks.why["semesters"] = "In the order of the columns."
        remarks.ask(f"semesters: are {listed(columns)} in the order of time?")
    return _without_empty(columns, remarks)


def _series(found: list[Column], remarks: Remarks) -> list[list[Column]]:
    """Groups of columns whose names differ only in numbers, the likeliest grades first."""
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in found:
        if "#" in column.words and (column.numeric or not column.filled):
            groups.setdefault(column.words, []).append(column)
    likely = {words: _likely(each) for words, each in groups.items()}
    least = min(_LIKELY, max(likely.values(), default=0))
    series = []
    for words in sorted(likely, key=lambda words: likely[words], reverse=True):
        alike = _on_one_scale(groups[words])
        others = [each for each in groups[words] if each not in alike]
        if likely[words] > 0 and likely[words] >= least and len(alike) > 1:
            series.append(alike)
            if others and len(series) == 1:
                remarks.ask(
                    f"semesters: {listed(others)} left out, on another scale than {listed(alike)}"
                )
    return series


def _likely(series: list[Column]) -> float:
    """Score of columns with similar names as grades, negative if they are none."""
    one = series[0]
    filled = [column for column in series if column.numeric]
    if len(filled) < 2 or all(column.of_school for column in series):
        return -1
    called = one.named("grade", "semester")
    score = 0.5 * (one.words == ("#",)) + 0.5 * any(column.decimals for column in series)
    score += 4 * one.named("grade") + 2 * one.named("semester")
    score -= 1.5 * one.named("of_all") + 8 * one.named("counted", "no_grade")
    score -= 2 * (not called and not any(column.may_be_grades() for column in filled))
    return score + 3 * _together(filled) + 0.1 * min(len(series), 8)


def _together(series: list[Column]) -> float:
    """The mean correlation between neighbouring columns; 0 if undefined."""
    found = []
    for one, other in pairwise(series):
        both = np.isfinite(one.numbers) & np.isfinite(other.numbers)
        if both.sum() > 5 and np.ptp(one.numbers[both]) and np.ptp(other.numbers[both]):
            found.append(float(np.corrcoef(one.numbers[both], other.numbers[both])[0, 1]))
    return float(np.mean(found)) if found else 0.0


def _in_order(series: list[Column]) -> list[Column]:
    """The columns sorted by season and year in their names, or else by the numbers in them."""
    parts = rf"(?<![^\W_])(?:{'|'.join(WORDS['half_years'])})(?![^\W\d_])|\d+"
    seasons = {" ".join(re.findall(parts, each.name.casefold())): each for each in series}
    told = ordered([*seasons]) if "~" in series[0].words and len(seasons) == len(series) else None
    by_number = sorted(series, key=lambda each: (each.order, each.place))
    return [seasons[season] for season in told] if told else by_number


def _on_one_scale(series: list[Column]) -> list[Column]:
    """The columns with a median grade similar to the usual one, or without grades."""
    sizes = [float(np.median(np.abs(each.values))) if len(each.values) else 0 for each in series]
    usual = float(np.quantile([size for size in sizes if size] or [1], 0.5, method="lower"))
    return [
        each
        for each, size in zip(series, sizes, strict=True)
        if not size or 1 / _ALIKE <= size / usual <= _ALIKE
    ]


def _by_place(found: list[Column]) -> list[Column]:
    """The longest run of adjacent columns that may be grades on one scale, if any."""
    kinds = ("counted", "no_grade", "of_all", "code", "place", "person", "gender", "before")
    best: list[Column] = []
    run: list[Column] = []
    for column in found:
        other = column.named(*kinds) and column.words != ("final",)
        if other or not column.may_be_grades() or len(column.distinct) < 4:
            run = []
            continue
        pair = [*run[-1:], column]
        alike = len(_on_one_scale(pair)) == 2 and _together(pair) > 0.1
        run = [*run, column] if alike else [column]
        best = max(best, run, key=len)
    return best if len(best) > 1 else []


def _without_empty(ordered: list[Column], remarks: Remarks) -> tuple[list[Column], list[Column]]:
    """Split off semesters without grades, or still to come for nearly all students."""
    few = max(4, _STILL_TO_COME * max(len(each.values) for each in ordered))
    enough = [n for n, each in enumerate(ordered) if len(each.values) >= few]
    known = [each for n, each in enumerate(ordered) if each.filled and enough and n <= enough[-1]]
    left = [each for each in ordered if each not in known]
    remarks.check += [
        f"semesters: {each.name} is left out; {len(each.values)} students have a grade in it"
        for each in left
    ]
    if len(known) < 2:
        raise InputError(
            f"{remarks.path}: of {listed(ordered)} only {len(known)} with grades of 4 students or "
            "more; allowed: two or more"
        )
    return known, left
