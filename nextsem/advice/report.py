"""The sheets of the forecast workbook: students by risk, a summary, and explanations."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nextsem.advice import advice
from nextsem.advice.advice import FORECAST, REMARK, SEMESTER, STUDENT, own_name, risk_column
from nextsem.advice.drift import CHANCE, KS, LARGE, MODERATE, PSI
from nextsem.advice.workbook import Sheet
from nextsem.students.students import Schema

if TYPE_CHECKING:
    from nextsem.forecaster.forecaster import Forecaster

_PERCENT = '[<0.005]"<1%";[>0.995]">99%";0%'  # no risk is 0 or 1
_DRIFT = dict.fromkeys([PSI, CHANCE, KS], "0.00")
_LIKELY = 0.5  # a risk from here on is counted as likely
_CATEGORIES = 8  # shown in the summary, the most frequent ones


def sheets(
    table: pd.DataFrame,
    forecaster: "Forecaster",
    coverage: float,
    line: float,
    capacity: int,
    remarks: list[str],
    measured: dict[str, Any] | None = None,
    drift: pd.DataFrame | None = None,
) -> list[Sheet]:
    """The sheets Forecast, Not forecast, Summary, Drift and About.

    Parameters
    ----------
    table : from `nextsem.advice.advice.advice`
    line : the risk threshold, grade points
    capacity : how many students an adviser has time for
    remarks : on this table, such as drift
    measured : content of `metrics/crossvalidation.json`, if known
    drift : from `nextsem.advice.drift.drift`, if known
    """
    schema, risk = forecaster.schema, risk_column(forecaster.schema, line)
    left_out = table[REMARK].str.startswith(advice.NOT_FORECAST)
    forecast, rest = table[~left_out], table[left_out]
    grade = "0.00" if np.ptp(schema.grade_range) < 50 else "0.0"
    formats = {str(name): grade for name in table if table[name].dtype == float}
    formats |= {name: f"+{grade};-{grade};{grade}" for name in formats if name.startswith("by ")}
    formats |= {advice.KNOWN: "0", risk: _PERCENT}
    printed = list(forecast).index(REMARK) + 1
    shaded = [risk] if risk in forecast else []

    identity = list(rest)[: list(rest).index(SEMESTER)]
    reasons = rest[REMARK].str.removeprefix(advice.NOT_FORECAST)
    about = [
        *(("Remark", remark) for remark in remarks),
        *_list(forecast, risk, capacity, measured or {}),
        *((f"Column: {name}", _meaning(str(name), schema, coverage, line)) for name in forecast),
        *_about(forecaster, coverage, measured or {}),
    ]
    return [
        Sheet("Forecast", forecast, formats, shaded, filtered=True, printed=printed),
        Sheet("Not forecast", rest[identity].assign(Reason=reasons), filtered=True),
        _summary(forecast, schema, line, grade),
        *([Sheet("Drift", drift, _DRIFT)] if drift is not None else []),
        Sheet("About", pd.DataFrame(about, columns=["What", "Meaning"])),
    ]


def _list(
    forecast: pd.DataFrame, risk: str, capacity: int, measured: dict[str, Any]
) -> list[tuple[str, str]]:
    """Expected hits of a list of students at the highest risk, and past ones if known."""
    if risk not in forecast:
        return []
    top = forecast[risk].head(capacity)
    told = (
        f"Of the {len(top)} at the highest risk, about {top.sum():.0f} are expected to get a grade "
        f"{risk.removeprefix('Risk ')}"
    )
    found = measured.get("forward", {}).get("list") or measured.get("list")
    if found:
        size, own = found["capacity"], found["network"]
        low, middle, high = (
            f"{size * own[key]:.0f}" for key in ("precision_low", "precision", "precision_high")
        )
        told += (
            f". Of {size} such students in the past, about {middle} did ({low} to {high}); of {size} "
            f"chosen by chance, about {size * found['chance']['precision']:.0f}"
        )
        kept = found["stability"].get("seeds", {}).get("share")
        if kept is not None:
            told += (
                f". Other networks like these would list about {size * kept:.0f} of the same {size}"
            )
    return [("Top of the list", told)]


def _meaning(column: str, schema: Schema, coverage: float, line: float) -> str:
    meant = {
        STUDENT: "The student as named in the table",
        SEMESTER: "The one that is forecast: the next after the last known grade",
        FORECAST: "The grade to be expected in that semester",
        advice.LOW: f"About {100 * coverage:g}% of such students get a grade from here ...",
        advice.HIGH: "... up to here",
        risk_column(schema, line): "How likely the grade is to be beyond that threshold",
        advice.KNOWN: "Number of known grades. The fewer, the less certain the forecast",
        advice.REASONS: "The largest differences from the forecast of the average student, in "
        'grade points. The columns that start with "by" show all of them',
        REMARK: "What makes this forecast less certain than others",
        advice.AVERAGE: "Forecast of an average student with the same known semesters. It "
        'and the columns that start with "by" add up to the forecast (Shapley values)',
    }
    added = f"What {column.removeprefix('by ')} adds to it, in grade points; blank if none"
    return meant.get(column, added if column.startswith("by ") else "As in the table, if known")


def _summary(forecast: pd.DataFrame, schema: Schema, line: float, grade: str) -> Sheet:
    """Number of students at risk, by the first category and the semester."""
    by = own_name(schema.categories[0]) if schema.categories else "Students"
    frame = forecast if schema.categories else forecast.assign(**{by: "all"})
    frame = frame.replace({by: {"": "(missing)"}})
    frequent = frame[by].value_counts().index[:_CATEGORIES]
    frame[by] = frame[by].where(frame[by].isin(frequent), "(others)")
    semesters = [name for name in schema.terms if (frame[SEMESTER] == name).any()]
    rows = pd.MultiIndex.from_product([sorted(frame[by].unique()), semesters], names=[by, SEMESTER])
    risk, shown = risk_column(schema, line), "Students forecast"
    counted: dict[str, Any] = {shown: (FORECAST, "size")}
    if risk in forecast:
        shown = f"Expected {risk.removeprefix('Risk ')}"
        counted[f"{risk}: {_LIKELY:.0%} or more"] = (risk, lambda each: (each >= _LIKELY).sum())
        counted[shown] = (risk, "sum")
    counts = dict.fromkeys(counted, 0)
    counted["Mean forecast"] = (FORECAST, "mean")
    table = frame.groupby([by, SEMESTER]).agg(**counted).reindex(rows).fillna(counts)
    formats = dict.fromkeys(counts, "0") | {"Mean forecast": grade}
    formats |= {shown: "0.0"} if risk in forecast else {}
    return Sheet("Summary", table.reset_index(), formats, charted=shown)


def _about(
    forecaster: "Forecaster", coverage: float, measured: dict[str, Any]
) -> list[tuple[str, str]]:
    schema, architecture = forecaster.schema, forecaster.architecture
    good, ranges = "Not known: no student was held out of training", "None, and no risks"
    if forecaster.calibration:
        errors = forecaster.calibration.by_known
        counts = sorted(errors, key=int)
        told = [f"{errors[count]:.2f} with {count}" for count in [*counts[:4], *counts[4:][-1:]]]
        good = (
            "Forecasts of students held out of training were off by (root mean square, by the number "
            f"of known grades) {', '.join(told)}"
        )
        ranges = (
            f"Made to hold {100 * coverage:g}% of the grades, from the errors on students held out of "
            "training. That is measured on students like those trained on, and not guaranteed for "
            "other years or other places"
        )
        held = measured.get("forward") or measured.get("intervals", {})
        if quarter := held.get("weakest"):
            ranges += (
                f". In the past they held {held['coverage']:.0%}, and {quarter['coverage']:.0%} for "
                f"the quarter of students with the {quarter['forecasts']} forecasts"
            )
    simulated = "Trained on a simulated cohort: its forecasts mean nothing for real students"
    return [
        (
            "Lookups",
            'Ids are text, as they came. From a sheet where they are numbers, look up TEXT(A2,"0")',
        ),
        (
            "Summary",
            "Expected number of students beyond the risk threshold: the sum of their risks",
        ),
        (
            "Drift",
            "How these students differ from the training students. PSI, population stability index: "
            f"below {MODERATE:g} no drift, from {LARGE:g} on large, unless it may be chance",
        ),
        (
            "Model",
            f"nextsem: {forecaster.members} recurrent networks together, the first of them "
            f"{architecture.layers} x {architecture.hidden} {architecture.cell}",
        ),
        ("Forecasts from", ", ".join(["grades before", *schema.categories, *schema.numbers])),
        ("Trained on", f"{forecaster.trained_on} students"),
        *([("Simulated", simulated)] if schema.simulated else []),
        ("How good", good),
        ("Ranges", ranges),
        (
            "Not for",
            "Automated decisions about people: admission, exclusion, grading, funding. A "
            "forecast says who may need a conversation, and nothing of what anyone can achieve",
        ),
    ]
