"""Hostile tables: what is read from them, and what is written."""

import csv
import io
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import openpyxl
import pandas as pd
from hypothesis import strategies as st

from nextsem import params, tables
from nextsem.params import Data
from nextsem.writing import Sheet, write_csv, write_excel
from tests.hostile import workbooks
from tests.hostile.kinds import EDITS, Kind, edited, refused

MISSING = ["AB", "-"]
DATA = params.load(Path(__file__).parents[2] / "params.yaml").data.model_copy(
    update={
        "semesters": ["1st", "2nd"],
        "static": ["College"],
        "numeric": [],
        "groups": [],
        "id": ["Roll", "الرقم"],  # a name that is written from right to left
        "missing": MISSING,
    }
)
HEADER = ["1st", "2nd", "College", "Roll", "الرقم"]
GOOD = (
    f'{",".join(HEADER)}\n8.11,7,115,1,\n6.5,,115,,"2"\n 7 ,AB,"a ""b"", c",007,\n,,,,\n'.encode()
)

# Cells ------------------------------------------------------------------------

_ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_GRADES = st.integers(0, 1000).map(lambda n: f"{n / 100:g}") | st.sampled_from(
    ["", " ", "AB", " - ", "10", "0", "7.0", "+7", "1e1", "\t7 "]
)
_NAMES = st.integers(0, 99).map(str) | st.sampled_from(
    [
        *("", "115", "115.0", "007", "1e5", "2024-03-04", "3/4", "NA", "null", "True", "x" * 300),
        *("محمد", "\u200fيونس", "Zoë", "\u2028", "=1+1", "@a", "+49", "-x", "a,b;c|d\te"),
        *('a"b', "'a'", "a\nb", "a\r\nb", "a\rb", " a "),
    ]
)
_WRONG = st.sampled_from(
    [
        *("nan", "NaN", "inf", "-inf", "1e400", "-1e308", "9" * 400, "9" * 5000, "10.01", "-0.01"),
        *("7,5", "7.5.", "٧", "７", "½", "1_0", "0x7", "#N/A", "#DIV/0!", "TRUE"),
        *("2024-08-11", "=1+1", "7\0", "\0", "7\x1b", "\x7f", "7\n", "7 7", "None", "n/a"),
        *("\u200f7", "7\ufeff", "()", "\x1f", "\xa07"),
    ]
)


def _name(text: str) -> str:
    """What a cell of a static or an id column is to be called."""
    text = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def _mostly(good: st.SearchStrategy[Any], others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 29).flatmap(lambda number: good if number else others)


def _tables(cells: Sequence[st.SearchStrategy[Any]]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    return st.lists(st.tuples(*cells), min_size=1, max_size=6)


# Reading ----------------------------------------------------------------------


def read(path: Path, data: Data = DATA) -> tuple[pd.DataFrame, int]:
    """Read a table of students, and check what holds of every one."""
    found, blank = tables.read_students(path, data)
    assert next(iter(found)) == tables.STUDENT
    assert len(found) > 0
    assert blank >= 0
    assert found.index.is_monotonic_increasing
    assert found.index.is_unique
    assert found[tables.STUDENT].is_unique
    assert (found[tables.STUDENT] != "").all()
    for semester in data.semesters:
        assert found[semester].dtype == float
        assert (found[semester].isna() | found[semester].between(*data.grade_range)).all()
    for column in [tables.STUDENT, *data.static]:
        "".join(found[column]).encode()
        assert not found[column].str.contains("\0|\r").any()
    return found, blank


def read_or_refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return "refused" if refused(path, lambda: read(path)) else "accepted"


def _number(text: str) -> float:
    """What a grade says; all of a column may have the same sign behind them."""
    return float(re.sub(r"\s*(%|/\s*\d+)\s*$", "", text).replace(",", "."))


def _expected(
    table: list[tuple[str, ...]], first: int
) -> tuple[dict[int, tuple[str, str, float, float]], int] | None:
    """What texts say: each row's student, college and grades, and how many rows are blank.

    None, if the table is to be refused: nobody stands in it, or somebody twice.
    """
    last = max((row for row, texts in enumerate(table) if any(texts)), default=-1)
    students, blank = {}, 0
    for row, texts in enumerate(table[: last + 1], first):
        grades = [None if text.strip() in ["", *MISSING] else text for text in texts[:2]]
        college, *ids = map(_name, texts[2:])
        if not any([*grades, college, *ids]):
            blank += 1
            continue
        name = "/".join(filter(None, [college, *ids])) if any(ids) else f"row {row}"
        one, two = (np.nan if text is None else _number(text) for text in grades)
        students[row] = (name, college, one, two)
    if not students or len({name for name, *_ in students.values()}) < len(students):
        return None
    return students, blank


def _check(path: Path, data: Data, table: list[tuple[str, ...]]) -> str:
    """Check that what is read is what the texts say; no grade is lost, and no row."""
    students, blank = read(path, data)
    expected = _expected(table, data.header_row + 1)
    assert expected is not None
    assert blank == expected[1] or path.suffix == ".xlsx"  # it may hold empty texts below the rest
    assert students.index.tolist() == list(expected[0])
    for row, values in expected[0].items():
        name, college, *grades = students.loc[row, [tables.STUDENT, "College", "1st", "2nd"]]
        assert (name, college) == values[:2]
        np.testing.assert_allclose(grades, values[2:], rtol=1e-15)
    return "accepted"


_FORMS = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([",", ";", "\t", "|"]),
        "line_end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
        "comma": st.booleans(),
        "above": st.lists(st.sampled_from(["", "Results", 'of 5" x', "a,b;c"]), max_size=2),
        "below": st.integers(0, 2),
    }
)


