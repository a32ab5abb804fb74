"""Read the cells of an .xlsx workbook.

A workbook is a zip archive of XML files, its parts. A small archive can unpack to more than the
memory; and openpyxl takes some cells for empty that are not: formulas that were never calculated,
and all but the first of merged cells. So the archive is inspected first.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from defusedxml.ElementTree import iterparse
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

from nextsem.reading.cells import header_names, shown
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data

CELLS = 2**25  # rows times columns, at most
UNPACKED = 256 * 2**20  # bytes of all parts, at most: a sheet of some eight million cells
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass
class Sheet:
    """A sheet, and what openpyxl does not report about it."""

    last_row: int = 0  # with a value in it
    # By column (from 1), the first row below the column names with a formula without a value.
    uncalculated: dict[int, int] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)  # cells, such as A2:A5
    page: Any = None  # openpyxl's


def read(
    path: Path, data: Data, used: Callable[[list[str]], list[int]], checked: bool
) -> tuple[list[str], pd.DataFrame]:
    """The column names, and the cells below them as a frame of objects with numbered columns.

    `used` returns the indices of the columns that will be used, or rejects the column names. If
    `checked`, cells in these columns that only look empty are rejected.
    """
    first = data.header_row + 1
    with opened(path, data.header_row, data.sheet) as sheets:
        sheet = next(iter(sheets.values()))
        rows = sheet.page.iter_rows(min_row=max(1, first - 2), values_only=True)
        above = next(rows, ()) if first > 2 else ()
        header = header_names(next(rows, ()), above)
        while header and not header[-1]:
            header.pop()
        places = used(header)
        size = (sheet.last_row - data.header_row) * len(header)
        if size > CELLS:  # openpyxl pads short rows
            raise InputError(f"{path}: has {size:,} cells; allowed: {CELLS:,}; save it as .csv")
        if checked:
            _check(path, sheet, data, {place + 1: header[place] for place in places})
        rows = sheet.page.iter_rows(min_row=first, max_col=len(header), values_only=True)
        cells = [*islice(rows, max(0, sheet.last_row - data.header_row))]
    # As objects, since floats would change long ids.
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype=object)
    return header, frame.set_axis(pd.RangeIndex(first, first + len(frame)))


@contextmanager
def opened(path: Path, header_row: int, name: str) -> Iterator[dict[str, Sheet]]:
    """The sheets of a workbook by name; the sheet `name`, if given, comes first."""
    try:
        parts = _look_through(path, header_row)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about content that openpyxl cannot write back
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        with closing(book):
            sheets = {}
            for page in book.worksheets:
                page.reset_dimensions()  # some programs declare too small a size
                sheets[page.title] = parts[page._worksheet_path]
                sheets[page.title].page = page
            if not sheets:
                raise InputError(f"{path}: holds no sheet of cells")
            if name and name not in sheets:
                found = ", ".join(map(shown, islice(sheets, 20)))
                raise InputError(f"{path}: no sheet {name!r}; found: {found} (data.sheet)")
            yield {name: sheets[name], **sheets} if name else sheets
    except InputError:
        raise
    except Exception as error:  # a broken file makes openpyxl raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as an .xlsx file: {reason}") from None


def _check(path: Path, sheet: Sheet, data: Data, used: dict[int, str]) -> None:
    """Reject cells that only look empty, in used columns and rows of students."""
    last = sheet.last_row - data.footer_rows
    for column, row in sheet.uncalculated.items():
        if column in used and row <= last:
            raise InputError(
                f"{path}: row {row}, column {used[column]!r}: is a formula that was never "
                "calculated; open the file in a spreadsheet program, and save it"
            )
    for merged in sheet.merged:
        left, top, right, bottom = range_boundaries(merged)
        for column, name in used.items():
            if left <= column <= right and bottom > data.header_row and top <= last:
                raise InputError(
                    f"{path}: cells {merged}, column {name!r}: are merged; allowed: one cell per "
                    "value below the column names"
                )


def _look_through(path: Path, header_row: int) -> dict[str, Sheet]:
    """The sheets of a workbook, by the name of the part."""
    sheets = {}
    with zipfile.ZipFile(path) as book:
        # Python unpacks no more of a part than its declared size.
        if sum(part.file_size for part in book.infolist()) > UNPACKED:
            raise ValueError(f"it unpacks to more than {UNPACKED // 2**20} MiB; save it as .csv")
        # Some programs write 0 as a formula's value, and leave the calculation to the next program.
        to_calculate = b'fullCalcOnLoad="1"' in book.read("xl/workbook.xml")
        for part in book.namelist():
            if "worksheets/" in part and part.endswith(".xml"):
                with book.open(part) as content:
                    elements = iterparse(content, ("start", "end"), forbid_dtd=True)
                    sheets[part] = _sheet(elements, header_row, to_calculate)
    return sheets


def _sheet(elements: Iterator[tuple[str, Any]], header_row: int, to_calculate: bool) -> Sheet:
    """Inspect a sheet; its elements are freed as they are read."""
    sheet = Sheet()
    row = column = 0
    for event, element in elements:
        tag = element.tag.removeprefix(_MAIN)
        if event == "start":
            if tag == "row":
                row, column = int(element.get("r", row + 1)), 0
        elif tag == "c":
            place = element.get("r")
            column = coordinate_to_tuple(place)[1] if place else column + 1
            value, formula = element.find(f"{_MAIN}v"), element.find(f"{_MAIN}f")
            if formula is not None and row > header_row:
                sheet.last_row = row
                # A formula with an empty text as its value has the type "str".
                empty = (value is None or not value.text) and element.get("t") != "str"
                if empty or to_calculate:
                    sheet.uncalculated.setdefault(column, row)
            elif value is not None or element.find(f"{_MAIN}is") is not None:
                sheet.last_row = row
            element.clear()
        elif tag == "row":
            element.clear()
        elif tag == "mergeCell":
            sheet.merged.append(element.get("ref", ""))
    return sheet
