"""Tables unlike the default in every way, through the whole pipeline by `params.yaml` alone."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from nextsem import params
from tests.conftest import Checkout

pytestmark = pytest.mark.slow

LINEAR = ("linear", "linear_static", "pooled_ridge")


def grades(students: int, semesters: int, seed: int, effect: Any = 0.0) -> np.ndarray:
    """Grades [students, semesters] about 0: ability, drift and noise; ``effect`` is on the last."""
    draw = np.random.default_rng(seed)
    ability, drift = draw.normal(size=(students, 1)), draw.normal(size=(students, 1))
    noise = draw.normal(size=(students, semesters)) * 0.45
    result = 0.8 * ability + 0.4 * drift * np.linspace(0, 1, semesters) + noise
    result[:, -1] += effect
    return result


def american(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Eight semesters from 0 to 4, two numbers, no category, no id; semicolons, decimal commas, a
    byte-order mark; 0 and - are no grades."""
    draw = np.random.default_rng(11)
    attendance, score = draw.normal(size=(2, 160))
    points = grades(160, 8, 1, 0.3 * attendance)
    points = np.clip(2.6 + 0.6 * points, 0.5, 4).round(2)
    written = [[f"{point:.2f}".replace(".", ",") for point in row] for row in points]
    table = pd.DataFrame(written, columns=[f"Semester {n} GPA" for n in range(1, 9)])
    table["Attendance"] = (80 + 8 * attendance).round(1)
    table["SAT score"] = (1100 + 90 * score).round().astype(int).astype(str)
    table.loc[:9, "SAT score"] = "-"
    table.loc[10:19, "Semester 8 GPA"] = "0"  # still to come
    table.loc[20:24, "Semester 3 GPA"] = "-"
    table.to_csv(path, sep=";", decimal=",", index=False, encoding="utf-8-sig")
    settings = {
        "data.semesters": [f"Semester {n} GPA" for n in range(1, 9)],
        "data.static": [],
        "data.numeric": ["Attendance", "SAT score"],
        "data.groups": [],
        "data.spellings": {},
        "data.id": [],
        "data.incomplete": "keep",
        "data.grade_range": [0, 4],
        "data.missing": ["-", "0"],
        "evaluate.at_risk_below": 2.0,
        "intervals.by": None,
        "crossvalidate.by": None,
    }
    return settings, {"read": 160, "complete": 145, "pending": 10, "gap": 5, "blank": 0}


