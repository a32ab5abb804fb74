"""Tables, read in the many ways that people keep them."""

import csv
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextsem.reading import delimited, tables
from nextsem.reading.wide import read_wide
from nextsem.shared.errors import InputError
from tests.conftest import PARAMETERS

CHANGES = {"semesters": ["1st", "2nd"], "static": ["College"], "id": ["Roll", "Number"]}
DATA = PARAMETERS.data.model_copy(update=CHANGES | {"groups": [], "spellings": {}})
HEADER = "1st,2nd,College,Roll,Number"
TEXT = f"{HEADER}\n8.11,7,115,1,\n6.5,,115,,2\n"


def read(path: Path, content: bytes | str, **changes: object) -> pd.DataFrame:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_wide(path, DATA.model_copy(update=changes)).table


def excel(path: Path, rows: list[list[object]], sheet: str = "Sheet") -> None:
    book = openpyxl.Workbook()
    page = book.active if sheet == "Sheet" else book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    book.save(path)


def write(path: Path, rows: list[list[object]]) -> None:
    """As .csv or .xlsx, as the path ends."""
    if path.suffix.lower() == ".xlsx":
        excel(path, rows)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def expected(found: pd.DataFrame) -> None:
    assert found["student"].tolist() == ["1", "2"]
    assert found["College"].tolist() == ["115", "115"]
    np.testing.assert_array_equal(found[["1st", "2nd"]], [[8.11, 7], [6.5, np.nan]])


