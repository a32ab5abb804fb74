"""What an adviser reads of each student: the forecast, its range, the risk, and what moved it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nextsem.files import DECIMALS
from nextsem.forecaster import Forecaster
from nextsem.params import Data
from nextsem.students import Students
from nextsem.writing import Sheet

AVERAGE = "Average student"
REMARK = "Remark"
_RANGE = ("Range from", "Range to")


def advice(
    forecaster: Forecaster, students: Students, coverage: float, line: float, explained: bool
) -> pd.DataFrame:
    """A row for each student, in the order of the students.

    Parameters
    ----------
    coverage : of the ranges
    line : what the risk is of falling below (rising above, where lower is better); NaN for none
    explained : whether to say what each input contributed

    Returns
    -------
    Columns as `meanings` lists them; of a student with no semester known only the name and a remark.
    Ranges and risks are left out where the forecaster has none to give.
    """
    data = forecaster.data
    before = np.isfinite(students.grades[:, :-1])
    some = before.any(axis=1)
    forecast = forecaster.predict(students)
    columns: dict[str, object] = {"Student": students.names, _forecast(data): forecast}
    if forecaster.intervals is not None:
        ranges = forecaster.ranges(students, forecast, coverage)
        columns |= dict(zip(_RANGE, ranges.T, strict=True))
        if not np.isnan(line):
            columns[risk_column(data, line)] = forecaster.risk(students, forecast, line)
    numbers = [name for name in columns if name != "Student"]
    columns["Known semesters"] = [f"{count} of {before.shape[1]}" for count in before.sum(axis=1)]
    new = forecaster.encoding.new_category(students.static)
    for place, name in enumerate(data.static):
        missing = students.static[:, place] == ""
        columns[f"{name} known"] = np.where(
            missing, "missing", np.where(new[:, place], "new", "yes")
        )
    if explained:
        average, contributions = forecaster.explain(students)
        contributions = contributions.round(DECIMALS) + 0.0  # what is missing adds 0, not -0
        columns[AVERAGE] = average
        names = _contributions(data)
        columns |= dict(zip(names, contributions.T, strict=True))
        numbers += [AVERAGE, *names]
    columns[REMARK] = np.where(some, "", "not forecast: no semester is known")
    table = pd.DataFrame(columns)
    table.loc[~some, numbers] = np.nan
    return table


def in_order(table: pd.DataFrame, data: Data, line: float) -> pd.DataFrame:
    """The rows as an adviser reads them: the highest risk first, those not forecast last."""
    risk, forecast = risk_column(data, line), _forecast(data)
    keys, ascending = [forecast], [not data.lower_is_better]
    if risk in table:
        keys, ascending = [risk, *keys], [False, *ascending]
    return table.sort_values(keys, ascending=ascending, kind="stable", na_position="last")


def sheets(
    table: pd.DataFrame,
    forecaster: Forecaster,
    coverage: float,
    line: float,
    remarks: Sequence[str],
) -> list[Sheet]:
    """A workbook: the students, and what is to be known before reading on.

    Parameters
    ----------
    table : as `in_order` gives it
    remarks : on this table, such as how it differs from the one trained on
    """
    data = forecaster.data
    risk = risk_column(data, line)
    names = [str(name) for name in table]
    numbers = [name for name in names if table[name].dtype == float]
    formats = dict.fromkeys(numbers, "0.00") | dict.fromkeys(
        [AVERAGE, *_contributions(data)], "+0.00;-0.00;0.00"
    )
    formats |= {risk: "0%", AVERAGE: "0.00"}
    meant = meanings(forecaster, coverage, line)
    about = [
        *(("Remark", remark) for remark in remarks),
        *((f"Column: {name}", meant[name]) for name in names),
        *_about(forecaster, coverage),
    ]
    return [
        Sheet("Forecast", table, formats, shaded=[risk] if risk in table else []),
        Sheet("About", pd.DataFrame(about, columns=["What", "Meaning"]), {}),
    ]


def meanings(forecaster: Forecaster, coverage: float, line: float) -> dict[str, str]:
    """What each column of `advice` means."""
    data = forecaster.data
    last = data.semesters[-1]
    beyond = "above" if data.lower_is_better else "below"
    named = dict.fromkeys([*data.static, *data.id])
    return {
        "Student": "As named by " + (", ".join(named) if data.id else "the row of the table"),
        _forecast(data): f"The grade of the {last} that is to be expected",
        _RANGE[0]: f"About {_percent(coverage)} of such students get a grade from here ...",
        _RANGE[1]: "... up to here",
        risk_column(data, line): f"How likely the {last} is to be {beyond} {line:g}",
        "Known semesters": f"Of those before the {last}. The fewer, the wider the range",
        **{
            f"{name} known": "yes: as in training; new: of a kind that the forecaster never saw; "
            "missing: not given. What is new or missing counts as average"
            for name in data.static
        },
        AVERAGE: "The forecast for an average student, to which all that follows is added",
        **{
            name: f"What {source} adds to the forecast (a Shapley value, in grade points)"
            for name, source in zip(
                _contributions(data),
                [*data.semesters[:-1], *data.static, *data.numeric],
                strict=True,
            )
        },
        REMARK: "Why there is no forecast",
    }


def risk_column(data: Data, line: float) -> str:
    return f"Risk {'above' if data.lower_is_better else 'below'} {line:g}"


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def _forecast(data: Data) -> str:
    return f"Forecast {data.semesters[-1]}"


def _contributions(data: Data) -> list[str]:
    return [f"by {name}" for name in [*data.semesters[:-1], *data.static, *data.numeric]]


def _about(forecaster: Forecaster, coverage: float) -> list[tuple[str, str]]:
    data, architecture = forecaster.data, forecaster.architecture
    semesters = ", ".join(data.semesters[:-1])
    known = ", ".join([*data.static, *data.numeric]) or "nothing"
    about = [
        (
            "Model",
            f"nextsem: the mean of {len(forecaster.weights)} recurrent networks, "
            f"{architecture.layers} x {architecture.hidden} {architecture.cell}",
        ),
        ("Forecasts from", f"the semesters {semesters}; known beforehand: {known}"),
        ("Trained on", f"{forecaster.trained_on} students of {data.table}"),
    ]
    if data.table == "data/raw/simulated.csv":
        about.append(
            (
                "Simulated",
                "These are nobody's grades: the forecaster learnt from a simulated cohort, and its "
                "forecasts mean nothing for real students",
            )
        )
    if forecaster.intervals is None:
        about.append(
            (
                "How good",
                "Not known: no row was held out of training (train.validation_size), so there are no "
                "ranges and no risks",
            )
        )
    else:
        about += [
            (
                "How good",
                f"Forecasts of students held out of training were off by {forecaster.intervals.spread:.2f} "
                "(root mean square). metrics/crossvalidation.json says more",
            ),
            (
                "Ranges",
                f"Made to hold {_percent(coverage)} of the grades, from the errors on students held out of "
                "training. That is measured on students like those trained on, and not guaranteed for "
                "other years or other places",
            ),
        ]
    about.append(
        (
            "Not for",
            "Decisions about a person without a person: admission, exclusion, grading, funding. A "
            "forecast says who may need a conversation, and nothing of what anyone can achieve",
        )
    )
    return about
