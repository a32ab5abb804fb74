"""Evaluate the forecaster and the baselines on the test students."""

from pathlib import Path

import numpy as np
import pandas as pd

from nextsem.advice.workbook import Sheet, write_excel
from nextsem.comparison.metrics import LEAST, errors, line_of_risk
from nextsem.comparison.summaries import ranges_and_risk
from nextsem.forecaster.forecaster import Forecaster
from nextsem.shared import params
from nextsem.shared.files import DECIMALS, whole_files, write_csv, write_metrics
from nextsem.shared.program import run
from nextsem.students import prepared
from nextsem.students.students import Students
from nextsem.validation.baselines import BASELINES

TEST = Path("data/prepared/test.csv")


def main() -> None:
    parameters = params.load()
    coverage, at_risk_below = parameters.intervals.coverage, parameters.evaluate.at_risk_below
    train, test = split(prepared.read())
    schema = test.schema
    forecaster = Forecaster.load(Path("models/evaluated.safetensors"))

    scored = test.to_learn  # all grades with an earlier one
    if schema.layout == "wide":
        scored[:, :-1] = False  # only the last semester
    rows, terms = np.nonzero(scored)
    prediction = forecaster.predict(test)
    actual, forecast = test.grades[scored], prediction.forecasts[scored]
    spread, known = prediction.spread[scored], test.known_before[scored]
    ranges, risk = ranges_and_risk(
        forecaster.calibration,
        pd.DataFrame({"network": forecast, "spread": spread, "known": known}),
        coverage,
        line_of_risk(at_risk_below, schema.grade_range),
        schema,
    )
    metrics = errors(actual, forecast) | {"n": len(actual)}
    baselines = {
        name: errors(actual, baseline(train, test)[scored])["mse"]
        for name, baseline in BASELINES.items()
        if name != "own_mean"  # keeps the file short; cross-validation has it
    }
    singly = pd.DataFrame(
        {"mse": [errors(actual, each[scored])["mse"] for each in prediction.members]}
    )
    singly.insert(0, "member", range(1, len(singly) + 1))
    print(
        f"{len(actual)} forecasts of {len(test)} test students: MSE {metrics['mse']:.4f}, against"
    )
    for name, error in baselines.items():
        print(f"  {name:14} {error:.4f}")
    if len(test) < LEAST:  # statistics could reveal individual students
        metrics, baselines = dict.fromkeys(metrics, np.nan), dict.fromkeys(baselines, np.nan)
        singly["mse"] = np.nan

    table = pd.DataFrame(
        {
            "student": test.names[rows],
            "term": np.array(schema.terms)[terms],
            "actual": actual,
            "forecast": forecast,
            "residual": actual - forecast,
            "low": ranges[:, 0],
            "high": ranges[:, 1],
            "risk": risk,
        }
    ).round(DECIMALS)
    of_whom = table[["student", "term"]].set_axis(["Student", "Semester"], axis=1)
    grade = "Grade"
    if schema.layout == "wide":
        of_whom, grade = of_whom[["Student"]], schema.terms[-1]
    predicted = pd.concat([table["forecast"].rename("Predicted Exam Score"), of_whom], axis=1)
    found = pd.concat([of_whom, table["actual"].rename(grade)], axis=1)

    with whole_files() as place:
        write_metrics(metrics | {"baselines": baselines}, place("metrics/test.json"))
        write_csv(singly.round(DECIMALS), place("metrics/plots/members.csv"))
        write_csv(table, place("data/predictions/test.csv"))
        write_excel(
            [Sheet("Forecast", predicted, {predicted.columns[0]: "0.00"})],
            place("data/predictions/predicted_scores.xlsx"),
        )
        write_excel(
            [Sheet("Actual", found, {grade: "0.00"})], place("data/predictions/testing_data.xlsx")
        )


def split(students: Students) -> tuple[Students, Students]:
    """Training students, and test students in the order of the test table."""
    names = pd.read_csv(TEST, dtype=str, keep_default_na=False)["student"].drop_duplicates()
    rows = pd.Index(students.names).get_indexer(pd.Index(names))
    return students[np.delete(np.arange(len(students)), rows)], students[rows]


if __name__ == "__main__":
    run(main)
