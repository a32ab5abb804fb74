"""Workbooks that are small to send and large to read, and cells that only look empty."""

import io
import resource
import time
import zipfile
from pathlib import Path

import pytest

from nextsem import InputError, params, tables
from tests.hostile.workbooks import SHEET, packed, parts, rows, text

DATA = params.load(Path(__file__).parents[2] / "params.yaml").data.model_copy(
    update={"semesters": ["1st", "2nd"], "static": ["College"], "groups": [], "id": ["Roll"]}
)
HEADER = [text(name) for name in ["1st", "2nd", "College", "Roll"]]
GOOD = [("", "<v>7</v>"), ("", "<v>8</v>"), text("115"), text("1")]


def sheet(*table: list[tuple[str, str]]) -> str:
    return rows([HEADER, *table])


def told(path: Path, content: bytes) -> str:
    """What a table is refused with; in little time and memory."""
    path.write_bytes(content)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(InputError) as error:
        tables.read_students(path, DATA)
    assert time.process_time() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB
    assert len(str(error.value).splitlines()) == 1
    assert str(path) in str(error.value)
    return str(error.value)


def test_what_these_tests_break_is_good(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").write_bytes(packed(parts(sheet(GOOD))))
    assert tables.read_students(tmp_path / "table.xlsx", DATA)[0]["1st"].tolist() == [7]


# Large ------------------------------------------------------------------------


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    good, file = parts(sheet(GOOD)), io.BytesIO()
    head, tail = good.pop(SHEET).split("<sheetData>")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        for name, part in good.items():
            book.writestr(name, part)
        with book.open(SHEET, "w") as part:
            part.write(head.encode())
            for _ in range(300):
                part.write(b" " * 2**20)
            part.write(b"<sheetData>" + tail.encode())
    assert len(file.getvalue()) < 2**20
    assert "unpacks to more than 256 MiB" in told(tmp_path / "table.xlsx", file.getvalue())


MANY = {
    "cells of a row": ("</row>", "<c/>", 3_000_000, "more than 262,144 elements"),
    "rows": ("</sheetData>", "<row/>", 3_000_000, "up to 1048576"),
    "elements": ("</sheetData>", "<a/>", 3_000_000, "more than 262,144 elements"),
    "elements within each other": ("</sheetData>", "<a>", 3_000_000, "more than 262,144 elements"),
    "fonts": ("</fonts>", "<font/>", 3_000_000, "more than 262,144 elements"),
    "texts": ("</sst>", "<si/>", 5_000_000, "more than 4,194,304 texts"),
    "sheets": ("</sheets>", "<sheet/>", 3_000_000, "more than 262,144 elements"),
    "a far row": ("</sheetData>", '<row r="999999999999"/>', 1, "up to 1048576"),
    "rows that go back": ("</sheetData>", '<row r="9"/>', 2, "row 9 comes after row 9"),
    "an entity": ("<worksheet", '<!DOCTYPE a [<!ENTITY a "aaa">]>', 1, "a document type"),
    "a number format": (
        "<fonts>",
        f'<numFmts><numFmt numFmtId="170" formatCode="{"[" * 2000}"/></numFmts>',
        1,
        "number format is longer than 1000",
    ),
}


@pytest.mark.parametrize(("place", "more", "times", "fragment"), MANY.values(), ids=MANY)
def test_too_many(tmp_path: Path, place: str, more: str, times: int, fragment: str) -> None:
    good = parts(sheet(GOOD))
    name = next(name for name, part in good.items() if place in part)
    many = good | {name: good[name].replace(place, more * times + place, 1)}
    assert fragment in told(tmp_path / "table.xlsx", packed(many))


def test_a_million_rows_of_many_columns_are_told(tmp_path: Path) -> None:
    path, names = tmp_path / "table.xlsx", [*DATA.semesters, *DATA.static, *DATA.id]
    names += [f"c{n}" for n in range(60)]
    header = "".join(f"<c{attributes}>{cell}</c>" for attributes, cell in map(text, names))
    path.write_bytes(
        packed(parts(f'<row r="1">{header}</row><row r="1048576"><c><v>7</v></c></row>'))
    )
    for columns in (None, names[:4]):
        with pytest.raises(InputError, match=r"has 67,108,800 cells; allowed: 33,554,432"):
            tables.read(path, DATA, columns)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_packing(tmp_path: Path, method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as book:
        for name, part in parts(sheet(GOOD)).items():
            book.writestr(name, part)
    assert "not packed as in an .xlsx" in told(tmp_path / "table.xlsx", file.getvalue())


def test_a_part_that_is_longer_than_it_says(tmp_path: Path) -> None:
    good = parts(sheet(GOOD))
    content = bytearray(packed(good | {SHEET: good[SHEET] + " " * 10_000_000}))
    place = content.rindex(b"PK\1\2")  # the sheet, last in the list of parts
    content[place + 24 : place + 28] = (1000).to_bytes(4, "little")
    assert "cannot be read as an .xlsx file" in told(tmp_path / "table.xlsx", bytes(content))


def test_other_workbooks_are_not_opened(tmp_path: Path) -> None:
    good = parts(sheet(GOOD))
    good["xl/workbook.xml"] = good["xl/workbook.xml"].replace(
        "</workbook>",
        '<externalReferences><externalReference r:id="rId9"/></externalReferences></workbook>',
    )
    (tmp_path / "table.xlsx").write_bytes(packed(good))  # there is no rId9 to follow
    assert tables.read_students(tmp_path / "table.xlsx", DATA)[0]["1st"].tolist() == [7]


# Cells that only look empty ---------------------------------------------------


@pytest.mark.parametrize("empty", ["", "<v></v>", "<v/>"])
@pytest.mark.parametrize("column", range(4))
def test_a_formula_that_was_never_calculated(tmp_path: Path, empty: str, column: int) -> None:
    row = [*GOOD]
    row[column] = ("", f"<f>A1+1</f>{empty}")
    name = ["1st", "2nd", "College", "Roll"][column]
    found = told(tmp_path / "table.xlsx", packed(parts(sheet(GOOD, row))))
    assert f"row 3, column '{name}': is a formula that was never calculated" in found


def test_a_value_that_a_program_is_still_to_calculate(tmp_path: Path) -> None:
    """Some programs write 0 for it, and ask the next one to calculate it."""
    row = [("", "<f>A1+1</f><v>0</v>"), *GOOD[1:]]
    found = told(tmp_path / "table.xlsx", packed(parts(sheet(row), calculate=True)))
    assert "row 2, column '1st': is a formula that was never calculated" in found


def test_formulas_elsewhere_and_calculated_ones_are_read(tmp_path: Path) -> None:
    never = ("", "<f>A1+1</f>")
    row = [
        ("", "<f>A1+1</f><v>6.5</v>"),
        (' t="str"', '<f>IF(A2=0,"",A2)</f><v></v>'),  # gives an empty text: no grade
        (' t="str"', "<f>A1</f><v>115</v>"),
        *(GOOD[3], never),
    ]
    (tmp_path / "table.xlsx").write_bytes(packed(parts(rows([[*HEADER, never], row]))))
    found, _ = tables.read_students(tmp_path / "table.xlsx", DATA)
    assert found["student"].tolist() == ["115/1"]
    assert found["1st"].tolist() == [6.5]
    assert found["2nd"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("cells", "column"),
    [("A2:A3", "1st"), ("C2:C3", "College"), ("B1:C2", "2nd"), ("D3:G3", "Roll")],
)
def test_merged_cells(tmp_path: Path, cells: str, column: str) -> None:
    merged = f'<mergeCells count="1"><mergeCell ref="{cells}"/></mergeCells>'
    found = told(tmp_path / "table.xlsx", packed(parts(sheet(GOOD, GOOD), merged)))
    assert f"cells {cells}, column '{column}': are merged" in found


@pytest.mark.parametrize("cells", ["A1:D1", "E2:F9", "A1:C1"])
def test_cells_merged_elsewhere(tmp_path: Path, cells: str) -> None:
    merged = f'<mergeCells count="1"><mergeCell ref="{cells}"/></mergeCells>'
    (tmp_path / "table.xlsx").write_bytes(packed(parts(sheet(GOOD), merged)))
    assert tables.read_students(tmp_path / "table.xlsx", DATA)[0]["2nd"].tolist() == [8]


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!"])
@pytest.mark.parametrize("column", range(4))
def test_an_error_is_neither_a_grade_nor_a_name(tmp_path: Path, error: str, column: int) -> None:
    row = [*GOOD]
    row[column] = (' t="e"', f"<v>{error}</v>")
    assert f"row 2, column '{['1st', '2nd', 'College', 'Roll'][column]}': '{error}'" in told(
        tmp_path / "table.xlsx", packed(parts(sheet(row)))
    )


def test_a_whole_column_of_dates_or_truth_values(tmp_path: Path) -> None:
    for cell, shown in [
        ((' s="1"', "<v>45000</v>"), "2023-03-15"),
        ((' t="b"', "<v>1</v>"), "True"),
    ]:
        found = told(tmp_path / "table.xlsx", packed(parts(sheet([cell, *GOOD[1:]]))))
        assert "row 2, column '1st'" in found
        assert shown in found


def test_long_numbers_keep_every_digit(tmp_path: Path) -> None:
    table = [[*GOOD[:3], ("", f"<v>{2**53 + n}</v>")] for n in range(2)] + [[*GOOD[:3], ("", "")]]
    (tmp_path / "table.xlsx").write_bytes(packed(parts(sheet(*table))))
    found, _ = tables.read_students(tmp_path / "table.xlsx", DATA)
    assert found["student"].tolist() == ["115/9007199254740992", "115/9007199254740993", "row 4"]
