"""Forecast students whose last semester is still to come: how well, how surely, and why.

    python -m stages.forecast                                            those of the pipeline
    python -m stages.forecast --table new.xlsx --output forecast.xlsx    those of another table

Another table is read as the one that the forecaster was trained on, by what it remembers of that.
`--set sheet=Autumn` reads another sheet, and so on for every key of `data` that tells how to read.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from nextsem import InputError, params, tables, writing
from nextsem.advice import advice, in_order, sheets
from nextsem.files import DECIMALS, whole_files
from nextsem.forecaster import Forecaster
from nextsem.resemblance import Profile
from nextsem.students import Students
from nextsem.writing import write_csv, write_excel

EXPLAINED = 100_000  # students at most, since that takes much longer than a forecast
# Keys of the group `data` that do not tell how to read a table, but what was learnt.
LEARNT = ("table", "groups", "incomplete", "lower_is_better")
TOGETHER = 4096  # students, in a step of the progress bar


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.forecast", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--table", type=Path, help="students to forecast, .csv or .xlsx")
    parser.add_argument("--output", type=Path, help="where to write them, .xlsx or .csv")
    parser.add_argument("--model", type=Path, default=Path("models/forecaster.safetensors"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if (arguments.table is None) != (arguments.output is None):
        parser.error("give both --table and --output, or neither")
    if arguments.set and arguments.table is None:
        parser.error("--set says how to read a --table")
    workbook, plain = outputs(arguments.output)

    parameters = params.load()
    coverage, line = parameters.intervals.coverage, parameters.line
    forecaster = Forecaster.load(arguments.model)
    if arguments.table is None:
        students = tables.read_prepared(Path("data/prepared/pending.csv"), forecaster.data)
        remarks: list[str] = []
    else:
        students, remarks = read(arguments.table, forecaster, arguments.set)
    warnings = resemblance(students, forecaster)
    explained = len(students) <= EXPLAINED
    if not explained:
        remarks.append(f"not explained: more than {EXPLAINED} students")

    parts = []
    with tqdm(total=len(students), unit="student", disable=not sys.stderr.isatty()) as bar:
        for start in range(0, max(len(students), 1), TOGETHER):
            part = students[start : start + TOGETHER]
            parts.append(advice(forecaster, part, coverage, line, explained))
            bar.update(len(part))
    table = in_order(pd.concat(parts, ignore_index=True), forecaster.data, line)

    if workbook and len(table) > writing.SHEET_ROWS:
        plain = plain or workbook.with_suffix(".csv")
        remarks.append(
            f"a sheet of Excel holds the first {writing.SHEET_ROWS} of {len(table)} students; {plain} "
            "holds all"
        )
    with whole_files() as place:
        if workbook:
            shown = table[: writing.SHEET_ROWS]
            write_excel(
                sheets(shown, forecaster, coverage, line, [*warnings, *remarks]), place(workbook)
            )
        if plain:
            write_csv(table.round(DECIMALS), place(plain), for_people=True)
    known = int(np.isfinite(students.grades[:, :-1]).any(axis=1).sum())
    print(
        f"{workbook or plain}: {known} students forecast, {len(students) - known} without a known semester"
    )
    for remark in remarks:
        print(f"  {remark}")


def outputs(asked: Path | None) -> tuple[Path | None, Path | None]:
    """Where the workbook and the plain table go, if they are wanted."""
    if asked is None:
        return Path("data/predictions/forecast.xlsx"), Path("data/predictions/forecast.csv")
    if asked.suffix.lower() == ".xlsx":
        return asked, None
    if asked.suffix.lower() == ".csv":
        return None, asked
    raise InputError(f"{asked}: cannot be written; allowed: an .xlsx or a .csv file (--output)")


def read(path: Path, forecaster: Forecaster, changes: list[str]) -> tuple[Students, list[str]]:
    """The students of a table who have no grade in the last semester yet, and what is to be said."""
    data = forecaster.data
    values: dict[str, Any] = data.model_dump()
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or key not in values or key in LEARNT:
            allowed = ", ".join(name for name in values if name not in LEARNT)
            raise InputError(f"--set {change}: allowed: KEY=VALUE, a KEY of {allowed}")
        values[key] = params.parse(value, f"--set {key}")
    data = params.check(params.Data, values, "--set")
    for key in ("semesters", "static", "numeric"):
        if len(getattr(data, key)) != len(getattr(forecaster.data, key)):
            raise InputError(
                f"--set {key}: {len(getattr(data, key))} columns; allowed: "
                f"{len(getattr(forecaster.data, key))}, as the forecaster was trained on"
            )
    frame, blank = tables.read_students(path, data, to_come=True)
    students = tables.students(frame, data)
    done = np.isfinite(students.target)
    remarks = []
    if data.footer_rows:
        remarks.append(f"{data.footer_rows} rows at the end left out (footer_rows)")
    if done.any():
        remarks.append(f"{done.sum()} students left out: their {data.semesters[-1]} is known")
    if blank:
        remarks.append(f"{blank} blank rows left out")
    return students[~done], remarks


def resemblance(students: Students, forecaster: Forecaster) -> list[str]:
    """Warnings, where these students are unlike those that the forecaster was trained on."""
    data = forecaster.data
    here = Profile.of(students, data.semesters, data.static, data.numeric)
    warnings = [
        f"unlike the training rows: {each}" for each in forecaster.profile.differences(here)
    ]
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return warnings


if __name__ == "__main__":
    main()
