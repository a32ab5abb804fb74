"""Twenty tables in the manner of real exports (`twenty_tables.yaml`): what is proposed for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from nextsem.reading.description import Description, describe
from nextsem.shared.errors import InputError
from tests.conftest import PARAMETERS, Checkout, Project

RIGHT = 18  # of the twenty tables, at least


@dataclass(frozen=True)
class Table:
    """How to draw a table; with `terms` it has a row for each student and term."""

    columns: str
    students: int = 120
    low: float = 0
    high: float = 10
    decimals: int = 2
    lower_is_better: bool = False
    separator: str = ","
    letters: str = ""
    terms: str = ""

    def lines(self) -> list[list[str]]:
        lines = self.columns.strip().splitlines()
        return [[part.strip() for part in line.split(" | ")] for line in lines]

    def of(self, role: str) -> list[str]:
        return [name for each, name, _ in self.lines() if each == role]

    def write(self, path: Path, seed: int) -> None:
        terms = self.terms.split() or self.of("semester")
        drawing = _Drawing(self, len(terms), seed)
        columns = {name: drawing.column(*how.split()) for _, name, how in self.lines()}
        shape = self.students, len(terms) if self.terms else 1
        there = np.full(shape, True)
        if self.terms:
            columns[self.of("term")[0]] = np.array(terms, dtype=object)
            there = np.arange(shape[1]) < drawing.random.integers(2, shape[1] + 1, (shape[0], 1))
        whole = {name: np.broadcast_to(each, shape)[there] for name, each in columns.items()}
        decimal = "," if self.separator == ";" else "."
        frame = pd.DataFrame(whole).infer_objects()
        frame.to_csv(path, sep=self.separator, decimal=decimal, index=False)


class _Drawing:
    """Draws columns [students, 1], or [students, terms], of grades that belong together."""

    def __init__(self, table: Table, terms: int, seed: int) -> None:
        self.table, self.random, self.used = table, np.random.default_rng(seed), 0
        self.students, shape = table.students, (table.students, terms)
        self.ability = self.random.normal(size=(shape[0], 1))
        trend = self.random.normal(size=(shape[0], 1)) * np.linspace(0, 0.5, terms)
        grades = 0.8 * self.ability + trend + 0.45 * self.random.normal(size=shape)
        self.share = np.clip(0.62 + 0.14 * grades, 0.02, 1)  # of the highest grade
        best, worst = (table.low, table.high) if table.lower_is_better else (table.high, table.low)
        self.grades = (worst + (best - worst) * self.share).round(table.decimals)
        self.rank = (-self.share.mean(axis=1)).argsort().argsort() + 1
        self.noise = self.random.normal(size=self.students)

    def column(self, what: str, *how: str) -> Any:
        drawn = getattr(self, f"_{what}")(*how)
        return np.asarray(drawn, dtype=object).reshape(self.students, -1)

    # Grades, and what is made of them

    def _grade(self, missing: str = "0", mark: str = "") -> Any:
        place = slice(None) if self.table.terms else slice(self.used, self.used + 1)
        values, share = self.grades[:, place], self.share[:, place]
        self.used += 1
        if self.table.letters:
            letters = np.array(self.table.letters.split(), dtype=object)
            values = letters[
                ((share - 0.3) * 1.5 * len(letters)).clip(0, len(letters) - 1).astype(int)
            ]
        return np.where(
            self.random.random(share.shape) < float(missing), mark, values.astype(object)
        )

    def _term(self) -> Any:
        return [""] * self.students  # filled in later

    def _other_scale(self, high: str) -> Any:
        return (self.share * float(high)).round(1)

    def _mean(self, first: str = "1", noise: str = "0") -> Any:
        values = self.grades[:, int(first) - 1 :].mean(axis=1)
        return (values + float(noise) * self.grades.std() * self.noise).round(2)

    def _so_far(self) -> Any:
        return (self.grades.cumsum(axis=1) / np.arange(1, self.grades.shape[1] + 1)).round(2)

    def _sum(self) -> Any:
        return self.grades.sum(axis=1).round(2)

    def _last(self, noise: str) -> Any:
        return (self.grades[:, -1] + float(noise) * self.grades.std() * self.noise).round(2)

    def _change(self) -> Any:
        return (self.grades[:, -1] - self.grades[:, 0]).round(2)

    def _rank(self) -> Any:
        return self.rank

    def _bands(self, *names: str) -> Any:
        """By the mean of all grades, the best first."""
        return _words(names)[(self.rank - 1) * len(names) // self.students]

    def _unless_low(self, high: str, low: str, share: str = "0.15") -> Any:
        last = self.share[:, -1]
        return _words([high, low])[(last < np.quantile(last, float(share))).astype(int)]

    def _times_low(self) -> Any:
        return (self.share < 0.5).sum(axis=1)

    def _more_if_low(self, low: str, high: str) -> Any:
        share = 2 * (0.8 - self.share.mean(axis=1)) + 0.1 * self.noise
        return (int(low) + (int(high) - int(low)) * share.clip(0, 1)).round()

    # What else stands in tables

    def _known_before(self, low: str, high: str, decimals: str = "1") -> Any:
        drawn = 0.6 * self.ability[:, 0] + 0.8 * self.random.normal(size=self.students)
        share = (0.6 + 0.15 * drawn).clip(0, 1)
        return (float(low) + (float(high) - float(low)) * share).round(int(decimals))

    def _whole(self, low: str, high: str) -> Any:
        shape = self.grades.shape if self.table.terms else self.students
        return self.random.integers(int(low), int(high) + 1, shape)

    def _one(self, *names: str) -> Any:
        return self.random.choice(_words(names), self.students)

    def _id(self, form: str) -> Any:
        return [form.format(number) for number in self.random.permutation(self.students)]

    def _serial(self) -> Any:
        return np.arange(self.students) + 1

    def _person(self) -> Any:
        first = self.random.choice(["Ada", "Bela", "Chidi", "Dilek", "Enzo"], self.students)
        return [f"{name} {chr(65 + n % 26)}{chr(97 + n % 7)}nov" for n, name in enumerate(first)]

    def _answers(self) -> Any:
        return [f"I liked the {n} lectures" for n in range(self.students)]


def _words(names: Any) -> Any:
    return np.array([name.replace("_", " ") for name in names], dtype=object)


_TEXT = Path(__file__).with_name("twenty_tables.yaml").read_text(encoding="utf-8")
TABLES = {name: Table(**table) for name, table in yaml.safe_load(_TEXT).items()}


def described(table: Table, path: Path, seed: int = 0) -> Description:
    table.write(path, seed)
    return describe(path, "", PARAMETERS.data, 6.0)


def mistakes(table: Table, found: Description) -> list[str]:
    """What is proposed wrongly, apart from inputs that tell the future."""
    data, inputs = found.data, [*found.data.static, *found.data.numeric]
    if table.terms:
        columns = [data.student, data.term, data.grade]
        expected = [*table.of("student"), *table.of("term"), *table.of("grade")]
    else:
        columns = [*data.semesters, *(each for each in data.id if each not in table.of("name"))]
        expected = [*table.of("semester"), *table.of("id")]
    may_be = [*table.of("input"), *table.of("maybe"), *table.of("future")]
    return [
        *(f"to mend: {each}" for each in found.remarks.mend),
        *([f"grades and ids {columns}"] if columns != expected else []),
        *(f"no input {each}" for each in table.of("input") if each not in inputs),
        *(f"an input {each}" for each in inputs if each not in may_be),
        *([f"groups {data.groups}"] if data.groups != table.of("group") else []),
        *(["lower is better"] if data.lower_is_better != table.lower_is_better else []),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_no_input_tells_the_future_and_nearly_all_are_right(tmp_path: Path, seed: int) -> None:
    wrong: dict[str, list[str]] = {}
    for name, table in TABLES.items():
        try:
            found = described(table, tmp_path / "table.csv", seed)
        except InputError as error:
            wrong[name] = [str(error)]
            continue
        assert {*found.data.static, *found.data.numeric}.isdisjoint(table.of("future")), name
        wrong[name] = mistakes(table, found)
    assert sum(not each for each in wrong.values()) >= RIGHT, wrong


@pytest.mark.parametrize("name", TABLES)
def test_what_is_proposed_is_prepared(tmp_path: Path, name: str) -> None:
    data = described(TABLES[name], tmp_path / "table.csv").data.model_dump()
    project = Project(tmp_path / "project", **{f"data_{key}": data[key] for key in data})
    project.stage("prepare")
    assert (project.path / "data/prepared/students.parquet").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["half-years in Germany", "transcripts by term"])
def test_described_and_run(checkout: Checkout, name: str) -> None:
    """The whole pipeline, with nothing edited."""
    TABLES[name].write(checkout.path / "data/raw/mine.csv", 0)
    checkout.run("python", "-m", "commands.describe", "data/raw/mine.csv", "--write")
    checkout.change({"crossvalidate.repeats": 1})
    checkout.run("dvc", "repro")
    assert (checkout.path / "data/predictions/forecast.xlsx").is_file()
