"""Students, and out-of-fold forecasts of them such as the stage `crossvalidate` writes, by chance."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from nextsem.comparison import summaries
from nextsem.forecaster.calibration import Calibration
from nextsem.students import prepared
from nextsem.students.students import Students
from tests.conftest import ROOT, with_grades

COLLEGES = ["North", "South", "Tiny"]
FORECASTERS = {  # and how far off they are, grade points
    "network": 0.4,
    "mean": 1.0,
    "last": 0.7,
    "own_mean": 0.8,
    "linear": 0.45,
    "linear_static": 0.42,
    "pooled_ridge": 0.42,
    "forest": 0.5,
    "boosted_trees": 0.5,
}


def students(count: int = 80, layout: Literal["wide", "long"] = "wide") -> Students:
    """Students of two colleges, and three of a third one.

    In a wide table the last five lack the last term; in transcripts each has two to five terms.
    """
    draw = np.random.default_rng(0)
    ability = draw.normal(7, 0.9, count)
    grades = np.clip(ability[:, None] + draw.normal(0, 0.5, (count, 5)), 0, 10)
    if layout == "wide":
        grades[-5:, -1] = np.nan
    else:
        grades[np.arange(5) >= draw.integers(2, 6, count)[:, None]] = np.nan
    college = np.where(np.arange(count) < 3, 2, np.arange(count) % 2)
    terms = ["1st", "2nd", "3rd", "4th", "5th"]
    names = np.array([f"s{row:02}" for row in range(count)])
    codes = np.repeat(college[:, None, None], 5, axis=1).astype(np.int32)
    of = with_grades(grades, layout=layout, terms=terms, categories=["College"])
    return replace(of, names=names, codes=codes, vocabulary=[COLLEGES])


def out_of_fold(of: Students, folds: int = 5, repeats: int = 2) -> pd.DataFrame:
    """A forecast of each term after the first, of each student once in each repeat."""
    draw = np.random.default_rng(1)
    wide = of.schema.layout == "wide"
    compared = np.flatnonzero(of.complete if wide else of.to_learn.any(axis=1))
    parts = [
        ("fold", "", repeat, fold, own)
        for repeat in range(1, repeats + 1)
        for fold, own in enumerate(np.array_split(draw.permutation(compared), folds), 1)
    ]
    parts += [
        ("unseen", college, 1, 0, np.flatnonzero(of.category("College") == college))
        for college in COLLEGES
    ]
    tables = []
    for part, (kind, label, repeat, fold, own) in enumerate(parts):
        places, terms = np.nonzero(of.to_learn[own])
        rows = own[places]
        actual = of.grades[rows, terms]
        table = pd.DataFrame({"kind": kind, "label": label, "part": part}, index=range(len(rows)))
        table = table.assign(repeat=repeat, fold=fold, student=rows, term=terms, known=terms)
        table["headline"] = (terms == 4) & of.complete[rows] if wide else True
        table["actual"] = actual
        for name, sd in FORECASTERS.items():
            table[name] = np.clip(actual + draw.normal(0, sd, len(rows)), 0, 10)
        table = table.assign(linear_sd=0.45, spread=0.4)
        for member in (1, 2, 3):
            table[f"member_{member}"] = actual + draw.normal(0, 0.5, len(rows))
        table["half_1"], table["half_2"] = table["member_1"], table["member_2"]
        table["earlier"] = np.nan
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def with_origins(of_transcripts: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The forecasts, and as if those of the first repeat had been made at points in time, too.

    The last term of a student lies at the last one of the named points in time, and so on.
    """
    folds = of_transcripts[(of_transcripts["kind"] == "fold") & (of_transcripts["repeat"] == 1)]
    part, tables = of_transcripts["part"].max() + 1, [of_transcripts]
    before_last = folds.groupby("student")["term"].transform("max") - folds["term"]
    for place, name in enumerate(names):
        rows = folds[before_last == len(names) - 1 - place]
        own = {"kind": "origin", "label": name, "part": part + place, "repeat": 0, "fold": 0}
        tables.append(rows.assign(**own))
    return pd.concat(tables, ignore_index=True)


def assessed(of: Students, forecasts: pd.DataFrame, line: float = 6.0) -> pd.DataFrame:
    """The forecasts with ranges and risks of a grade below the line."""
    parts = [calibration()] * (int(forecasts["part"].max()) + 1)
    return summaries.assessed(forecasts, parts, of, 0.9, line)


def mirrored(of: Students, forecasts: pd.DataFrame) -> tuple[Students, pd.DataFrame]:
    """The same on a scale on which lower is better."""
    schema, turned = replace(of.schema, lower_is_better=True), forecasts.copy()
    columns = ["actual", *FORECASTERS, "half_1", "half_2"]
    turned[columns] = 10 - turned[columns]
    return replace(of, grades=10 - of.grades, schema=schema), turned


def calibration() -> Calibration:
    """That of errors of 0.4 grade points."""
    residuals = np.random.default_rng(2).normal(0, 0.4, 400)
    known = np.tile([1, 2, 3, 4], 100)
    colleges = np.array(COLLEGES)[np.arange(400) % 3]
    forecasts, disagreement = np.linspace(5, 9, 400), np.full(400, 0.1)
    more = (forecasts, disagreement, False)
    return Calibration.of(residuals, known, known, "College", colleges, *more, residuals)


def project(path: Path, of: Students, forecasts: pd.DataFrame, calibrated: bool = True) -> None:
    """A folder in which `compare` can run."""
    for folder in ("data/prepared", "data/predictions", "metrics"):
        (path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", path)
    prepared.write(of, path / prepared.STUDENTS)
    gender = np.where(np.arange(len(of)) % 3, "Male", "Female")
    groups = pd.DataFrame({"student": of.names, "Gender": gender})
    groups.to_csv(path / "data/prepared/groups.csv", index=False)
    rows = {"read": len(of), "complete": int(of.complete.sum())}
    counts = {"rows": rows, "left_out": {"blank": 0}}
    (path / "metrics/data.json").write_text(json.dumps(counts))
    forecasts.to_parquet(path / "data/predictions/crossvalidation.parquet")
    own = asdict(calibration()) if calibrated else None
    parts = [own] * (int(forecasts["part"].max()) + 1)
    (path / "data/predictions/calibrations.json").write_text(json.dumps(parts))
