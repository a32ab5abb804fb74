"""Tables, read in the many ways that people keep them."""

import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextsem import InputError, params, tables
from nextsem.writing import Sheet, write_csv, write_excel

DATA = params.load(Path(__file__).parents[2] / "params.yaml").data.model_copy(
    update={
        "semesters": ["1st", "2nd"],
        "static": ["College"],
        "groups": [],
        "id": ["Roll", "Number"],
    }
)
HEADER = "1st,2nd,College,Roll,Number"
TEXT = f"{HEADER}\n8.11,7,115,1,\n6.5,,115,,2\n"
EXPECTED = pd.DataFrame(
    {
        "student": ["115/1", "115/2"],
        "College": ["115", "115"],
        "1st": [8.11, 6.5],
        "2nd": [7.0, np.nan],
    },
    index=[2, 3],
)


def read(path: Path, content: bytes | str, **settings: object) -> pd.DataFrame:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.read_students(path, DATA.model_copy(update=settings))[0]


def same(found: pd.DataFrame, expected: pd.DataFrame = EXPECTED) -> None:
    pd.testing.assert_frame_equal(found, expected, check_index_type=False)


# Reading ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace(",", "|"),
        TEXT.replace(",", ";").replace(".", ","),
        TEXT.replace("8.11", '"8,11"').replace("6.5", '"6,5"'),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", ",\n"),
        TEXT.rstrip("\n"),
        TEXT + "\n\n,,,,\n",
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("8.11,7,", " 8.11 ,7.00, "),
        TEXT.replace("1st", " 1st ").replace("College", '"College"'),
        TEXT.replace(",1,", ",1.0,").replace(",2\n", ",2.0\n"),
    ],
    ids=[
        "comma",
        "semicolon",
        "tab",
        "bar",
        "decimal comma",
        "decimal comma in quotes",
        "CRLF",
        "a separator at each end",
        "no line end",
        "blank rows at the end",
        "BOM",
        "spaces",
        "header with spaces and quotes",
        "ids that a gap made numbers",
    ],
)
def test_csv_in_many_forms(tmp_path: Path, content: bytes | str) -> None:
    same(read(tmp_path / "table.csv", content))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    content = TEXT.replace("115", "Orléans").encode(encoding)
    found = read(tmp_path / "table.csv", content, encoding=encoding)
    assert found["College"].tolist() == ["Orléans", "Orléans"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_another_encoding_is_told_with_its_row(tmp_path: Path, encoding: str) -> None:
    content = TEXT.replace(",2\n", ",Orléans\n").encode("cp1252")
    with pytest.raises(InputError, match=f"row .*is not {encoding} text"):
        read(tmp_path / "table.csv", content, encoding=encoding)


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    text = f'Results;\n"of\n2024"\n{HEADER}\n7,7,"a\nb, c",1,\n\n7,7,"a"" d",2,\n'
    found = read(tmp_path / "table.csv", text, header_row=3)
    assert found.index.tolist() == [4, 6]
    assert found["College"].tolist() == ["a\nb, c", 'a" d']
    with pytest.raises(InputError, match="row 6, column '2nd': 'x' is not a number"):
        read(tmp_path / "table.csv", text.replace('7,7,"a""', '7,x,"a""'), header_row=3)
    with pytest.raises(InputError, match="row 6 has 6 cells; allowed: 5"):
        read(tmp_path / "table.csv", text.replace('d",2,', 'd",2,,'), header_row=3)


def test_blank_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER}\n7,7,115,1,\n\n,,,,\n , , , , \n7,7,115,2,\n\n")
    found, blank = tables.read_students(path, DATA)
    assert found.index.tolist() == [2, 6]
    assert blank == 3


def test_cells_missing_at_the_end_of_a_row_are_empty(tmp_path: Path) -> None:
    found = read(tmp_path / "table.csv", f"{HEADER}\n7,7,115,1\n7\n6,6,115,2,\n")
    assert found["student"].tolist() == ["115/1", "row 3", "115/2"]
    assert found["2nd"].isna().tolist() == [False, True, False]


def test_missing_marks(tmp_path: Path) -> None:
    text = f"{HEADER}\n0,AB,115,1,\n0.00, - ,115,2,\n7.5,8,115,3,\n"
    found = read(tmp_path / "table.csv", text, missing=["0", "-", "AB"])
    assert found["1st"].isna().tolist() == [True, True, False]
    assert found["2nd"].isna().tolist() == [True, True, False]


def test_zero_is_a_grade_unless_it_is_a_mark(tmp_path: Path) -> None:
    assert read(tmp_path / "table.csv", f"{HEADER}\n0,7,115,1,\n")["1st"].tolist() == [0.0]


