"""Which columns of a strange table are the semesters' grades, one student a row."""

from itertools import pairwise

import numpy as np

from nextsem.reading.columns import Column, Remarks, listed
from nextsem.shared.errors import InputError

_LIKELY = 2  # enough to leave less likely columns aside
_ALIKE = 2.2  # times the usual grade of the others, at most, of a semester on the same scale
_STILL_TO_COME = 0.05  # of the grades that another semester has, at most


def semesters(found: list[Column], remarks: Remarks) -> tuple[list[Column], list[Column]]:
    """The columns of the semesters' grades in order, and those that hold none or too few.

    Both are empty where no two columns look like grades of semesters.

    Raises
    ------
    InputError
        All but one of them are empty.
    """
    series = _series(found, remarks)
    if series:
        ordered = sorted(series[0], key=lambda each: (each.order, each.place))
        years = "~" in ordered[0].words
        remarks.why["semesters"] = (
            f"In the order of the {'years' if years else 'numbers'} in their names."
        )
        remarks.check += [
            f"semesters: {listed(other)} look like grades, too, and are not taken"
            for other in series[1:4]
        ]
    else:
        ordered = _by_place(found)
        if not ordered:
            return [], []
        remarks.why["semesters"] = "As they stand."
        remarks.check.append(f"semesters: are {listed(ordered)} in the order of time?")
    return _without_empty(ordered, remarks)


def _series(found: list[Column], remarks: Remarks) -> list[list[Column]]:
    """Groups of columns whose names differ in their numbers only, the likeliest grades first."""
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in found:
        if "#" in column.words and (column.numeric or not column.filled):
            groups.setdefault(column.words, []).append(column)
    likely = {
        words: _likely(each)
        for words, each in groups.items()
        if sum(column.numeric for column in each) > 1
    }
    least = min(_LIKELY, max(likely.values(), default=0))
    series = []
    for words in sorted(likely, key=lambda words: likely[words], reverse=True):
        alike = _on_one_scale(groups[words])
        others = [each for each in groups[words] if each not in alike]
        if likely[words] > 0 and likely[words] >= least and len(alike) > 1:
            series.append(alike)
            if others and len(series) == 1:
                remarks.check.append(
                    f"semesters: {listed(others)} left out, on another scale than {listed(alike)}"
                )
    return series


def _likely(series: list[Column]) -> float:
    """How likely columns of alike names are grades, less than 0 if not."""
    one = series[0]
    filled = [column for column in series if column.numeric]
    called = one.named("grade", "semester")
    score = 0.5 * (one.words == ("#",)) + 0.5 * any(column.decimals for column in series)
    score += 4 * one.named("grade") + 2 * one.named("semester")
    score -= 1.5 * one.named("of_all") + 8 * one.named("no_grade")
    score -= 2 * (not called and not any(column.may_be_grades() for column in filled))
    score -= 8 * ({each.order for each in series} <= {(10,), (12,)})  # of the school before
    return score + 3 * _together(filled) + 0.1 * min(len(series), 8)


def _together(series: list[Column]) -> float:
    """The mean correlation of each column with the next one; 0 where there is none."""
    found = []
    for one, other in pairwise(series):
        both = np.isfinite(one.numbers) & np.isfinite(other.numbers)
        if both.sum() > 5 and np.ptp(one.numbers[both]) and np.ptp(other.numbers[both]):
            found.append(float(np.corrcoef(one.numbers[both], other.numbers[both])[0, 1]))
    return float(np.mean(found)) if found else 0.0


def _on_one_scale(series: list[Column]) -> list[Column]:
    """The columns whose grades are about as large as the usual ones, or that hold none."""
    sizes = [float(np.median(np.abs(each.values))) if len(each.values) else 0 for each in series]
    usual = float(np.quantile([size for size in sizes if size] or [1], 0.5, method="lower"))
    return [
        each
        for each, size in zip(series, sizes, strict=True)
        if not size or 1 / _ALIKE <= size / usual <= _ALIKE
    ]


def _by_place(found: list[Column]) -> list[Column]:
    """The longest run of neighbouring columns that may be grades on one scale, if any."""
    kinds = ("no_grade", "of_all", "code", "place", "person")
    best: list[Column] = []
    run: list[Column] = []
    for column in found:
        if (
            not column.may_be_grades()
            or len(column.distinct) < 4
            or (column.named(*kinds) and column.words != ("final",))
        ):
            run = []
        elif (
            run and len(_on_one_scale([run[-1], column])) > 1 and _together([run[-1], column]) > 0.1
        ):
            run = [*run, column]
        else:
            run = [column]
        best = max(best, run, key=len)
    return best if len(best) > 1 else []


def _without_empty(ordered: list[Column], remarks: Remarks) -> tuple[list[Column], list[Column]]:
    """Leave out semesters that no one has a grade in, or that are still to come for nearly all."""
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