def _written(table: list[tuple[str, ...]], form: dict[str, Any]) -> bytes:
    """A table of texts as a .csv file of this form."""
    file = io.StringIO(newline="")
    for line in form["above"]:
        file.write(line + form["line_end"])
    texts = [text for row in table for text in row]
    quoting = (
        csv.QUOTE_ALL if any("\r" in text or "\n" in text for text in texts) else form["quoting"]
    )
    writer = csv.writer(
        file, delimiter=form["separator"], lineterminator=form["line_end"], quoting=quoting
    )
    writer.writerows([HEADER, *table])
    file.write(form["line_end"] * form["below"])
    return file.getvalue().encode(form["encoding"])


def _any_form(made: tuple[list[tuple[str, ...]], dict[str, Any]], folder: Path) -> str:
    """A good table is the same however it is written."""
    table, form = made
    if form["comma"]:
        table = [(*(cell.replace(".", ",") for cell in row[:2]), *row[2:]) for row in table]
    path = folder / "table.csv"
    path.write_bytes(_written(table, form))
    data = DATA.model_copy(
        update={
            "encoding": form["encoding"],
            "header_row": len(form["above"]) + 1,
            "separator": form["separator"] if form["above"] else "auto",
        }
    )
    if _expected(table, data.header_row + 1) is None:
        assert refused(path, lambda: read(path, data))
        return "refused"
    return _check(path, data, table)


def _any_cells(made: tuple[list[tuple[str, ...]], dict[str, Any]], folder: Path) -> str:
    table, form = made
    path = folder / "table.csv"
    path.write_bytes(_written(table, form | {"above": [], "encoding": "utf-8"}))
    return "refused" if refused(path, lambda: read(path)) else _check(path, DATA, table)


_NAME = _NAMES.map(_name) | _ANY_TEXT.map(_name).filter(lambda name: "\0" not in name)
_GRADE = st.just(float("nan")) | st.floats(0, 10)


def _prepared(made: tuple[list[tuple[Any, ...]], list[Any]], folder: Path) -> str:
    """What was prepared comes back as it was; if something else changed it, it may be refused."""
    rows, edits = made
    path = folder / "prepared.csv"
    frame = pd.DataFrame(rows, columns=[tables.STUDENT, "College", "1st", "2nd"])
    write_csv(frame, path)
    if edits:
        path.write_bytes(edited(path.read_bytes(), edits))
        if refused(path, lambda: tables.read_prepared(path, DATA)):
            return "refused"
    students = tables.read_prepared(path, DATA)
    assert not np.isinf(students.grades).any()
    if not edits:
        assert students.names.tolist() == frame[tables.STUDENT].tolist()
        assert students.static[:, 0].tolist() == frame["College"].tolist()
        np.testing.assert_array_equal(students.grades, frame[["1st", "2nd"]].to_numpy(float))
    return "accepted"