@pytest.mark.parametrize(
    "wrong", ["nan", "inf", "1e400", "True", "0x1", "1_0", "8 .1", "8,1", "n/a"]
)
def test_what_is_no_number(tmp_path: Path, wrong: str) -> None:
    text = f'{HEADER}\n7.5,7,115,1,\n"{wrong}",7,115,2,\n'
    with pytest.raises(InputError, match=r"row 3, column '1st': .* is not a number"):
        read(tmp_path / "table.csv", text)


@pytest.mark.parametrize("wrong", ["True", "False"])
def test_a_column_of_truth_values_is_no_number(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InputError, match=f"row 2, column '1st': '{wrong}' is not a number"):
        read(tmp_path / "table.csv", f"{HEADER}\n{wrong},7,115,1,\n")


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"id": []}, ["row 2", "row 3"]),
        ({"static": []}, ["007/a", "17020/b"]),
        ({"id": ["College", "Roll"]}, ["115/007", "241/17020"]),
        ({"id": ["College", "Roll"], "static": []}, ["115/007", "241/17020"]),
        ({"static": ["College", "Number"], "id": ["Roll"]}, ["115/a/007", "241/b/17020"]),
    ],
)
def test_students_names(tmp_path: Path, settings: dict[str, object], names: list[str]) -> None:
    text = f"{HEADER}\n7,7,115,007,a\n7,7,241,17020.0,b\n"
    assert read(tmp_path / "table.csv", text, **settings)["student"].tolist() == names


@pytest.mark.parametrize("column", ["College", "Roll"])
def test_names_that_look_like_numbers_or_dates_stay_as_they_are(
    tmp_path: Path, column: str
) -> None:
    names = ["007", "7", "+49", "49", "1e5", "100000", "2024-03-04", "3-4", "True", "NA"]
    other = {"College": "Roll", "Roll": "College"}[column]
    lines = "".join(f"7,7,{name},{n}\n" for n, name in enumerate(names))
    found = read(tmp_path / "table.csv", f"1st,2nd,{column},{other}\n{lines}", id=["Roll"])
    shown = found["student"].str.split("/", n=1).str[["College", "Roll"].index(column)]
    assert shown.tolist() == names


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("above", ["", "Results", 'of 5" x'])
def test_no_row_is_lost_below_others(tmp_path: Path, above: str, line_end: str) -> None:
    text = f'{above}\n"1st",2nd,College,Roll,Number\n"7","8","115","1",""\n"6","7","115","2",""\n'
    found = read(tmp_path / "table.csv", text.replace("\n", line_end), header_row=2)
    assert found["student"].tolist() == ["115/1", "115/2"]
    assert found.index.tolist() == [3, 4]


def test_a_line_end_in_a_name_is_the_same_on_every_system(tmp_path: Path) -> None:
    text = f'{HEADER}\n7,7,"a\rb",1,\n7,7,"a\r\nb",2,\n7,7,"a\nb",3,\n'
    assert set(read(tmp_path / "table.csv", text)["College"]) == {"a\nb"}


@pytest.mark.parametrize("name", ["#N/A", "#DIV/0!", "1\0", "a\x1bb"])
@pytest.mark.parametrize("column", ["College", "Roll"])
def test_what_is_no_name(tmp_path: Path, name: str, column: str) -> None:
    text = f"{HEADER}\n7,7,115,1,\n7,7,115,2,\n"
    wrong = {"College": "115,2,", "Roll": "2,"}[column]
    text = text.replace(wrong, wrong.replace(wrong.split(",")[0], name, 1), 1)
    with pytest.raises(InputError, match=rf"row 3, column '{column}': .* is not a name"):
        read(tmp_path / "table.csv", text)


@pytest.mark.parametrize("more", [",1", ",1,2", ",,,"])
def test_a_first_row_with_too_many_cells(tmp_path: Path, more: str) -> None:
    with pytest.raises(InputError, match=r"row 2 has more cells than .*; allowed: 5"):
        read(tmp_path / "table.csv", f"{HEADER}\n7,7,115,1,{more}\n7,7,115,2,{more}\n")


@pytest.mark.parametrize("columns", [16_384, 16_385, 1_000_000])
def test_many_columns(tmp_path: Path, columns: int) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER},{','.join(f'c{n}' for n in range(columns - 5))}\n7,8,115,1\n")
    if columns == 16_384:
        assert tables.read(path, DATA).shape == (1, columns)
        assert tables.read_students(path, DATA)[0]["1st"].tolist() == [7]
    else:
        with pytest.raises(InputError, match=f"has {columns} columns; allowed: 16384"):
            tables.read(path, DATA)


