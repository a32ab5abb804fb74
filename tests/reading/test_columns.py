"""Names of columns as people write them."""

import pandas as pd
import pytest

from nextsem.reading.columns import Column, highest, marks_in


def column(name: str, *cells: str) -> Column:
    return Column.of(pd.DataFrame({name: cells}, dtype=str), 0)


@pytest.mark.parametrize(
    ("name", "words", "order"),
    [
        ("1st", ("#",), (1,)),
        ("2nd Semester", ("#", "semester"), (2,)),
        ("Sem 3", ("semester", "#"), (3,)),
        ("Semester 3 GPA", ("semester", "#", "gpa"), (3,)),
        ("SGPA4", ("sgpa", "#"), (4,)),
        ("sgpa_sem_5", ("sgpa", "semester", "#"), (5,)),
        ("VI", ("#",), (6,)),
        ("SemVII", ("semester", "#"), (7,)),
        ("T8", ("semester", "#"), (8,)),
        ("Third Semester", ("#", "semester"), (3,)),
        ("1. Semester", ("#", "semester"), (1,)),
        ("2e semestre", ("#", "semester"), (2,)),
        ("Fall 2023", ("~", "#"), (2023,)),
        ("GPA 2023/24", ("gpa", "#", "#"), (2023, 24)),
        ("S.No", ("s", "no"), ()),
        ("Attendance %", ("attendance",), ()),
        ("", (), ()),
    ],
)
def test_names(name: str, words: tuple[str, ...], order: tuple[int, ...]) -> None:
    found = column(name)
    assert (found.words, found.order) == (words, order)


def test_values() -> None:
    found = column("GPA", "7,5", "", "AB", "8", "AB", "-", "9,25", "9")
    assert found.values.tolist() == [7.5, 8.0, 9.25, 9.0]
    assert marks_in([found, column("GPA", "Name", "-", "-", "9")]) == {"-": 3, "AB": 2}
    assert found.filled == 7
    assert found.numeric
    assert not column("Name", "7", "x", "y").numeric
    assert not column("Name", "", "").numeric


def test_numbers_of_students_are_no_grades() -> None:
    assert not column("Roll", *map(str, range(40))).may_be_grades()
    assert not column("Phone", *["5550100", "5550101"] * 20).may_be_grades()
    assert column("Marks", *map(str, [*range(40, 60)] * 3)).may_be_grades()


@pytest.mark.parametrize(
    ("most", "high"),
    [(0.9, 1), (3.9, 4), (4.7, 5), (5.8, 6), (9, 10), (17, 20), (88, 100), (430, 500)],
)
def test_the_smallest_scale_that_holds_all(most: float, high: float) -> None:
    assert highest(pd.Series([0.2, most]).to_numpy()) == high
