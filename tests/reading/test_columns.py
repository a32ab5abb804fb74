"""Names of columns as people write them."""

import pandas as pd
import pytest

from nextsem.reading.columns import Column, marks_in


def column(name: str, *cells: str) -> Column:
    return Column(name, 0, pd.Series(cells, dtype=str))


@pytest.mark.parametrize(
    ("name", "words", "order"),
    [
        ("sgpa_sem_5", ("sgpa", "semester", "#"), (5,)),
        ("SemVII", ("semester", "#"), (7,)),
        ("T8", ("semester", "#"), (8,)),
        ("2e semestre", ("#", "semester"), (2,)),
        ("Fall 2023", ("~", "#"), (2023,)),
        ("GPA 2023/24", ("gpa", "#"), (2023,)),
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