def test_short_rows_are_not_filled_up_without_end(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        f"{HEADER},{','.join(f'c{n}' for n in range(10_000))}\n{'7' * 1}\n" + "7\n" * 10**6
    )
    with pytest.raises(InputError, match="10005 column names and 1000002 rows"):
        tables.read(path, DATA)


def test_a_number_too_large_to_reckon_with(tmp_path: Path) -> None:
    text = "1st,2nd,College,Roll,Number,Days\n7,7,115,1,,{}\n"
    settings = {"numeric": ["Days"]}
    assert read(tmp_path / "t.csv", text.format("1e100"), **settings)["Days"].tolist() == [1e100]
    with pytest.raises(InputError, match=r"row 2, column 'Days': -1e\+101 is too large"):
        read(tmp_path / "t.csv", text.format("-1e101"), **settings)


def test_an_id_column_may_be_called_student(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", "1st,2nd,College,student\n7,7,115,9\n", id=["student"])
    assert found["student"].tolist() == ["115/9"]


def test_a_grade_out_of_range_is_refused_however_the_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER}\n7,10.01,115,1,\n")
    with pytest.raises(InputError, match=r"row 2, column '2nd': 10.01 is out of range"):
        tables.read(path, DATA)


def test_all_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("1st,2nd,College,Roll,Number,,Gender,\n7,8,115,1.0,,x,F,\n6,,241,2.0,,y,M,\n")
    table = tables.read(path, DATA)
    assert list(table) == ["1st", "2nd", "College", "Roll", "Number", "Gender"]
    numeric = tables.numeric_columns(table, ["2nd"])
    assert list(numeric) == ["2nd", "1st", "College", "Roll"]
    assert numeric["College"].tolist() == [115.0, 241.0]


def test_spellings_that_mean_the_same_are_one(tmp_path: Path) -> None:
    text = f"{HEADER},Gender\n7,7,N,1,,M\n7,7,North,2,,Male\n7,7,2,3,,F\n7,7,2.0,4,,\n"
    spellings = {"Gender": {"M": "Male", "F": "Female"}, "College": {"N": "North", "2": "South"}}
    found = read(tmp_path / "t.csv", text, groups=["Gender"], spellings=spellings)
    assert found["College"].tolist() == ["North", "North", "South", "South"]
    assert found["Gender"].tolist() == ["Male", "Male", "Female", ""]
    assert found["student"].tolist() == ["North/1", "North/2", "South/3", "South/4"]


