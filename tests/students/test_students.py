"""Students as sequences of terms: what comes next, what is known before, and what disk keeps."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextsem.shared.errors import InputError
from nextsem.students import prepared
from nextsem.students.students import UNKNOWN, Schema, Students, carried_forward

COLLEGES = ["115", "=1+1", "Ünal"]


@st.composite
def some_students(draw: st.DrawFn) -> Students:
    """Any students: of any number of terms, with gaps, categories and numbers unknown anywhere."""
    count, terms = draw(st.integers(0, 6)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def with_gaps(values: np.ndarray, missing: float) -> np.ndarray:
        return np.where(random.random(values.shape) < 0.3, missing, values).astype(values.dtype)

    schema = Schema(
        "long", [str(n) for n in range(terms)], ["College"], ["Credits"], [], ["a"], (0, 10), False
    )
    return Students(
        schema,
        np.array([f"student {n}" for n in range(count)], dtype=str),
        with_gaps(random.uniform(0, 10, (count, terms)), np.nan),
        with_gaps(random.integers(0, 3, (count, terms, 1)).astype(np.int32), UNKNOWN),
        with_gaps(random.normal(size=(count, terms, 1)), np.nan),
        with_gaps(np.zeros((count, terms), np.int32), UNKNOWN),
        [COLLEGES],
    )


@given(students=some_students())
def test_what_is_written_is_read_back(
    students: Students, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("prepared") / "students.parquet"
    prepared.write(students, path)
    first = path.read_bytes()
    back = prepared.read(path)
    prepared.write(students, path)
    assert path.read_bytes() == first
    assert back.schema == students.schema
    np.testing.assert_array_equal(back.names, students.names)
    for part in ("grades", "numbers", "times"):
        np.testing.assert_array_equal(getattr(back, part), getattr(students, part))
    for place in range(students.grades.shape[1]):
        places = np.full(len(students), place)
        np.testing.assert_array_equal(back.categories_at(places), students.categories_at(places))


def test_a_file_of_another_kind_is_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "students.parquet"
    path.write_bytes(b"student,1st\n")
    with pytest.raises(InputError, match=r"students\.parquet: was not written by this version"):
        prepared.read(path)
    with pytest.raises(InputError, match=r"none\.parquet: no such file; `dvc repro prepare`"):
        prepared.read(tmp_path / "none.parquet")


def test_the_next_term_is_the_one_after_the_last_grade_whatever_is_missing_before() -> None:
    gap = np.nan
    grades = [[7, gap, 8, gap], [gap, gap, gap, gap], [7, 7, 7, 7], [gap, 6, gap, gap]]
    students = Students(
        Schema("wide", ["1st", "2nd", "3rd", "4th"], [], [], [], [], (0, 10), False),
        np.array(list("abcd")),
        np.array(grades, dtype=float),
        np.zeros((4, 4, 0), np.int32),
        np.zeros((4, 4, 0)),
        np.full((4, 4), UNKNOWN, np.int32),
        [],
    )
    assert students.next_term.tolist() == [3, 0, 4, 2]
    assert students.known_before[0].tolist() == [0, 1, 1, 2]
    assert students.to_learn.tolist() == [
        [False, False, True, False],
        [False, False, False, False],
        [False, True, True, True],
        [False, False, False, False],
    ]
    assert students.until(2).next_term.tolist() == [1, 0, 2, 2]


def test_a_value_holds_until_the_next_one_and_is_not_known_before() -> None:
    values = np.array([[[UNKNOWN], [4], [UNKNOWN], [5], [UNKNOWN]], [[UNKNOWN]] * 5], np.int32)
    carried = carried_forward(values, values == UNKNOWN)
    assert carried[..., 0].tolist() == [[UNKNOWN, 4, 4, 5, 5], [UNKNOWN] * 5]
