"""Tables unlike the default in every way: described, and run through the whole pipeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem.shared import params
from tests.conftest import Checkout

pytestmark = pytest.mark.slow


def grades(students: int, semesters: int, seed: int, effect: Any = 0.0) -> np.ndarray:
    """Grades [students, semesters] about 0: ability, drift and noise; ``effect`` is on the last."""
    draw = np.random.default_rng(seed)
    ability, drift = draw.normal(size=(students, 1)), draw.normal(size=(students, 1))
    noise = draw.normal(size=(students, semesters)) * 0.45
    result = 0.8 * ability + 0.4 * drift * np.linspace(0, 1, semesters) + noise
    result[:, -1] += effect
    return result


def american(path: Path) -> tuple[dict[str, Any], int]:
    """Eight semesters from 0 to 4, a score, no category, no id; semicolons, decimal commas, a
    byte-order mark; 0 and - are no grades."""
    score = np.random.default_rng(11).normal(size=160)
    points = np.clip(2.6 + 0.6 * grades(160, 8, 1, 0.3 * score), 0.5, 4).round(2)
    names = [f"Semester {n} GPA" for n in range(1, 9)]
    table = pd.DataFrame(points.astype(str), columns=names).replace(r"\.", ",", regex=True)
    table["SAT score"] = (1100 + 90 * score).round().astype(int).astype(str)
    table.loc[:9, "SAT score"] = "-"
    table.loc[10:19, "Semester 8 GPA"] = "0"  # still to come
    table.loc[20:24, "Semester 3 GPA"] = "-"
    table.to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    settings = {
        "semesters": names,
        "static": [],
        "numeric": ["SAT score"],
        "groups": [],
        "id": [],
        "grade_range": [0, 4],
        "missing": ["-", "0"],
    }
    return settings, 145


def german(path: Path) -> tuple[dict[str, Any], int]:
    """Three semesters, the best grade a 1, in a second sheet of a workbook, below a title and above
    an average; two categories, one of them with gaps."""
    draw = np.random.default_rng(12)
    subject = draw.integers(0, 3, 150)
    points = grades(150, 3, 2, np.array([-0.4, 0.0, 0.5])[subject])
    points = np.clip(2.7 - 0.7 * points, 1, 5).round(1)
    book = openpyxl.Workbook()
    book.active.append(["1 ist die beste Note"])
    sheet = book.create_sheet("Noten 2024")
    sheet.append(["Technische Hochschule"])
    sheet.append([])
    names = ["1. Semester", "2. Semester", "3. Semester"]
    sheet.append(["Matrikelnummer", "Studiengang", "Campus", "Geschlecht", *names])
    for row in range(150):
        cells: list[Any] = [*points[row].tolist()]
        cells = [*cells[:2], "AB"] if row < 8 else [None, *cells[1:]] if row < 12 else cells
        campus = None if row % 10 == 0 else ("Nord", "Süd")[row % 2]
        gender = ("m", "w", "Mann", "Frau")[draw.integers(0, 4)]
        subjects = ("Informatik", "Maschinenbau", "Elektrotechnik")
        sheet.append([2_011_000 + row, subjects[subject[row]], campus, gender, *cells])
    sheet.append([])
    sheet.append(["Durchschnitt", None, None, None, *points.mean(axis=0).tolist()])
    book.save(path)
    settings = {
        "semesters": names,
        "static": ["Studiengang", "Campus"],
        "numeric": [],
        "groups": ["Geschlecht"],
        "spellings": {"Geschlecht": {"m": "Mann", "w": "Frau"}},
        "id": ["Matrikelnummer"],
        "grade_range": [1, 5],
        "lower_is_better": True,
        "missing": ["AB"],
        "sheet": "Noten 2024",
        "header_row": 3,
        "footer_rows": 1,
    }
    return settings, 138


TABLES: dict[str, Callable[[Path], tuple[dict[str, Any], int]]] = {
    "american.csv": american,
    "german.xlsx": german,
}


@pytest.mark.parametrize("name", TABLES)
def test_described_and_run(checkout: Checkout, name: str) -> None:
    settings, complete = TABLES[name](checkout.path / "data/raw" / name)
    checkout.run("python", "-m", "commands.describe", f"data/raw/{name}", "--write")
    found = params.load(checkout.path / "params.yaml").data.model_dump()
    assert {key: found[key] for key in settings} == settings
    checkout.change({"crossvalidate.repeats": 1})
    checkout.run("dvc", "repro")
    assert json.loads(checkout.read("metrics/data.json"))["rows"]["complete"] == complete
    errors = json.loads(checkout.read("metrics/crossvalidation.json"))["forecasters"]
    assert errors["network"]["mse"] < 1.05 * errors["linear_static"]["mse"]
    assert (checkout.path / "data/predictions/forecast.xlsx").is_file()
