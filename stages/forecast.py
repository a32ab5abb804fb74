"""Forecast each student's next semester, with range, risk and reasons.

python -m stages.forecast                                            students of the pipeline
python -m stages.forecast --table new.xlsx --output forecast.xlsx    students of another table
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from nextsem.advice.advice import EXPLAINED, absent, advice
from nextsem.advice.drift import drift, in_words
from nextsem.advice.report import sheets
from nextsem.advice.workbook import without_formulas, write_excel
from nextsem.forecaster.forecaster import Forecaster
from nextsem.shared import params
from nextsem.shared.files import DECIMALS, whole_files, write_csv
from nextsem.shared.params import Params
from nextsem.shared.program import run
from nextsem.students import prepared
from nextsem.students.students import Students

PENDING = Path("data/prepared/to_forecast.csv")
FORECASTER = Path("models/forecaster.safetensors")
OUTPUTS = [Path("data/predictions/forecast.csv"), Path("data/predictions/forecast.xlsx")]


def main() -> None:
    if sys.argv[1:]:
        from commands import forecast  # the pipeline does not need it

        forecast.main()
        return
    forecaster, students = Forecaster.load(FORECASTER), prepared.read()
    pending = pd.read_csv(PENDING, dtype=str, keep_default_na=False)
    write(forecaster, students, pending, params.load(), OUTPUTS, [], {})


def write(
    forecaster: Forecaster,
    students: Students,
    pending: pd.DataFrame,
    parameters: Params,
    outputs: list[Path],
    remarks: list[str],
    measured: dict[str, Any],
) -> None:
    """Write the forecasts as .csv or .xlsx, and print their number and remarks.

    `measured` is the content of `metrics/crossvalidation.json` if it applies to the forecaster,
    otherwise {}.
    """
    coverage, line = parameters.intervals.coverage, parameters.evaluate.at_risk_below
    capacity = parameters.evaluate.capacity
    chosen = (pending["term"] != "").to_numpy()
    asked = students[chosen]
    moved = drift(forecaster.profile, asked)
    unknown, forward = forecaster.unknown_categories(asked), measured.get("forward", {})
    told = in_words(moved, forecaster.profile, asked, unknown, forward)
    remarks = [*(f"drift: {each}" for each in told), *remarks]
    marks = Counter(absent(pending).tolist())
    del marks[""]
    if marks:
        named = ", ".join(f"{mark}: {count}" for mark, count in marks.most_common())
        remarks = [
            f"{marks.total()} of the students forecast have a mark in place of that grade ({named}): they "
            "may have been absent, so that no grade is to come. To see them, filter the column "
            "Remark by 'marked'; find out what happened before you use the forecast",
            *remarks,
        ]
    if len(asked) > EXPLAINED:
        remarks = [*remarks, f"reasons are given for the first {EXPLAINED} students only"]
    table = advice(forecaster, students, pending, coverage, line)
    with whole_files() as place:
        for path in outputs:
            if path.suffix == ".csv":
                write_csv(without_formulas(table.round(DECIMALS)), place(path))
            else:
                book = sheets(table, forecaster, coverage, line, capacity, remarks, measured, moved)
                write_excel(book, place(path))
    print(f"{outputs[-1]}: {len(asked)} students forecast, {len(students) - len(asked)} not")
    for reason, count in pending["reason"][~chosen].value_counts().items():
        print(f"  {count} not forecast: {reason}")
    for remark in remarks:
        print(f"  {remark}")


if __name__ == "__main__":
    run(main)