FORMS = {
    "a separator at each end": TEXT.replace("\n", ",\n"),
    "no line end": TEXT.rstrip("\n"),
    "BOM": b"\xef\xbb\xbf" + TEXT.encode(),
    "spaces": TEXT.replace("8.11,7,", " 8.11 ,7.00, "),
    "header with spaces and quotes": TEXT.replace("1st", " 1st ").replace("College", '"College"'),
    "ids that a gap made numbers": TEXT.replace(",1,", ",1.0,").replace(",2\n", ",2.0\n"),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_csv_in_many_forms(tmp_path: Path, content: bytes | str) -> None:
    expected(read(tmp_path / "table.csv", content))


@pytest.mark.parametrize("ending", ["csv", "CSV", "xlsx", "XLSX"])
def test_endings_in_any_case(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    second = ["6.5" if ending.lower() == "csv" else "6,5", None, "115", None, 2.0]
    write(path, [HEADER.split(","), [8.11, 7, 115, 1], second])
    expected(read_wide(path, DATA).table)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "cp1252", "utf-16", "utf-16-le"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    content = TEXT.replace("115", "Orléans").encode(encoding)
    found = read(tmp_path / "table.csv", content, encoding=encoding)
    assert found["College"].tolist() == ["Orléans", "Orléans"]


CELLS = st.one_of(
    st.integers(0, 1000).map(lambda n: f"{n / 100:g}"),
    st.sampled_from(["", " ", "AB", "+7", "1e1"]),
)
LIKE_NUMBERS = ["", "a", "007", "7", "7.5", "-1", "1e3", "inf", "nan", "True", "é", "NA"]
LIKE_NUMBERS += ["115", "1e5", "+49", "3-4", "2024-03-04"]
NAMES = st.sampled_from([*LIKE_NUMBERS, "=1+1", "a,b;c|d\te", 'a"b', "a\nb", "محمد"])
LONG = DATA.model_copy(update={"layout": "long", "static": ["college"]})
CELL = st.sampled_from([*LIKE_NUMBERS, " a "])
ROWS = st.lists(st.tuples(*[CELL] * 4), min_size=1, max_size=12)


@settings(deadline=None, suppress_health_check=[*HealthCheck])
@given(ROWS, st.sampled_from(["\n", "\r\n"]))
def test_quotes_of_cells_change_nothing(tmp_path: Path, rows: list[tuple], line_end: str) -> None:
    """Without quotes, pyarrow reads the file; with them, pandas does."""
    found = []
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        path = tmp_path / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
            writer.writerows([("Student", "Term", "college", "other"), *rows, ("s", "1", "c", "0")])
        table = tables.read(path, LONG)
        found.append(table.astype(dict.fromkeys(table, object)))
    pd.testing.assert_frame_equal(*found)


@settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, NAMES), min_size=1, max_size=8),
    separator=st.sampled_from(delimited.SEPARATORS),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    comma=st.booleans(),
    above=st.integers(0, 2),
)
def test_a_table_is_the_same_however_it_is_written(
    tmp_path: Path,
    rows: list[tuple[str, str, str]],
    separator: str,
    line_end: str,
    comma: bool,
    above: int,
) -> None:
    path = tmp_path / "table.csv"
    table = pd.DataFrame(rows, columns=["1st", "2nd", "College"]).assign(Roll=range(len(rows)))
    written = table.copy()
    if comma:
        written[["1st", "2nd"]] = written[["1st", "2nd"]].replace(r"\.", ",", regex=True)
    text = written.to_csv(sep=separator, index=False, lineterminator="\n", quoting=1)
    path.write_bytes((f"Class of 2024{line_end}" * above + text.replace("\n", line_end)).encode())
    data = DATA.model_copy(
        update={"id": ["Roll"], "missing": ["AB"], "header_row": above + 1, "separator": separator}
    )
    found = tables.read(path, data)
    grades = table[["1st", "2nd"]].apply(lambda column: pd.to_numeric(column, errors="coerce"))
    np.testing.assert_array_equal(found[["1st", "2nd"]], grades)
    assert found["College"].tolist() == table["College"].tolist()
    assert found["Roll"].tolist() == [str(number) for number in range(len(rows))]
    assert found.index.tolist()[0] == above + 2 or "\n" in "".join(table["College"])


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    text = f'Results;\n"of\n2024"\n{HEADER}\n7,7,"a\nb, c",1,\n\n7,7,"a"" d",2,\n'
    found = read(tmp_path / "table.csv", text, header_row=3)
    assert found["College"].tolist() == ["a\nb, c", 'a" d']
    with pytest.raises(InputError, match="row 6, column '2nd': 'x' is not a number"):
        read(tmp_path / "table.csv", text.replace('7,7,"a""', '7,x,"a""'), header_row=3)
    with pytest.raises(InputError, match="row 6 has 6 cells; allowed: 5"):
        read(tmp_path / "table.csv", text.replace('d",2,', 'd",2,,'), header_row=3)


def test_missing_marks(tmp_path: Path) -> None:
    text = f"{HEADER},Failed\n0,AB,115,1,,0\n0.00, - ,115,2,,-\n7.5,8,115,3,,\n"
    found = read(tmp_path / "table.csv", text, missing=["0", "-", "AB"], numeric=["Failed"])
    np.testing.assert_array_equal(found["1st"], [np.nan, np.nan, 7.5])
    np.testing.assert_array_equal(found["2nd"], [np.nan, np.nan, 8])
    np.testing.assert_array_equal(found["Failed"], [0, np.nan, np.nan])  # 0 is a number here
    assert read(tmp_path / "table.csv", f"{HEADER}\n0,7,115,1,\n")["1st"].tolist() == [0.0]


@pytest.mark.parametrize("wrong", ["nan", "inf", "1e400", "True", "n/a", "8 .1", "8,1", "#N/A"])
def test_what_is_no_number(tmp_path: Path, wrong: str) -> None:
    text = f'{HEADER}\n7.5,7,115,1,\n"{wrong}",7,115,2,\n'
    with pytest.raises(InputError, match=r"row 3, column '1st': .* is not a number"):
        read(tmp_path / "table.csv", text)
    with pytest.raises(InputError, match=r"row 2, column '1st': .* is not a number"):
        read(tmp_path / "table.csv", f'{HEADER}\n"{wrong}",7,115,1,\n'.replace("8,1", "8-1"))


