"""Read the cells of an .xlsx workbook.

It is a zip archive of XML files, its parts. A small archive can unpack to more than a machine's
memory; and openpyxl, which reads it, takes cells for empty that are not: a formula that nothing has
calculated, and all but the first of merged cells. So we look through it before.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import openpyxl
import pandas as pd
from defusedxml.ElementTree import iterparse
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

from nextsem.reading.cells import header_names, shown
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data

ROWS = 1_048_576  # of a sheet: as many as Excel has
CELLS = 2**25  # of the rows and columns that are read
UNPACKED = 256 * 2**20  # bytes of all parts: a sheet of some eight million cells
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass
class Outline:
    """What openpyxl does not tell of a sheet.

    Attributes
    ----------
    last_row : the last row with a value in it
    uncalculated : for each column the first row below the column names whose formula has no value
    merged : where groups of merged cells are, such as A2:A5
    """

    last_row: int = 0
    uncalculated: dict[int, int] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)


def read(
    path: Path, data: Data, used: Callable[[list[str]], list[int]], checked: bool
) -> tuple[list[str], pd.DataFrame]:
    """The column names, and the cells below them as objects; the columns are numbered.

    Parameters
    ----------
    used : gives the places of the columns that will be used, or refuses the column names
    checked : whether to refuse cells in these columns that only look empty

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        outlines = look_through(path, data.header_row)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they tell what openpyxl cannot write back
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                sheet = _sheet(path, data, {each.title: each for each in book.worksheets})
                outline = outlines[sheet._worksheet_path]
                first = data.header_row + 1
                rows = sheet.iter_rows(min_row=max(1, data.header_row - 1), values_only=True)
                above = list(next(rows, ())) if data.header_row > 1 else []
                header = header_names(next(rows, ()), above)
                while header and not header[-1]:
                    header.pop()
                places = used(header)
                size = (outline.last_row - data.header_row) * len(header)
                if size > CELLS:  # openpyxl fills up short rows
                    raise InputError(
                        f"{path}: has {size:,} cells; allowed: {CELLS:,}; save it as .csv"
                    )
                if checked:
                    names = {place + 1: header[place] for place in places}
                    _check(path, outline, data, names)
                rows = sheet.iter_rows(min_row=first, max_col=len(header), values_only=True)
                cells = [*islice(rows, max(0, outline.last_row - data.header_row))]
    except InputError:
        raise
    except Exception as error:  # openpyxl has no error of its own: a broken file raises anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as an .xlsx file: {reason}") from None
    # Of objects: as floats, long ids would be others.
    frame = pd.DataFrame(cells, columns=range(len(header)), dtype=object)
    return header, frame.set_axis(pd.RangeIndex(first, first + len(frame)))


def _sheet(path: Path, data: Data, sheets: dict[str, Any]) -> Any:
    """The sheet that is looked for."""
    if data.sheet and data.sheet not in sheets:
        found = ", ".join(map(shown, islice(sheets, 20)))
        raise InputError(f"{path}: no sheet {data.sheet!r}; found: {found} (data.sheet)")
    if not sheets:
        raise InputError(f"{path}: holds no sheet of cells")
    sheet = sheets[data.sheet or next(iter(sheets))]
    sheet.reset_dimensions()  # some programs write down a size that is too small
    return sheet


def _check(path: Path, outline: Outline, data: Data, used: dict[int, str]) -> None:
    """Refuse cells that only look empty to openpyxl; `used` are names of columns, A being 1."""
    last = outline.last_row - data.footer_rows
    for column, row in outline.uncalculated.items():
        if column in used and row <= last:
            raise InputError(
                f"{path}: row {row}, column {used[column]!r}: is a formula that was never "
                "calculated; open the file in a spreadsheet program, and save it"
            )
    for merged in outline.merged:
        left, top, right, bottom = range_boundaries(merged)
        for column, name in used.items():
            if left <= column <= right and bottom > data.header_row and top <= last:
                raise InputError(
                    f"{path}: cells {merged}, column {name!r}: are merged; allowed: below the "
                    "column names a cell for each value"
                )


def look_through(path: Path, header_row: int) -> dict[str, Outline]:
    """Every sheet of cells in a workbook, by the name of its part.

    Raises
    ------
    ValueError
        It would fill the memory, or declares a document type.
    zipfile.BadZipFile, xml.etree.ElementTree.ParseError
        It is no workbook, or is damaged.
    """
    sheets = {}
    with zipfile.ZipFile(path) as book:
        # Python unpacks no more of a part than what it declares here.
        if sum(part.file_size for part in book.infolist()) > UNPACKED:
            raise ValueError(f"it unpacks to more than {UNPACKED // 2**20} MiB; save it as .csv")
        parts = book.namelist()
        # Some programs write 0 for what a formula gives, and leave it to the next to calculate it.
        to_calculate = any(
            b'fullCalcOnLoad="1"' in book.read(part)
            for part in parts
            if part.endswith("workbook.xml")
        )
        for part in parts:
            if "worksheets/" in part and part.endswith(".xml"):
                with book.open(part) as content:
                    elements = iterparse(content, ("start", "end"), forbid_dtd=True)
                    sheets[part] = _outline(elements, header_row, to_calculate)
    return sheets


def _outline(
    elements: Iterator[tuple[str, Element]], header_row: int, to_calculate: bool
) -> Outline:
    """What is to be known of a sheet; its elements are let go as they are read."""
    sheet = Outline()
    row = column = 0
    for event, element in elements:
        tag = element.tag.removeprefix(_MAIN)
        if event == "start":
            if tag == "row":
                row, column = int(element.get("r", row + 1)), 0
                if row > ROWS:
                    raise ValueError(f"it has a row {row}; allowed: up to {ROWS}")
        elif tag == "c":
            place = element.get("r")
            column = coordinate_to_tuple(place)[1] if place else column + 1
            value, formula = element.find(f"{_MAIN}v"), element.find(f"{_MAIN}f")
            if formula is not None and row > header_row:
                sheet.last_row = row
                # A formula that gives an empty text says that it gives a text.
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