# Workbooks --------------------------------------------------------------------

Cell = tuple[tuple[str, str], str | None]  # a cell, and what it says as a text; None: refuse it

_DATE = f' s="{workbooks.DATE}"'


def _formula(made: Cell) -> Cell:
    (attributes, content), says = made
    return (attributes, f"<f>A1+1</f>{content}"), says


def _texts(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Cell]:
    """Cells with a text, or with a formula that gives one."""
    plain = texts.map(lambda text: (workbooks.text(text), text))
    result = texts.map(lambda text: ((' t="str"', f"<v>{escape(text)}</v>"), text))
    return plain | result.map(_formula)


def _numbers(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Cell]:
    plain = numbers.map(lambda number: (("", f"<v>{number!r}</v>"), repr(number)))
    return plain | plain.map(_formula)


_EMPTY: st.SearchStrategy[Cell] = st.sampled_from([(("", ""), ""), ((_DATE, ""), "")])
_GRADE_CELLS = _EMPTY | _texts(_GRADES) | _numbers(st.floats(0, 10) | st.integers(0, 10))
_NAME_CELLS = (
    _EMPTY
    | _texts(_NAMES.filter(lambda name: "\r" not in name))
    | _numbers(st.integers(0, 10**17) | st.floats(0, 1e20))
)
_NO_CELLS: st.SearchStrategy[Cell] = st.sampled_from(
    [
        *(("", "<f>A1+1</f>"), ("", "<f>A1+1</f><v></v>"), ("", '<f t="shared" si="0"/><v/>')),
        *((' t="e"', f"<v>{error}</v>") for error in ["#N/A", "#DIV/0!", "#REF!"]),
    ]
).map(lambda cell: (cell, None))
_NO_GRADE_CELLS: st.SearchStrategy[Cell] = st.sampled_from(
    [
        *((' t="b"', "<v>1</v>"), (' t="b"', "<v>0</v>")),
        *((_DATE, "<v>45000</v>"), (_DATE, "<v>1e9</v>"), (' t="d"', "<v>2024-08-11T00:00:00</v>")),
        *(("", f"<v>{n}</v>") for n in ["1e400", "9" * 400, "9" * 5000, "1e308", "-1", "NaN"]),
        *(workbooks.text(text) for text in ["absent", "7 7", "=1+1", "٧", "#N/A"]),
    ]
).map(lambda cell: (cell, None))


def _any_sheet(made: tuple[list[tuple[Cell, ...]], str, bool], folder: Path) -> str:
    """A sheet is read if every cell can be, and then says what they say."""
    table, merged, calculate = made
    path = folder / "table.xlsx"
    header = [workbooks.text(name) for name in HEADER]
    sheet = workbooks.rows([header, *([cell for cell, _ in row] for row in table)])
    after = f'<mergeCells><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    path.write_bytes(workbooks.packed(workbooks.parts(sheet, after, calculate)))
    wrong = any(says is None for row in table for _, says in row)
    not_calculated = calculate and "<f>" in sheet
    texts = [tuple(says or "" for _, says in row) for row in table]
    if wrong or not_calculated or merged in _MERGED_VALUES or _expected(texts, 2) is None:
        assert refused(path, lambda: read(path))
        return "refused"
    return _check(path, DATA, texts)


_MERGED_VALUES = ["A2:A3", "C2:C9", "B1:B2", "A2:XFD1048576"]
_MERGED_OTHERS = ["A1:E1", "F1:G9", ""]


def _any_parts(made: tuple[str, list[Any], bool], folder: Path) -> str:
    """A good workbook of which one part was changed."""
    name, edits, whole = made
    parts = {each: part.encode() for each, part in good_parts().items()}
    parts[name] = b"" if whole else edited(parts[name], edits)
    return read_or_refused(folder / "table.xlsx", workbooks.packed(parts))


