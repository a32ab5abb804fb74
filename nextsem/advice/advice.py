"""The table for advisers: each student's forecast, its range, the risk, and the reasons."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from nextsem.advice.explanation import TERMS, explain
from nextsem.advice.intervals import ranges, risk
from nextsem.shared.files import DECIMALS
from nextsem.students.pending import MARK, TERM, ids_of, in_words
from nextsem.students.students import Integers, Mask, Numbers, Schema, Students, Texts

if TYPE_CHECKING:
    from nextsem.forecaster.forecaster import Forecaster

STUDENT, SEMESTER, FORECAST, REMARK = "Student", "Semester", "Forecast", "Remark"
LOW, HIGH, KNOWN, LAST = "Range from", "Range to", "Known terms", "Last grade"
REASONS, AVERAGE = "Reasons", "Average student"
NOT_FORECAST = "not forecast: "  # prefix of the remark that says why
EXPLAINED = 10_000  # students at most, as reasons take much longer than forecasts
_GRADES = 12  # columns of single grades, at most
_REASONS = 3  # in the column of reasons, at most
_TOGETHER = 4096  # students forecast at once


def advice(
    forecaster: "Forecaster",
    students: Students,
    pending: pd.DataFrame,
    coverage: float,
    line: float,
    explained: int = EXPLAINED,
) -> pd.DataFrame:
    """A row for each student: the highest risk first, those who are not forecast last.

    Parameters
    ----------
    pending : from `nextsem.students.pending.pending`, in the order of the students
    coverage : of the prediction intervals
    line : the risk threshold, in grade points: the risk is the probability of a grade below it, or
        above it if lower is better
    explained : how many students get reasons, from the first row on

    Returns
    -------
    Unknown values are NaN or "". Columns of ranges and risks are missing if the forecaster has no
    calibration, and risks also if no grade can be beyond the threshold.
    """
    chosen = np.asarray(pending[TERM] != "")
    asked = students[chosen]
    numbers = _forecasts(forecaster, asked, coverage, line)
    order = _order(numbers, students.schema)
    asked, rows = asked[order], np.flatnonzero(chosen)[order]
    last = asked.last_place
    told = _reasons(forecaster, asked, explained)
    categories = students.categories_at(students.last_place)
    identity = _identity(pending, students, categories)
    unknown = forecaster.unknown_categories(asked)
    columns: dict[str, object] = {
        STUDENT: asked.names,
        **{name: values[rows] for name, values in identity.items()},
        SEMESTER: pending[TERM].to_numpy()[rows],
        **{name: values[order] for name, values in numbers.items()},
        KNOWN: asked.known.sum(axis=1),
        LAST: asked.grades[np.arange(len(asked)), last],
        REASONS: told.pop(REASONS),
        REMARK: _remarks(asked, categories[rows], unknown, absent(pending)[rows]),
    }
    columns |= {own_name(name): values for name, values in _grades(asked).items()} | told
    rest = {
        STUDENT: students.names[~chosen],
        **{name: values[~chosen] for name, values in identity.items()},
        REMARK: NOT_FORECAST + pending["reason"].to_numpy(dtype=object)[~chosen],
    }
    table = pd.concat([pd.DataFrame(columns), pd.DataFrame(rest)], ignore_index=True)
    texts = [name for name, values in columns.items() if np.asarray(values).dtype.kind in "UO"]
    return table.fillna(dict.fromkeys(texts, "")).astype({KNOWN: "Int64"})


def risk_column(schema: Schema, line: float) -> str:
    """The name of the column of risks."""
    return f"Risk {'above' if schema.lower_is_better else 'below'} {line:g}"


def own_name(column: str) -> str:
    """The output name of a column of the input table, distinct from the columns made here."""
    made = [STUDENT, SEMESTER, FORECAST, REMARK, LOW, HIGH, KNOWN, LAST, REASONS]
    return f"{column} (table)" if column in made or column.startswith("Risk ") else column


def _identity(
    pending: pd.DataFrame, students: Students, categories: Texts
) -> dict[str, NDArray[np.object_]]:
    """The id columns, unless equal to the name, and the categories, by output name."""
    texts = {str(name): own.to_numpy(dtype=object) for name, own in ids_of(pending).items()}
    texts = {name: own for name, own in texts.items() if (own != students.names).any()}
    texts |= dict(zip(students.schema.categories, categories.T.astype(object), strict=True))
    return {own_name(name): own for name, own in texts.items()}


def _forecasts(
    forecaster: "Forecaster", students: Students, coverage: float, line: float
) -> dict[str, Numbers]:
    """Forecast, range and risk of each student's next term, by output column."""
    parts = [students[first : first + _TOGETHER] for first in range(0, len(students), _TOGETHER)]
    bar = tqdm(parts, unit="students", unit_scale=_TOGETHER, desc="forecast", disable=None)
    each = [forecaster.predict_next(part) for part in bar]
    forecasts, spread = np.concatenate([np.zeros((2, 0)), *each], axis=1)
    found = {FORECAST: forecasts}
    if forecaster.calibration is None:
        return found
    schema, known = students.schema, students.known.sum(axis=1)
    given = (forecaster.calibration, forecasts, spread, known)
    found[LOW], found[HIGH] = ranges(*given, coverage, schema.grade_range).T
    if schema.grade_range[0] < line < schema.grade_range[1]:
        found[risk_column(schema, line)] = risk(*given, line, schema.lower_is_better)
    return found