def test_groups_come_along_and_name_nobody(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    frame = read(path, f"{HEADER},Gender\n7,,115,1,,NA\n7,7,115,2,,\n", groups=["Gender"])
    write_csv(frame, path)
    data = DATA.model_copy(update={"groups": ["Gender"]})
    students = tables.read_prepared(path, data)
    assert students.groups.tolist() == [["NA"], [""]]
    assert students.names.tolist() == ["115/1", "115/2"]
    with pytest.raises(InputError, match="no column 'Gender'"):
        read(path, TEXT, groups=["Gender"])


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_table_with_columns_to_come(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    data = DATA.model_copy(update={"semesters": ["1st", "2nd", "3rd"], "groups": ["Gender"]})
    frame = pd.DataFrame({"2nd": [7, 6.5], "College": [115, 241], "1st": [8.11, np.nan]})
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_excel(path, index=False)
    found, _ = tables.read_students(path, data, to_come=True)
    assert list(found) == ["student", "College", "Gender", "1st", "2nd", "3rd"]
    assert found["student"].tolist() == ["row 2", "row 3"]
    students = tables.students(found, data)
    np.testing.assert_array_equal(students.grades, [[8.11, 7, np.nan], [np.nan, 6.5, np.nan]])
    assert students.groups.tolist() == [[""], [""]]
    with pytest.raises(InputError, match=r"no column 'Roll'|no column '3rd'"):
        tables.read_students(path, data)


def test_no_column_may_be_missing_before_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1st,3rd,College\n7,7,115\n")
    data = DATA.model_copy(update={"semesters": ["1st", "2nd", "3rd", "4th"]})
    with pytest.raises(InputError, match=r"no column '2nd', though there is a '3rd' after it"):
        tables.read_students(path, data, to_come=True)


def excel(path: Path, rows: list[list[object]], sheet: str = "") -> None:
    book = xlsxwriter.Workbook(str(path), {"nan_inf_to_errors": True})
    book.add_worksheet("Notes" if sheet else None)
    page = book.add_worksheet(sheet) if sheet else book.worksheets()[0]
    for number, row in enumerate(rows):
        page.write_row(number, 0, row)
    book.close()


def test_excel(tmp_path: Path) -> None:
    header, path = HEADER.split(","), tmp_path / "table.xlsx"
    excel(path, [header, [8.11, 7, 115, 1, None], [6.5, None, 115, None, 2.0], [], []])
    same(tables.read_students(path, DATA)[0])
    excel(path, [header, ["8,11", "7", "115", "1"], ["6,5", "", "115", "", "2"]])
    same(tables.read_students(path, DATA)[0])
    excel(path, [["Results"], header, ["8.11", 7, 115, 1], [6.5, " ", 115, "", "2.0"]], "Grades")
    settings = DATA.model_copy(update={"sheet": "Grades", "header_row": 2})
    same(tables.read_students(path, settings)[0], EXPECTED.set_axis([3, 4]))


def test_excel_header_that_wraps_and_a_blank_row(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    excel(path, [["1st", "2nd\n(spring)", "College", "Roll"], [7, 8, 1, 1], [], [6, 7, 1, 2]])
    settings = DATA.model_copy(update={"semesters": ["1st", "2nd (spring)"], "id": ["Roll"]})
    found, blank = tables.read_students(path, settings)
    assert found.index.tolist() == [2, 4]
    assert blank == 1


@pytest.mark.parametrize("broken", ["sheet", "truncated"])
def test_broken_workbook(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "table.xlsx"
    excel(path, [HEADER.split(","), [7, 7, 115, 1]])
    if broken == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        with zipfile.ZipFile(path) as book:
            parts = {name: book.read(name) for name in book.namelist()}
        with zipfile.ZipFile(path, "w") as book:
            for name, part in parts.items():
                book.writestr(name, part[:400] if "sheet1" in name else part)
    with pytest.raises(InputError, match=r"cannot be read as an .xlsx file") as told:
        tables.read_students(path, DATA)
    assert len(str(told.value).splitlines()) == 1


GRADES = st.lists(
    st.tuples(*[st.none() | st.integers(0, 1000).map(lambda n: n / 100)] * 2),
    min_size=1,
    max_size=8,
).filter(lambda rows: rows[-1] != (None, None))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(grades=GRADES, form=st.sampled_from([",.", ";.", ";,", "\t.", "\t,", "|,", "xlsx"]))
def test_round_trip(
    tmp_path: Path, grades: list[tuple[float | None, float | None]], form: str
) -> None:
    expected = pd.DataFrame(grades, columns=["1st", "2nd"], dtype=float)
    table = expected.assign(College="115", Roll=range(len(grades)), Number="")
    if form == "xlsx":
        path = tmp_path / "table.xlsx"
        write_excel([Sheet("Results", table, {})], path)
    else:
        path = tmp_path / "table.csv"
        table.to_csv(path, index=False, sep=form[0], decimal=form[1])
    found = tables.read_students(path, DATA)[0]
    np.testing.assert_array_equal(found[["1st", "2nd"]], expected)
    assert found["student"].tolist() == [f"115/{n}" for n in range(len(grades))]


def test_prepared_tables_come_back_as_they_were(tmp_path: Path) -> None:
    frame = EXPECTED.assign(**{"1st": [0.1 + 0.2, 1 / 3], "College": ["NA", ""]})
    path = tmp_path / "prepared.csv"
    write_csv(frame, path)
    students = tables.read_prepared(path, DATA)
    np.testing.assert_array_equal(students.grades, frame[["1st", "2nd"]])
    assert students.static.tolist() == [["NA"], [""]]
    assert students.names.tolist() == ["115/1", "115/2"]


def test_prepared_tables_may_be_empty(tmp_path: Path) -> None:
    write_csv(EXPECTED[:0], tmp_path / "prepared.csv")
    students = tables.read_prepared(tmp_path / "prepared.csv", DATA)
    assert (len(students), students.grades.shape, students.static.shape) == (0, (0, 2), (0, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "student,1st\n",
        "student,College,1st,2nd\na,b,c,d\n",
        "student,College,1st,2nd\na,b,inf,7\n",
        "student,College,1st,2nd\na,b,nan,7\n",
        None,
    ],
)
def test_prepared_table_of_other_parameters(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "prepared.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="dvc repro prepare"):
        tables.read_prepared(path, DATA)


@pytest.mark.parametrize("form", ["{}%", "{} %", "{}/10", "{} / 10"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_sign_that_all_numbers_of_a_column_have(tmp_path: Path, form: str, decimal: str) -> None:
    first, second = (form.format(each).replace(".", decimal) for each in ("8.5", "7"))
    found = read(tmp_path / "table.csv", f"1st;2nd;College\n{first};7\n;6\n{second};5\n", id=[])
    np.testing.assert_array_equal(found["1st"], [8.5, np.nan, 7])


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        (["85%", "8.5"], "85%"),
        (["8/10", "17/20"], "8/10"),
        (["8.5%", "absent"], "absent"),
        (["8/10/2024", "9/10/2024"], "8/10/2024"),
    ],
)
def test_a_sign_that_not_all_have(tmp_path: Path, cells: list[str], wrong: str) -> None:
    text = "1st,2nd,College\n" + "".join(f"{cell},7,\n" for cell in cells)
    with pytest.raises(InputError, match=f"column '1st': '{wrong}' is not a number"):
        read(tmp_path / "table.csv", text, id=[])


def test_a_number_that_means_no_grade_is_a_number_elsewhere(tmp_path: Path) -> None:
    text = f"{HEADER},Failed\n0,7,115,1,,0\n-,8,115,2,,-\n"
    found = read(tmp_path / "table.csv", text, missing=["0", "-"], numeric=["Failed"])
    assert found["1st"].isna().all()
    np.testing.assert_array_equal(found["Failed"], [0, np.nan])


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_names_that_repeat_are_numbered(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    if ending == "xlsx":
        excel(path, [["College", "GPA", "Remark", "GPA", "Remark"], ["A", 7, "x", 8, "y"]])
    else:
        path.write_text("College,GPA,Remark,GPA,Remark\nA,7,x,8,y\n")
    settings = DATA.model_copy(update={"semesters": ["GPA (1)", "GPA (2)"], "id": []})
    assert tables.read_students(path, settings)[0][["GPA (1)", "GPA (2)"]].to_numpy().tolist() == [
        [7, 8]
    ]
    assert list(tables.read(path, settings)) == [
        *("College", "GPA (1)", "Remark (1)", "GPA (2)", "Remark (2)")
    ]
    settings = settings.model_copy(update={"semesters": ["GPA", "GPA (2)"]})
    with pytest.raises(InputError, match=r"'GPA' stands 2 times .*say which: 'GPA \(1\)'"):
        tables.read_students(path, settings)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_name_merged_downwards(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    rows = [["Report", "", ""], ["College", "Semester", ""], ["", "1st", "2nd"], ["A", 7, 8]]
    if ending == "xlsx":
        excel(path, rows)
    else:
        pd.DataFrame(rows).to_csv(path, index=False, header=False)
    settings = DATA.model_copy(update={"id": [], "header_row": 3})
    assert tables.read_students(path, settings)[0]["College"].tolist() == ["A"]
    with pytest.raises(InputError, match="found: 'College', 'Semester'"):  # a title is no name
        tables.read_students(path, settings.model_copy(update={"header_row": 2}))


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_rows_at_the_end_that_are_no_students(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    rows = [[7, 8, "A", 1], [6, 7, "A", 2], [], [6.5, 7, "", "", "Average:"], ["See below"]]
    header = [*HEADER.split(",")[:4], "Remark"]
    if ending == "xlsx":
        excel(path, [header, *rows])
    else:
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in [header, *rows]))
    settings = DATA.model_copy(update={"id": ["Roll"]})
    with pytest.raises(InputError, match=r"row 5, column 'Remark': 'Average:'.*data.footer_rows"):
        tables.read_students(path, settings)
    settings = settings.model_copy(update={"footer_rows": 2})
    assert tables.read_students(path, settings)[0].index.tolist() == [2, 3]
    with pytest.raises(InputError, match="no row that is filled in"):
        tables.read_students(path, settings.model_copy(update={"footer_rows": 9}))


def test_merged_cells_and_formulas_below_the_students(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (HEADER.split(","), [7, 8, "A", 1], [6, 7, "A", 2], ["=SUM(A2:A3)", 15, "Sum"]):
        book.active.append(row)
    book.active.merge_cells("C4:E4")
    book.save(tmp_path / "table.xlsx")
    settings = DATA.model_copy(update={"footer_rows": 1})
    assert len(tables.read_students(tmp_path / "table.xlsx", settings)[0]) == 2


def test_cells_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("1st,,Roll,Note\n7.50,x,007,\nAB,,2.0,NA\nTotal,,,\n")
    cells = tables.read_cells(path, DATA)
    assert cells.to_numpy().tolist() == [["7.50", "007", ""], ["AB", "2", "NA"], ["Total", "", ""]]
    assert list(cells) == ["1st", "Roll", "Note"]
    assert cells.index.tolist() == [2, 3, 4]