@cache
def good_parts() -> dict[str, str]:
    cells = [("", "<v>8.11</v>"), ("", "<f>A2</f><v>7</v>"), (' t="s"', "<v>0</v>")]
    cells += [(_DATE, "<v>45000</v>"), workbooks.text("a")]
    header = [workbooks.text(name) for name in HEADER]
    return workbooks.parts(workbooks.rows([header, cells, [("", ""), *cells[1:3], *cells[:2]]]))


def _xml_edits() -> st.SearchStrategy[list[Any]]:
    pieces = [
        *(
            "<row/>",
            "<row>",
            "</row>",
            "<c/>",
            "<c>",
            "</c>",
            "<v>1</v>",
            "<f>1</f>",
            "<a>",
            "<!--",
        ),
        *(' r="9"', ' r="A9"', ' r="x"', ' t="s"', ' s="9"', ' xmlns="a"', "&#0;", "&#55;", "-1"),
    ]
    one = st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(pieces).map(str.encode))
    return st.lists(one, min_size=1, max_size=4) | EDITS


def _large(made: tuple[str, int], folder: Path) -> str:
    """A workbook with very much of something in it."""
    what, times = made
    parts = good_parts()
    place, more = LARGE[what]
    name = next(name for name, part in parts.items() if place in part)
    large = more(times) if callable(more) else more * times
    return read_or_refused(
        folder / "table.xlsx",
        workbooks.packed(parts | {name: parts[name].replace(place, large + place, 1)}),
    )


# Where it goes (before what), and what: once more each time, or a function of how many times.
LARGE: dict[str, tuple[str, Any]] = {
    "rows": ("</sheetData>", "<row/>"),
    "rows with a value": ("</sheetData>", "<row><c><v>1</v></c></row>"),
    "cells": ("</row>", "<c/>"),
    "elements": ("</sheetData>", "<a/>"),
    "elements in each other": ("</sheetData>", lambda n: "<a>" * n + "</a>" * n),
    "rows in each other": ("</sheetData>", lambda n: "<row>" * n + "</row>" * n),
    "spaces": ("</sheetData>", " " * 100),
    "merged cells": ("</worksheet>", '<mergeCell ref="F2:F3"/>'),
    "attributes": ("<row ", lambda n: "<row " + " ".join(f'a{k}=""' for k in range(n)) + "/>"),
    "a far row": ("</sheetData>", lambda n: f'<row r="{n * 7}"><c><v>1</v></c></row>'),
    "a far cell": ("</row>", '<c r="XFD2"><v>1</v></c>'),
    "texts": ("</sst>", "<si/>"),
    "pieces of a text": ("</si>", "<r><t>a</t></r>"),
    "fonts": ("</fonts>", "<font/>"),
    "styles": ("</cellXfs>", "<xf/>"),
    "a number format": (
        "<fonts>",
        lambda n: f'<numFmts><numFmt numFmtId="170" formatCode="{"[" * n}"/></numFmts>',
    ),
    "sheets": ("</sheets>", '<sheet name="a" sheetId="2" r:id="rId1"/>'),
    "names": ("</workbook>", '<definedName name="a">Grades!$A$1</definedName>'),
    "entities": (
        "<worksheet",
        lambda n: '<!DOCTYPE a [<!ENTITY b "a"><!ENTITY c "' + "&b;" * n + '">]>',
    ),
    "relationships": ("</Relationships>", '<Relationship Id="r" Type="t" Target="http://a.b/c"/>'),
}


# Writing ----------------------------------------------------------------------

_NOT_WRITTEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_PRINTABLE = _ANY_TEXT.filter(lambda text: not _NOT_WRITTEN.search(text))
_WRITTEN_TEXT = (
    _PRINTABLE
    | _NAMES.map(_name)
    | st.builds(
        "{}{}".format,
        st.sampled_from(["=", "+", "-", "@", "\t=", "{=", "http://", "'", "#"]),
        _PRINTABLE,
    )
)
_WRITTEN = st.lists(
    st.tuples(_WRITTEN_TEXT, st.floats(-1e100, 1e100) | st.just(float("nan"))), max_size=5
)