def german(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
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
        if row < 8:
            cells[2] = "AB"  # absent
        elif row < 12:
            cells[0] = None
        if row == 149:
            cells = [None] * 3
        campus = None if row % 10 == 0 else ("Nord", "Süd")[row % 2]
        gender = ("m", "w", "Mann", "Frau")[draw.integers(0, 4)]
        subjects = ("Informatik", "Maschinenbau", "Elektrotechnik")
        sheet.append([2_011_000 + row, subjects[subject[row]], campus, gender, *cells])
    sheet.append([])
    sheet.append(["Durchschnitt", None, None, None, *points.mean(axis=0).tolist()])
    book.save(path)
    settings = {
        "data.semesters": names,
        "data.static": ["Studiengang", "Campus"],
        "data.numeric": [],
        "data.groups": ["Geschlecht"],
        "data.spellings": {"Geschlecht": {"m": "Mann", "w": "Frau"}},
        "data.id": ["Matrikelnummer"],
        "data.grade_range": [1, 5],
        "data.lower_is_better": True,
        "data.missing": ["AB"],
        "data.sheet": "Noten 2024",
        "data.header_row": 3,
        "data.footer_rows": 1,
        "evaluate.at_risk_below": 4.0,
        "intervals.by": "Studiengang",
        "crossvalidate.by": "Studiengang",
    }
    return settings, {"read": 150, "complete": 137, "pending": 9, "gap": 4, "blank": 0}


def percent(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Two semesters in percent, with the sign; twelve schools; tabs, and letters of Windows."""
    draw = np.random.default_rng(13)
    school = draw.integers(0, 12, 400)
    points = np.clip(60 + 12 * grades(400, 2, 3, draw.normal(size=12)[school] * 0.3), 0, 100)
    table = pd.DataFrame(
        {
            "Élève": [f"É{n:03d}" for n in range(400)],
            "École": [f"École {n}" for n in school],
            "Part I": [f"{each:.1f} %".replace(".", ",") for each in points[:, 0]],
            "Part II": [f"{each:.1f} %".replace(".", ",") for each in points[:, 1]],
        }
    )
    table.loc[:19, "Part II"] = None
    table.loc[20:22, "Part I"] = None
    table.loc[23:24, ["Part I", "Part II"]] = None
    table.to_csv(path, sep="\t", index=False, encoding="cp1252")
    settings = {
        "data.semesters": ["Part I", "Part II"],
        "data.static": ["École"],
        "data.numeric": [],
        "data.groups": [],
        "data.spellings": {},
        "data.id": ["Élève"],
        "data.grade_range": [0, 100],
        "data.encoding": "cp1252",
        "evaluate.at_risk_below": 45.0,
        "intervals.by": "École",
        "crossvalidate.by": "École",
    }
    return settings, {"read": 400, "complete": 375, "pending": 22, "gap": 3, "blank": 0}


TABLES: dict[str, Callable[[Path], tuple[dict[str, Any], dict[str, int]]]] = {
    "american.csv": american,
    "german.xlsx": german,
    "percent.csv": percent,
}


@pytest.fixture(params=TABLES)
def table(checkout: Checkout, request: pytest.FixtureRequest) -> tuple[str, Any, Any]:
    path = checkout.path / "data/raw" / request.param
    return f"data/raw/{request.param}", *TABLES[request.param](path)


def set_parameters(checkout: Checkout, values: dict[str, Any]) -> None:
    text = params.with_values(checkout.read("params.yaml"), values, {}, "params.yaml")
    (checkout.path / "params.yaml").write_text(text, encoding="utf-8")


def test_the_whole_pipeline(checkout: Checkout, table: tuple[str, Any, Any]) -> None:
    path, settings, rows = table
    set_parameters(checkout, {"data.table": path, **settings, "crossvalidate.repeats": 1})
    said = checkout.run("dvc", "repro")
    data = json.loads(checkout.read("metrics/data.json"))
    counted = {key: data["rows"][key] for key in ("read", "complete", "pending")}
    counted["blank"] = data["left_out"]["blank"]
    keep = settings.get("data.incomplete") == "keep"
    learnt = data["rows"]["train"] + data["rows"]["test"]
    counted["gap"] = learnt - rows["complete"] if keep else data["left_out"]["gap_before_last"]
    assert counted == rows

    metrics = json.loads(checkout.read("metrics/crossvalidation.json"))
    errors = {name: each["mse"] for name, each in metrics["forecasters"].items()}
    assert errors["network"] < 1.05 * min(errors[name] for name in LINEAR)
    assert errors["network"] < 0.8 * errors["mean"]
    assert 0.8 < metrics["intervals"]["coverage"] < 1
    assert metrics["risk"]["brier"] < metrics["risk"]["brier_base"]
    by = settings["intervals.by"]
    assert list(metrics["unseen"]) == list(metrics["intervals"].get("by", {}))
    assert bool(metrics["unseen"]) == (by is not None)
    assert set(metrics["groups"]) == {*settings["data.static"], *settings["data.groups"]}

    forecast = openpyxl.load_workbook(checkout.path / "data/predictions/forecast.xlsx")["Forecast"]
    header = [cell.value for cell in forecast[1]]
    assert forecast.max_row - 1 == rows["pending"]
    low, high = settings["data.grade_range"]
    grades = [row[header.index(f"Forecast {settings['data.semesters'][-1]}")] for row in forecast]
    assert all(low <= cell.value <= high for cell in grades[1:] if cell.value is not None)
    beyond = "above" if settings.get("data.lower_is_better") else "below"
    assert f"Risk {beyond} {settings['evaluate.at_risk_below']:g}" in header
    assert "Traceback" not in said


def test_what_is_described_is_read_as_by_hand(
    checkout: Checkout, table: tuple[str, Any, Any]
) -> None:
    path, settings, rows = table
    said = checkout.stage("describe", path, "--write")
    found = params.load(checkout.path / "params.yaml").model_dump()
    values = {key: found[key.partition(".")[0]][key.partition(".")[2]] for key in settings}
    asked = ("evaluate.at_risk_below", "data.incomplete")  # a person knows better
    different = {key for key in settings if values[key] != settings[key] and key not in asked}
    assert different <= {"data.missing"}
    assert set(found["data"]["missing"]) == set(settings.get("data.missing", []))
    assert "grade_range: " in said
    checkout.stage("prepare")
    data = json.loads(checkout.read("metrics/data.json"))["rows"]
    assert {key: data[key] for key in ("read", "complete", "pending")} == {
        key: rows[key] for key in ("read", "complete", "pending")
    }


def test_a_description_is_pasted_and_the_pipeline_runs(checkout: Checkout) -> None:
    _, rows = german(checkout.path / "data/raw/german.xlsx")
    shown = checkout.stage("describe", "data/raw/german.xlsx")
    text = checkout.read("params.yaml")
    for group in re.split(r"^(?=\w+:)", shown, flags=re.MULTILINE)[1:]:
        name = group.partition(":")[0]
        text, replaced = re.subn(
            rf"^{name}:(\n(  .*)?)+", lambda _, new=group: new, text, flags=re.M
        )
        assert replaced == 1
    (checkout.path / "params.yaml").write_text(text, encoding="utf-8")
    set_parameters(checkout, {"crossvalidate.repeats": 1})
    checkout.run("dvc", "repro")
    assert json.loads(checkout.read("metrics/data.json"))["rows"]["complete"] == rows["complete"]
    assert (checkout.path / "data/predictions/forecast.xlsx").is_file()