def _order(numbers: dict[str, Numbers], schema: Schema) -> Integers:
    """Indices of the students, sorted by highest risk, then by worst forecast."""
    worst = -numbers[FORECAST] if schema.lower_is_better else numbers[FORECAST]
    risks = [-values for name, values in numbers.items() if name not in (FORECAST, LOW, HIGH)]
    return np.lexsort([worst, *risks])


def _reasons(forecaster: "Forecaster", students: Students, explained: int) -> dict[str, object]:
    """Columns: the largest contributions as text, the average student, and all contributions."""
    names, average, values = explain(forecaster, students, explained)
    values = values.round(DECIMALS) + 0.0  # not -0
    decimals = 2 if np.ptp(students.schema.grade_range) < 50 else 1
    largest = np.argsort(-np.abs(np.nan_to_num(values)), axis=1, kind="stable")[:, :_REASONS]
    texts = np.full(len(students), "", dtype=object)
    for student, known in enumerate(students.next_term):
        inputs = [*_terms_before(students.schema.terms[:known]), *names[len(TERMS) :]]
        texts[student] = "; ".join(
            f"{inputs[place]}: {values[student, place]:+.{decimals}f}"
            for place in largest[student]
            if abs(values[student, place]) >= 0.5 * 10.0**-decimals
        )
    added = zip((f"by {name}" for name in names), values.T, strict=True)
    return {REASONS: texts, AVERAGE: average, **dict(added)}


def _terms_before(terms: list[str]) -> list[str]:
    """The terms that the groups `TERMS` stand for, the last term first."""
    names = [in_words(name) for name in terms]
    earlier = names[:-3]
    named = f"{earlier[0]} to {terms[len(earlier) - 1]}" if len(earlier) > 1 else "".join(earlier)
    return [*names[:-4:-1], *[""] * (3 - len(terms)), named]


def absent(pending: pd.DataFrame) -> Texts:
    """Each student's mark, such as AB, in place of the grade to forecast, [students]; "" if none.

    What means that a grade is still to come does not count: an empty cell, or the most frequent
    mark if no cell is empty.
    """
    marks = np.where(pending[TERM] != "", pending[MARK], "")
    still_to_come = pending[MARK][pending[TERM] != ""]
    usual = "" if (still_to_come == "").any() else still_to_come.mode().max()
    return np.where(marks == usual, "", marks).astype(str)


def _remarks(students: Students, categories: Texts, unknown: Mask, marks: Texts) -> Texts:
    """What makes each forecast less certain than others, "" if nothing does."""
    remarks: list[list[str]] = [
        [f"marked {mark} in {in_words(students.schema.terms[place])}"] if mark else []
        for mark, place in zip(marks.tolist(), students.next_term, strict=True)
    ]
    for place, name in enumerate(students.schema.categories):
        for student in np.flatnonzero(unknown[:, place]):
            remarks[student].append(
                f"{name} {categories[student, place]} is new: counts as average"
            )
        for student in np.flatnonzero(categories[:, place] == ""):
            remarks[student].append(f"{name} is missing: counts as average")
    places = np.arange(students.grades.shape[1])
    gaps = ~students.known & (places < students.next_term[:, None])
    for student in np.flatnonzero(gaps.any(axis=1)):
        missing = np.flatnonzero(gaps[student])
        named = [in_words(students.schema.terms[place]) for place in missing[:3]]
        more = " and more" if len(missing) > 3 else ""
        remarks[student].append(f"no grade: {', '.join(named)}{more}")
    return np.array(["; ".join(each) for each in remarks], dtype=object)


def _grades(students: Students) -> dict[str, Numbers]:
    """The grades by term, if there are few enough terms."""
    terms = students.schema.terms if len(students.schema.terms) <= _GRADES else []
    named = [f"Term {name}" if name.isdigit() else name for name in terms[:-1]]
    # Students who are forecast have no grade in the last term.
    return dict(zip(named, students.grades.T, strict=False))
