"""Transcripts: a row for each student and term."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nextsem.reading.layouts import read_students
from nextsem.reading.terms import ordered
from nextsem.reading.transcripts import read_long
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data
from nextsem.students.students import Students
from tests.conftest import PARAMETERS
from tests.reading.test_tables import excel

CHANGES = {"layout": "long", "student": "Name", "term": "Term", "grade": "GPA", "spellings": {}}
CHANGES |= {"static": ["Programme"], "numeric": ["Credits"], "groups": ["Sex"]}
DATA = PARAMETERS.data.model_copy(update=CHANGES)
HEADER = "Name,Term,GPA,Programme,Credits,Sex"
TEXT = f"""{HEADER}
Zoe,2020-2,6,,20,F
Abe,2019-1,8,Law,10,
Zoe,2020-1,,Arts,,
Zoe,2019-10,7,Law,30,M
Abe,2019-2,9,,,
"""


def wrote(path: Path, text: str, **changes: object) -> tuple[Path, Data]:
    path.write_text(text)
    return path, DATA.model_copy(update=changes)


def test_terms_are_counted_for_each_student(tmp_path: Path) -> None:
    found = read_students(*wrote(tmp_path / "t.csv", TEXT))
    students = found.students
    assert students.names.tolist() == ["Zoe", "Abe"]  # in order of first appearance
    assert students.schema.terms == ["1", "2", "3"]
    assert students.schema.calendar == ["2019-1", "2019-2", "2019-10", "2020-1", "2020-2"]
    np.testing.assert_array_equal(students.grades, [[7, np.nan, 6], [8, 9, np.nan]])
    assert students.times.tolist() == [[2, 3, 4], [0, 1, -1]]
    assert found.table["term"].tolist() == ["2019-10", "2020-1", "2020-2", "2019-1", "2019-2"]
    assert (found.rows, found.left_out) == (5, {"blank": 0, "footer": 0})


def test_what_a_row_tells_is_known_from_then_on(tmp_path: Path) -> None:
    found = read_students(*wrote(tmp_path / "t.csv", TEXT))
    arts, law = (found.students.vocabulary[0].index(each) for each in ("Arts", "Law"))
    assert found.students.codes[..., 0].tolist() == [[law, arts, arts], [law, law, -1]]
    np.testing.assert_array_equal(found.students.numbers[..., 0], [[30, 30, 20], [10, 10, np.nan]])
    assert found.groups["Sex"].tolist() == ["F", ""]  # the last one


def test_what_is_known_ahead_belongs_to_its_own_term(tmp_path: Path) -> None:
    ahead = ["Programme", "Credits"]
    students = read_students(*wrote(tmp_path / "t.csv", TEXT, ahead=ahead)).students
    arts, law = (students.vocabulary[0].index(each) for each in ("Arts", "Law"))
    assert students.codes[..., 0].tolist() == [[law, arts, -1], [law, -1, -1]]
    expected = [[30, np.nan, 20], [10, np.nan, np.nan]]
    np.testing.assert_array_equal(students.numbers[..., 0], expected)


def test_listed_terms_have_the_same_place_for_everyone(tmp_path: Path) -> None:
    listed = ["2019-1", "2019-2", "2019-3", "2019-10", "2020-1", "2020-2"]
    students = read_students(*wrote(tmp_path / "t.csv", TEXT, terms=listed)).students
    assert students.schema.terms == listed
    assert students.next_term.tolist() == [6, 2]
    assert students.times.tolist() == [[-1, -1, -1, 2, 3, 4], [0, 1, -1, -1, -1, -1]]
    with pytest.raises(InputError, match=r"row 4, column 'Term': '2020-1' is not listed"):
        read_students(*wrote(tmp_path / "t.csv", TEXT, terms=[*listed[:4], "2020-2"]))


def test_terms_that_nobody_has_a_grade_in_yet(tmp_path: Path) -> None:
    """Nothing can be learnt of them; another table is of a forecaster that may know them."""
    path, data = wrote(tmp_path / "t.csv", TEXT + "Zoe,2021-1,,,25,\n", ahead=["Credits"])
    assert read_students(path, data).students.schema.terms == ["1", "2", "3"]
    students = read_students(path, data, to_come=True).students
    assert students.schema.terms == ["1", "2", "3", "4", "5"]
    assert students.next_term.tolist() == [3, 2]
    assert students.numbers[0, 3, 0] == 25


def test_dates_of_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    days = [pd.Timestamp(2020, 2, 1), pd.Timestamp(2019, 9, 1)]
    excel(path, [HEADER.split(","), *(["Zoe", day, 7 + n] for n, day in enumerate(days))])
    students = read_long(path, DATA).students
    assert students.schema.calendar == ["2019-09-01", "2020-02-01"]
    assert students.grades.tolist() == [[8, 7]]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("Zoe,2020-2,5,,,", "rows 2 and 7 have the same 'Name' and 'Term'"),
        ("Zoe,2020-3,11,,,", "row 7, column 'GPA': 11 is out of range"),
        ("Zoe,2020-3,A,,,", "row 7, column 'GPA': 'A' is not a number"),
        (",2020-3,7,,,", "row 7, column 'Name': is empty"),
        ("Zoe,,7,,,", "row 7, column 'Term': is empty"),
        ("Zoe,first,7,,,", "rows 2 and 7, column 'Term'.*'2020-2' and 'first'.*data.terms"),
    ],
)
def test_what_is_refused(tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(InputError, match=told) as error:
        read_students(*wrote(path, f"{TEXT}{row}\n"))
    assert "Zoe" not in str(error.value).removeprefix(str(path))


@pytest.mark.parametrize(
    "terms",
    [
        ["9", "10", "11"],
        ["19881", "19883", "19891"],
        ["2019-1", "2019-2", "2019-10", "2020-1"],
        ["2019/20-1", "2019/20-2", "2020/21-1"],
        ["2019-09-01", "2020-02-01"],
        ["1.9.2019", "01.02.2020", "30.6.2020"],
        ["2/28/2019", "1/15/2020"],
        ["2/2019", "1/2020", "2/2020"],
        ["Spring 2019", "Fall 2019", "Spring 2020", "Summer 2020"],
        ["2019 Spring", "2019 Autumn", "2020 Spring"],
        ["SS 2019", "WS 2019/20", "SS 2020"],
        ["Term 2", "Term 10"],
        ["Y1S1", "Y1S2", "Y2S1"],
    ],
)
def test_terms_in_order(terms: list[str]) -> None:
    assert ordered(terms) == terms
    assert ordered(terms[::-1]) == terms


@pytest.mark.parametrize(
    "terms",
    [
        ["1/2/2019", "2/1/2019"],  # the month may stand first or second
        ["2019.1", "2019.10"],  # one number, and perhaps two terms
        ["Winter 2020", "Spring 2020"],  # winter may begin or end the year
        ["first", "second"],
        ["2019-1", "2019/2"],
    ],
)
def test_terms_whose_order_cannot_be_told(terms: list[str]) -> None:
    assert ordered(terms) is None


# What holds of any transcripts -------------------------------------------------

SEMESTERS = {"semesters": ["s1", "s2", "s3", "s4"]}
WIDE = DATA.model_copy(update=SEMESTERS | {"layout": "wide", "id": ["Name"]})
GRADES = st.one_of(st.none(), st.integers(0, 100).map(lambda n: n / 10))
COLUMNS = ["Programme", "Credits", "Sex"]
OTHERS = (["", "Law", "Arts"], [np.nan, 0.0, 12.5], ["", "F", "M"])
DRAWN = dict.fromkeys(WIDE.semesters, GRADES)
DRAWN |= dict(zip(COLUMNS, map(st.sampled_from, OTHERS), strict=True))
STUDENT = st.fixed_dictionaries(DRAWN)
TABLES = st.lists(STUDENT, min_size=1, max_size=6)
Rows = list[dict[str, object]]
ANY = settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])


def transcripts(rows: Rows) -> pd.DataFrame:
    """A row for each student and semester."""
    long = table_of(rows).melt(["Name", *COLUMNS], WIDE.semesters, "Term", "GPA")
    return long.sort_values(["Name", "Term"], kind="stable")


def table_of(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows).astype(dict.fromkeys(WIDE.semesters, float))
    return frame.assign(Name=[f"n{number}" for number in range(len(rows))])


def read(frame: pd.DataFrame, folder: Path, data: Data = DATA) -> Students:
    frame.to_csv(folder / "table.csv", index=False)
    return read_students(folder / "table.csv", data).students


def same(one: Students, other: Students) -> None:
    """Whether two say the same of all terms of the first ones."""
    terms = one.grades.shape[1]
    # In a wide table the names begin with the programme.
    assert [name.split("/")[-1] for name in one.names] == other.names.tolist()
    assert one.next_term.tolist() == other.next_term.tolist()
    np.testing.assert_array_equal(one.grades, other.grades[:, :terms])
    np.testing.assert_array_equal(one.numbers, other.numbers[:, :terms])
    for place in range(terms):
        at = np.full(len(one), place)
        assert one.categories_at(at).tolist() == other.categories_at(at).tolist()


@ANY
@given(rows=TABLES, seed=st.integers(0, 99))
def test_a_wide_table_and_transcripts_are_the_same(tmp_path: Path, rows: Rows, seed: int) -> None:
    assume(any(row["s4"] is not None for row in rows))
    long = transcripts(rows)
    # A row without a grade may also not be there at all, if another of the student's is.
    there = np.random.default_rng(seed).random(len(long)) < 0.5
    graded = long.groupby("Name")["GPA"].transform("count") > 0
    long = long[long["GPA"].notna() | ~graded | there]
    listed = DATA.model_copy(update={"terms": WIDE.semesters})
    same(read(table_of(rows), tmp_path, WIDE), read(long, tmp_path, listed))


@ANY
@given(rows=TABLES, seed=st.integers(0, 99), terms=st.sampled_from([[], WIDE.semesters]))
def test_rows_may_be_in_any_order(tmp_path: Path, rows: Rows, seed: int, terms: list[str]) -> None:
    data, long = DATA.model_copy(update={"terms": terms}), transcripts(rows)
    long["Programme"] = long["Programme"].where(long["Term"] != "s3", "Medicine")
    students = read(long, tmp_path, data)
    shuffled = read(long.sample(frac=1, random_state=seed), tmp_path, data)
    shuffled = shuffled[np.argsort(shuffled.names)]
    same(students, shuffled)
    assert students.times.tolist() == shuffled.times.tolist()
