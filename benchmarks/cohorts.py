"""The tables of the list: other people's, the simulated cohort, and families made by a rule."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from nextsem.simulation import cohort
from nextsem.students.students import UNKNOWN, Numbers, Schema, Students, factorized

SHARED = Path("../shared/data")
FEW = ["school", "sex", "failures", "absences"]


def students_of(grades: Numbers, highest: float, known: pd.DataFrame | None = None) -> Students:
    """Students of a wide table: grades [students, terms] from 0 on, and what else is known of them.

    Columns of numbers are numbers, all others categories.
    """
    known = pd.DataFrame(index=range(len(grades))) if known is None else known
    numbers, categories = known.select_dtypes("number"), known.select_dtypes(exclude="number")
    codes, vocabulary = factorized([categories[name].to_numpy(dtype=str) for name in categories])
    codes, terms = codes.reshape(categories.shape), grades.shape[1]
    names = [str(place + 1) for place in range(terms)]
    return Students(
        Schema("wide", names, [*categories], [*numbers], [], [], (0.0, highest), False),
        np.arange(len(grades)).astype(str),
        grades,
        np.repeat(codes[:, None], terms, axis=1),
        np.repeat(numbers.to_numpy(dtype=float)[:, None], terms, axis=1),
        np.full(grades.shape, UNKNOWN, np.int32),
        vocabulary,
    )


def published() -> Students:
    path = Path(os.environ.get("NEXTSEM_PUBLISHED", SHARED / "semester_results.csv"))
    return _semesters(pd.read_csv(path))


def simulated() -> Students:
    return _semesters(cohort.simulate(178, seed=42))


def _semesters(table: pd.DataFrame) -> Students:
    return students_of(
        table[[*cohort.SEMESTERS]].to_numpy(), 10, table[["College Code"]].astype(str)
    )


def uci(subject: str, columns: list[str] | slice) -> Students:
    """UCI's student performance in a subject, with some of the columns or all."""
    folder = Path(os.environ.get("NEXTSEM_UCI", SHARED / "uci"))
    table = pd.read_csv(folder / f"student-{subject}.csv", sep=";")
    known = table.drop(columns=["G1", "G2", "G3"]).loc[:, columns]
    return students_of(table[["G1", "G2", "G3"]].to_numpy(dtype=float), 20, known)


def midfield(number: int) -> Students:
    """So many of MIDFIELD's students with six grades, of which the last is to be forecast.

    Institution and programme are those of the fifth term.
    """
    columns = ["student", "term", "gpa_term", "institution", "programme"]
    table = pd.read_csv("data/raw/midfield.csv", usecols=columns, dtype={"programme": str})
    rows = table.dropna(subset="gpa_term").sort_values(["student", "term"])
    first = rows.groupby("student").head(6)
    first = first[first.groupby("student")["term"].transform("size") == 6]
    drawn = np.sort(np.random.default_rng(11).choice(len(first) // 6, number, replace=False))
    known = first[["institution", "programme"]].fillna("").iloc[4::6].iloc[drawn]
    return students_of(first["gpa_term"].to_numpy().reshape(-1, 6)[drawn], 4, known)


def able(seed: int, students: int, terms: int, mean: float, ability: float) -> Numbers:
    """Grades of students who differ in ability, with noise that lasts a little."""
    random = np.random.default_rng([seed, 0])
    grades = mean + random.normal(0, ability, (students, 1)) + np.zeros((students, terms))
    noise = random.normal(0, 0.6 * ability, students)
    for term in range(terms):
        grades[:, term] += noise
        noise = 0.4 * noise + random.normal(0, 0.55 * ability, students)
    return grades


def made(grades: Numbers, highest: float, known: pd.DataFrame | None = None) -> Students:
    """Grades as they stand in a table: whole points, or two decimals on a short scale."""
    return students_of(grades.round(2 if highest <= 10 else 0).clip(0, highest), highest, known)


def random_walk() -> Students:
    steps = np.random.default_rng(1).normal(0, 0.6, (100, 6))
    return made(6.5 + steps.cumsum(axis=1), 10)


def drop_outs() -> Students:
    """Most of those with a low grade leave, and end with a zero."""
    grades = able(3, 300, 5, 11, 3)
    share = 0.75 / (1 + np.exp((grades[:, 3] - 7.5) / 0.7))
    grades[np.random.default_rng(3).random(300) < share, 4] = 0
    return made(grades, 20)


def two_regimes() -> Students:
    """The last grade rises on for those who rose before, and is near the mean for the others."""
    grades = able(4, 300, 4, 70, 8)
    rise, level = grades[:, 2] - grades[:, 1], grades[:, 2]
    grades[:, 3] = np.where(rise > 0, level + 0.6 * rise, 70 + 0.3 * (level - 70))
    return made(grades + np.random.default_rng(4).normal(0, [0, 0, 0, 3], (300, 4)), 100)


def noise_columns() -> Students:
    noise = np.random.default_rng(5).normal(size=(150, 12))
    return made(able(5, 150, 4, 7, 0.8), 10, pd.DataFrame(noise).add_prefix("noise"))


def idle_category() -> Students:
    groups = np.random.default_rng(6).integers(0, 8, 120).astype(str)
    return made(able(6, 120, 5, 3, 0.4), 4, pd.DataFrame({"group": groups}))


def spread_by_level() -> Students:
    """The lower the grades, the more they scatter."""
    random = np.random.default_rng(8)
    ability = np.tanh(random.normal(size=(250, 1)))
    return made(65 + 12 * ability + (6 - 3 * ability) * random.standard_t(4, (250, 6)), 100)


def eight_terms() -> Students:
    """Few students of three programmes, whose grades stay, rise or fall."""
    programme = np.random.default_rng(10).integers(0, 3, 90)
    rise = np.array([0, 0.5, -0.4])[programme, None] * np.linspace(0, 1, 8)
    known = pd.DataFrame({"programme": programme.astype(str)})
    return made(able(10, 90, 8, 7.2, 0.7) + rise, 10, known)


COHORTS: dict[str, Callable[[], Students]] = {
    "published": published,
    "mathematics": partial(uci, "mat", FEW),
    "mathematics-all": partial(uci, "mat", slice(None)),
    "portuguese": partial(uci, "por", FEW),
    "portuguese-all": partial(uci, "por", slice(None)),
    **{f"midfield-{number}": partial(midfield, number) for number in (50, 200, 1000, 10_000)},
    "simulated": simulated,
    "random-walk": random_walk,
    "ceiling": lambda: made(able(2, 200, 5, 8.8, 1.1) + np.linspace(0, 0.8, 5), 10),
    "drop-outs": drop_outs,
    "two-regimes": two_regimes,
    "noise-columns": noise_columns,
    "idle-category": idle_category,
    "fifty-rows": lambda: made(able(7, 50, 4, 7, 0.8), 10),
    "spread-by-level": spread_by_level,
    "three-terms": lambda: made(able(9, 400, 3, 2.9, 0.45), 4),
    "eight-terms": eight_terms,
}
