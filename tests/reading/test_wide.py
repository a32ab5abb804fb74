"""A row for each student: who they are, and what is left out."""

from pathlib import Path

import numpy as np
import pytest

from nextsem.reading.layouts import read_students
from nextsem.reading.wide import read_wide
from nextsem.shared.errors import InputError
from tests.reading.test_tables import DATA, HEADER, TEXT, read, write


def test_students_and_what_is_known_of_them(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER},Days,Sex\n8,7,241,1,,3,F\n6,,115,2,,,\n,,,,,,\n")
    data = DATA.model_copy(update={"numeric": ["Days"], "groups": ["Sex"]})
    found = read_students(path, data)
    students = found.students
    assert students.schema.terms == ["1st", "2nd"]
    np.testing.assert_array_equal(students.grades, [[8, 7], [6, np.nan]])
    assert students.vocabulary == [["115", "241"]]
    assert students.codes.tolist() == [[[1], [1]], [[0], [0]]]  # the same in every semester
    np.testing.assert_array_equal(students.numbers[..., 0], [[3, 3], [np.nan, np.nan]])
    assert (students.times == -1).all()
    assert found.groups["Sex"].tolist() == ["F", ""]
    assert list(found.table) == ["student", "College", "Days", "1st", "2nd"]


def test_blank_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER}\n7,7,115,1,\n\n,,,,\n , , , , \n7,7,115,2,\n\n")
    found = read_wide(path, DATA)
    assert found.table["student"].tolist() == ["1", "2"]
    assert (found.rows, found.left_out) == (5, {"blank": 3, "footer": 0})


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"id": []}, ["row 2", "row 3"]),
        ({"static": []}, ["007/a", "17020/b"]),
        ({"id": ["College", "Roll"]}, ["115/007", "241/17020"]),
        ({"static": ["College", "Number"], "id": ["Roll"]}, ["007", "17020"]),
    ],
)
def test_students_names(tmp_path: Path, changes: dict[str, object], names: list[str]) -> None:
    text = f"{HEADER}\n7,7,115,007,a\n7,7,241,17020.0,b\n"
    assert read(tmp_path / "table.csv", text, **changes)["student"].tolist() == names


def test_two_rows_of_one_student_are_refused_without_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows 2 and 4 are the same student") as told:
        read(tmp_path / "table.csv", f"{TEXT}6,6,115,1,\n")
    assert "115" not in str(told.value)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_ids_come_as_they_are_and_a_mark_is_told(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    rows = [["007", "Zoë", "A", 7, "AB"], ["1e5", "", "A", 7, None], ["9", "Li", "B", "AB", "-"]]
    write(path, [["Roll", "Name", "College", "1st", "2nd"], *rows])
    data = DATA.model_copy(update={"id": ["Roll", "Name"], "missing": ["AB", "-"]})
    found = read_students(path, data)
    assert found.ids["Roll"].tolist() == ["007", "1e5", "9"]
    assert found.ids["Name"].tolist() == ["Zoë", "", "Li"]
    assert found.students.names.tolist() == ["007/Zoë", "1e5", "9/Li"]
    assert found.marks.tolist() == ["AB", "", "AB"]


def test_no_semester_may_be_missing_before_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1st,3rd,College\n7,7,115\n")
    data = DATA.model_copy(update={"semesters": ["1st", "2nd", "3rd", "4th"]})
    with pytest.raises(InputError, match=r"no column '2nd', though there is a '3rd' after it"):
        read_wide(path, data, to_come=True)
