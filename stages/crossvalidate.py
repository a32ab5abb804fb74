"""Cross-validate: forecast every student out of fold, by the network and by the baselines."""

import json
import sys
from dataclasses import asdict

import pandas as pd
from tqdm import tqdm

from nextsem.shared import params
from nextsem.shared.files import whole_files
from nextsem.shared.params import Crossvalidate
from nextsem.shared.program import run
from nextsem.students import prepared
from nextsem.students.students import Students
from nextsem.validation.crossvalidation import FORECASTERS, forecast_parts
from nextsem.validation.folds import Part, folds, without_each
from nextsem.validation.origins import LEAST, origins


def main() -> None:
    parameters = params.load()
    students = prepared.read()
    parts = parts_of(students, parameters.crossvalidate)
    total = len(parts) * FORECASTERS
    with tqdm(total=total, unit="fit", disable=not sys.stderr.isatty()) as bar:

        def on_done() -> None:
            bar.update()

        table, calibrations = forecast_parts(
            students,
            parts,
            parameters.model,
            parameters.train,
            parameters.intervals.by,
            parameters.run.workers,
            on_done,
        )
    with whole_files() as place:
        table.to_parquet(
            place("data/predictions/crossvalidation.parquet"), index=False, compression="zstd"
        )
        place("data/predictions/calibrations.json").write_text(
            json.dumps([asdict(each) if each else None for each in calibrations]) + "\n",
            encoding="utf-8",
        )
    tell(table, parts)


def parts_of(students: Students, how: Crossvalidate) -> list[Part]:
    """The folds, one part for each left-out category of `crossvalidate.by`, and the origins."""
    parts = folds(students, how.folds, how.repeats, how.seed)
    if how.by in students.schema.categories:
        parts += without_each(students, how.by)
    elif how.by is not None:
        print(f"crossvalidate.by: {how.by} is not a categorical column, so no category is left out")
    forward = origins(students, how.origins)
    if len(forward) < how.origins:
        print(
            f"crossvalidate.origins is {how.origins}: the table has {len(forward)} points in time at "
            f"which {LEAST} students or more can be forecast from earlier ones"
        )
    return parts + forward


def tell(table: pd.DataFrame, parts: list[Part]) -> None:
    """Print what was forecast, and the errors of the network and of linear regression."""
    kinds = {"fold": "folds", "unseen": "categories left out", "origin": "points in time"}
    for kind, what in kinds.items():
        number = sum(part.kind == kind for part in parts)
        rows = table[(table["kind"] == kind) & table["headline"]]
        if number:
            errors = [((rows[name] - rows["actual"]) ** 2).mean() for name in ("network", "linear")]
            print(
                f"{number} {what}: {rows['student'].nunique()} students, MSE of the network "
                f"{errors[0]:.4f}, of linear regression {errors[1]:.4f}"
            )


if __name__ == "__main__":
    run(main)
