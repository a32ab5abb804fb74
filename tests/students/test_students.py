"""Students as sequences of terms: what comes next, what is known before, and what disk keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextsem.shared.errors import InputError
from nextsem.students import prepared
from nextsem.students.pending import to_forecast
from nextsem.students.students import UNKNOWN, Students
from tests.advice.fake import cohort
from tests.conftest import with_grades

COLLEGES = ["115", "=1+1", "Ünal"]


@st.composite
def some_students(draw: st.DrawFn) -> Students:
    """Any students: of any number of terms, with gaps, categories and numbers unknown anywhere."""
    count, terms = draw(st.integers(0, 6)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def with_gaps(values: np.ndarray, missing: float) -> np.ndarray:
        return np.where(random.random(values.shape) < 0.3, missing, values).astype(values.dtype)

    columns = {"categories": ["College"], "numbers": ["Credits"], "calendar": ["a"]}
    grades = with_gaps(random.uniform(0, 10, (count, terms)), np.nan)
    return replace(
        with_grades(grades, layout="long", **columns),
        codes=with_gaps(random.integers(0, 3, (count, terms, 1)).astype(np.int32), UNKNOWN),
        numbers=with_gaps(random.normal(size=(count, terms, 1)), np.nan),
        times=with_gaps(np.zeros((count, terms), np.int32), UNKNOWN),
        vocabulary=[COLLEGES],
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
    students = with_grades(np.array(grades, dtype=float))
    assert students.next_term.tolist() == [3, 0, 4, 2]
    assert students.known_before[0].tolist() == [0, 1, 1, 2]
    assert np.argwhere(students.to_learn).tolist() == [[0, 2], [2, 1], [2, 2], [2, 3]]
    assert students.until(2).next_term.tolist() == [1, 0, 2, 2]


# Who is forecast, and why the others are not.


@given(known=st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_the_term_after_the_last_known_one_is_forecast(known: list[int]) -> None:
    students = cohort(len(known)).until(np.array(known))
    terms, reasons = to_forecast(students, None)
    for count, term, reason in zip(known, terms, reasons, strict=True):
        if count == 0:
            assert (term, reason) == ("", "no grade is known")
        elif count == 5:
            assert (term, reason) == ("", "5th is known: nothing comes after it")
        else:
            assert (term, reason) == (students.schema.terms[count], "")


def test_who_has_no_row_in_the_newest_terms_has_left() -> None:
    students = cohort(3, layout="long").until(2)
    times = np.array([[0, 1, -1, -1, -1], [2, 3, -1, -1, -1], [3, 4, -1, -1, -1]], np.int32)
    students = replace(students, times=times)
    assert to_forecast(students, None)[0].tolist() == ["3", "3", "3"]
    assert to_forecast(students, 2)[0].tolist() == ["", "3", "3"]
    terms, reasons = to_forecast(students, 1)
    assert terms.tolist() == ["", "", "3"]
    assert reasons[0] == "has left: no row in the newest term"
    wide = replace(students, schema=replace(students.schema, calendar=[]))
    assert to_forecast(wide, 1)[0].tolist() == ["3", "3", "3"]
