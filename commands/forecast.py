"""Forecast the students of a table other than the pipeline's.

    python -m commands.forecast --table new.xlsx --output forecast.xlsx

The table is read as the group `data` of params.yaml says. Semesters to come need no column.
`--set sheet=Autumn --set header_row=3` changes keys of that group for this table:
"""

import argparse
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from nextsem.advice.explanation import first_terms
from nextsem.forecaster.forecaster import Forecaster
from nextsem.reading import placement
from nextsem.reading.columns import Remarks
from nextsem.reading.description import describe
from nextsem.reading.layouts import read_students
from nextsem.reading.tables import Read
from nextsem.shared import params
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.shared.program import run
from nextsem.students.pending import pending
from nextsem.students.students import Schema, Students
from stages.forecast import FORECASTER, write

# Not for `--set`: the forecaster was trained with these.
LEARNT = ["table", "groups", "grade_range", "lower_is_better"]
KEYS = [key for key in Data.model_fields if key not in LEARNT]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m commands.forecast",
        description=f"{__doc__}\n    {', '.join(KEYS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--table", type=Path, required=True, help="students, .csv or .xlsx")
    parser.add_argument("--output", type=Path, required=True, help="forecasts, .xlsx or .csv")
    parser.add_argument("--model", type=Path, default=FORECASTER, help="the forecaster")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    output = arguments.output
    if output.suffix not in (".csv", ".xlsx"):
        raise InputError(
            f"{output}: cannot be written; allowed: an .xlsx or a .csv file (--output)"
        )

    parameters = params.load()
    forecaster = Forecaster.load(arguments.model)
    data = settings(parameters.data, arguments.set, forecaster.schema)
    try:
        read = read_students(arguments.table, data, to_come=True)
    except InputError as error:
        raise InputError(f"{error}{hint(arguments.table, data)}") from None
    remarks = [f"{count} rows left out: {why}" for why, count in read.left_out.items() if count]
    students, asked = to_ask(read, forecaster.schema, data.current)
    measured = past() if arguments.model == FORECASTER else {}
    write(forecaster, students, asked, parameters, [output], remarks, measured)


def past() -> dict[str, Any]:
    """Metrics of the pipeline's forecaster; {} if there are none."""
    path = Path("metrics/crossvalidation.json")
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def settings(data: Data, changes: list[str], trained: Schema) -> Data:
    """The group `data` of params.yaml with changes such as "sheet=Autumn", checked."""
    values: dict[str, Any] = data.model_dump()
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or key not in KEYS:
            raise InputError(f"--set {change}: allowed: KEY=VALUE, a KEY of {', '.join(KEYS)}")
        values[key] = params.parse(value, f"--set {key}")
    data = params.check(Data, values, "--set")
    columns = {"static": trained.categories, "numeric": trained.numbers}
    if data.layout == trained.layout == "wide":
        columns["semesters"] = trained.terms
    for key, names in columns.items():
        named = getattr(data, key)
        if len(named) != len(names):
            raise InputError(
                f"data.{key} names {len(named)} columns ({', '.join(named)}); allowed: {len(names)}, "
                f"as the forecaster was trained on: {', '.join(names) or 'none'}"
            )
    return data


def hint(path: Path, data: Data) -> str:
    """A suggestion of `--set` options that would read the table, "" if none is found."""
    for propose in (_place, _columns):
        try:
            changes = propose(path, data)
            read_students(path, data.model_copy(update=changes), to_come=True)
        except InputError:
            continue
        given = [shlex.quote(f"{key}={params.written(each)}") for key, each in changes.items()]
        return f"\n{path}: try {' '.join(f'--set {each}' for each in given)}"
    return ""


def _place(path: Path, data: Data) -> dict[str, Any]:
    """Detected location of the table in the file, as far as it differs from `data`."""
    found = placement.find(path, "", Remarks(path))
    values = {key: getattr(found, key) for key in ("sheet", "header_row", "encoding")}
    return {key: each for key, each in values.items() if each != getattr(data, key)}


def _columns(path: Path, data: Data) -> dict[str, Any]:
    """Proposal of `describe`, as far as it differs from `data`."""
    found = describe(path, "", data, 0.0).data.model_dump()
    usual = data.model_dump()
    if data.layout == found["layout"] == "wide":  # semesters to come need no column
        found["semesters"] += data.semesters[len(found["semesters"]) :]
    keys = ["sheet", "header_row", "footer_rows", "encoding", "missing", "id"]
    if data.layout == found["layout"]:
        keys += ["student", "term", "grade"] if data.layout == "long" else ["semesters"]
        keys += [key for key in ("static", "numeric") if len(usual[key]) == len(found[key])]
    return {key: found[key] for key in keys if found[key] != usual[key]}


def to_ask(read: Read, trained: Schema, last_terms: int | None) -> tuple[Students, pd.DataFrame]:
    """The students with the forecaster's terms and columns, and the table of whom to forecast.

    Columns are matched by position: they may have other names here.
    """
    students = read.students
    schema = replace(trained, layout=students.schema.layout, calendar=students.schema.calendar)
    known = len(trained.terms)
    students = replace(students, schema=schema).padded(known)
    return first_terms(students, known), pending(students, read.ids, read.marks, last_terms)


if __name__ == "__main__":
    run(main)