def _write_excel(made: tuple[str, list[tuple[str, float]]], folder: Path) -> str:
    """Every text is a text, no formula; every number is the same; no cell is lost."""
    title, rows = made
    path = folder / "table.xlsx"
    frame = pd.DataFrame(rows, columns=[title, "number"])
    write_excel([Sheet("Sheet", frame, {})], path)
    book = openpyxl.load_workbook(path)
    found = [*book.active.iter_rows()]
    assert [cell.value or "" for cell in found[0]] == [title, "number"]
    assert len(found) - 1 <= len(rows)
    for cells, (text, number) in zip(found[1:], rows, strict=False):
        assert (cells[0].value or "") == text
        assert cells[0].data_type == "s" or not text
        kept = np.nan if cells[1].value is None else cells[1].value
        np.testing.assert_allclose(kept, number, rtol=1e-15)
    return "accepted"


def _write_csv(made: tuple[str, list[tuple[str, float]], bool], folder: Path) -> str:
    """Every text and number is the same; for people no text is a formula."""
    title, rows, for_people = made
    path = folder / "table.csv"
    write_csv(pd.DataFrame(rows, columns=[title, "number"]), path, for_people)
    with path.open(encoding="utf-8", newline="") as file:
        header, *found = csv.reader(file)
    texts, numbers = [header[0], *(row[0] for row in found)], [row[1] for row in found]
    for written, text in zip(texts, [title, *(row[0] for row in rows)], strict=True):
        assert written == text or (for_people and written == f"'{text}")
        if for_people and written.startswith(("=", "+", "-", "@", "\t", "\r")):
            float(written.replace(",", "."))  # a plain number
    np.testing.assert_array_equal([float(n or "nan") for n in numbers], [row[1] for row in rows])
    return "accepted"


KINDS = {
    "any bytes as a .csv file": Kind(
        st.binary(max_size=300), lambda made, folder: read_or_refused(folder / "table.csv", made)
    ),
    "a .csv file with bytes changed": Kind(
        EDITS, lambda made, folder: read_or_refused(folder / "table.csv", edited(GOOD, made))
    ),
    "a good table, as a .csv file of any form": Kind(
        st.tuples(_tables([_GRADES, _GRADES, _NAMES, _NAMES, _NAMES]), _FORMS), _any_form
    ),
    "a .csv file with any text in its cells": Kind(
        st.tuples(
            _tables(
                [_mostly(_GRADES, _WRONG | _ANY_TEXT)] * 2
                + [_mostly(_NAMES, _WRONG | _ANY_TEXT)] * 3
            ),
            _FORMS,
        ),
        _any_cells,
    ),
    "a prepared table, also with bytes changed": Kind(
        st.tuples(
            st.lists(st.tuples(_NAME, _NAME, *[_GRADE] * 2), max_size=5), st.just([]) | EDITS
        ),
        _prepared,
    ),
    "any bytes as an .xlsx file": Kind(
        st.binary(max_size=300).map(lambda made: b"PK\x03\x04" + made) | st.binary(max_size=300),
        lambda made, folder: read_or_refused(folder / "table.xlsx", made),
    ),
    "an .xlsx file with bytes changed": Kind(
        EDITS,
        lambda made, folder: read_or_refused(
            folder / "table.xlsx", edited(workbooks.packed(good_parts()), made)
        ),
    ),
    "an .xlsx file with a part changed": Kind(
        st.tuples(st.sampled_from([*good_parts()]), _xml_edits(), st.booleans()), _any_parts
    ),
    "an .xlsx file with any cells": Kind(
        st.tuples(
            _tables(
                [_mostly(_GRADE_CELLS, _NO_CELLS | _NO_GRADE_CELLS)] * 2
                + [_mostly(_NAME_CELLS, _NO_CELLS)] * 3
            ),
            st.sampled_from([*_MERGED_VALUES, *[*_MERGED_OTHERS] * 9]),
            st.integers(0, 9).map(lambda number: number == 0),
        ),
        _any_sheet,
    ),
    "an .xlsx file with very much in it": Kind(
        st.tuples(st.sampled_from([*LARGE]), st.sampled_from([*[1, 100, 10_000] * 6, 300_000])),
        _large,
    ),
    "a table, written as .xlsx": Kind(st.tuples(_WRITTEN_TEXT, _WRITTEN), _write_excel),
    "a table, written as .csv": Kind(st.tuples(_WRITTEN_TEXT, _WRITTEN, st.booleans()), _write_csv),
}