@pytest.mark.parametrize("form", ["{}%", "{} %", "{}/10", "{} / 10"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_sign_that_all_numbers_of_a_column_have(tmp_path: Path, form: str, decimal: str) -> None:
    first, second = (form.format(each).replace(".", decimal) for each in ("8.5", "7"))
    found = read(tmp_path / "table.csv", f"1st;2nd;College\n{first};7\n;6\n{second};5\n", id=[])
    np.testing.assert_array_equal(found["1st"], [8.5, np.nan, 7])


def test_ids_that_look_like_numbers_or_dates_stay_as_they_are(tmp_path: Path) -> None:
    ids = ["007", "7", "+49", "49", "1e5", "100000", "2024-03-04", "3-4", "True", "NA"]
    lines = "".join(f"7,7,{each},{n}\n" for n, each in enumerate(ids))
    found = read(tmp_path / "table.csv", f"1st,2nd,Roll,College\n{lines}", id=["Roll"])
    assert found["student"].tolist() == ids


def test_spellings_that_mean_the_same_are_one(tmp_path: Path) -> None:
    text = f"{HEADER}\n7,7,N,1,\n7,7,North,2,\n7,7,2,3,\n7,7,2.0,4,\n"
    found = read(tmp_path / "t.csv", text, spellings={"College": {"N": "North", "2": "South"}})
    assert found["College"].tolist() == ["North", "North", "South", "South"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_names_that_repeat_or_are_merged_downwards(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    head: list[list[object]] = [["Report"], ["College", "Semester"]]
    write(path, [*head, [None, "GPA", "1st\n(spring)", "GPA"], ["A", 6, 7, 8]])
    names = ["GPA (1)", "1st (spring)", "GPA (2)"]
    data = DATA.model_copy(update={"id": [], "header_row": 3, "semesters": names})
    found = read_wide(path, data)
    assert found.table["College"].tolist() == ["A"]
    assert found.students.grades.tolist() == [[6, 7, 8]]
    data = data.model_copy(update={"semesters": ["GPA", "GPA (2)"]})
    said = r"'GPA' occurs 2 times \(columns 2, 4\); allowed: once, or say which, such as "
    with pytest.raises(InputError, match=said + r"'GPA \(1\)'"):
        read_wide(path, data)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_rows_at_the_end_that_are_no_students(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    rows: list[list[object]] = [[7, 8, "A", 1], [6, 7, "A", 2], [None]]
    rows += [[6.5, 7, None, None, "Average:"], ["See below"]]
    write(path, [[*HEADER.split(",")[:4], "Remark"], *rows])
    data = DATA.model_copy(update={"id": ["Roll"]})
    said = r"row 5 and below looks like a total .* data.footer_rows to 2"
    with pytest.raises(InputError, match=said):
        read_wide(path, data)
    found = read_wide(path, data.model_copy(update={"footer_rows": 2}))
    assert found.table["student"].tolist() == ["1", "2"]
    assert found.rows == len(found.students) + sum(found.left_out.values())
    with pytest.raises(InputError, match="no row that is filled in"):
        read_wide(path, data.model_copy(update={"footer_rows": 9}))


PERSON: list[object] = ["8.25", "7.75", "Ann Example", "4711"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("header_row", [2, 3])
def test_a_wrong_header_row_prints_nobody(tmp_path: Path, ending: str, header_row: int) -> None:
    path = tmp_path / f"table.{ending}"
    write(path, [HEADER.split(",")[:4], PERSON, ["7", "6", "Bob Sample", "12"]])
    data = DATA.model_copy(update={"id": ["Roll"], "header_row": header_row})
    said = f"row {header_row} has 4 columns.*data.header_row"
    with pytest.raises(InputError, match=said) as told:
        read_wide(path, data)
    assert not any(cell in str(told.value) for cell in [*PERSON, "Bob"])
