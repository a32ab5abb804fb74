"""Write a table: for the next stage as .csv, for people as a workbook or as .csv."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from nextsem import InputError

SHEET_ROWS = 1_048_575  # that Excel holds below the column names
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d+([.,]\d+)?\Z)")


def write_csv(frame: pd.DataFrame, path: Path, for_people: bool = False) -> None:
    """Write a table as UTF-8 with Unix line ends, the same bytes on every system.

    Parameters
    ----------
    for_people : whether somebody may open it in a spreadsheet program
        There a text that begins like a formula would be one. It gets a ' before it, if it is no
        plain number.
    """
    if for_people:
        number = pd.api.types.is_numeric_dtype
        frame = pd.DataFrame(
            {
                _no_formula(name): column if number(column) else column.map(_no_formula)
                for name, column in frame.items()
            }
        )
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook.

    Attributes
    ----------
    formats : Excel's number format of a column, such as "0.00"
    shaded : columns whose cells are coloured from white (0) to red (1)
    """

    name: str
    table: pd.DataFrame
    formats: dict[str, str]
    shaded: list[str] = field(default_factory=list)


def write_excel(sheets: Sequence[Sheet], path: Path) -> None:
    """Write an Excel workbook, the same bytes each time.

    Text stays text, also where it starts like a formula; the header row stays in sight, and the
    first column beside a wide table. What is too long for one sheet goes on in the next.

    Raises
    ------
    InputError
        A text is too long for a cell.
    """
    import xlsxwriter  # here, because few stages write a workbook

    content = BytesIO()  # A full disk is told well by Path, and badly by a half-closed zip file.
    book = xlsxwriter.Workbook(content, {"constant_memory": True})
    book.set_properties({"created": datetime(2000, 1, 1), "author": "nextsem"})
    layout = {"text_wrap": True, "valign": "top"}
    # Numbers stand at the right, and a text beside them not too close.
    number, text = {"align": "right"}, {"align": "left", "indent": 1}
    for sheet in (part for whole in sheets for part in _parts(whole)):
        names = [str(name) for name in sheet.table]
        kinds = [
            layout
            | (number | {"num_format": sheet.formats[name]} if name in sheet.formats else text)
            for name in names
        ]
        formats = [book.add_format(kind) for kind in kinds]
        headings = [book.add_format(kind | {"bold": True, "bottom": 1}) for kind in kinds]
        page = book.add_worksheet(sheet.name)
        page.freeze_panes(1, 1 if len(names) > 2 else 0)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)
        widths = [_width(sheet.table[name]) for name in names]
        page.set_row(0, _height(names, widths))
        for place, name in enumerate(names):
            page.set_column(place, place, widths[place], formats[place])
            page.write_string(0, place, name, headings[place])
            if name in sheet.shaded:
                scale = {
                    "type": "2_color_scale",
                    "min_type": "num",
                    "max_type": "num",
                    "min_value": 0,
                    "max_value": 1,
                    "min_color": "#FFFFFF",
                    "max_color": "#F8696B",
                }
                page.conditional_format(1, place, max(len(sheet.table), 1), place, scale)
        for row, cells in enumerate(sheet.table.itertuples(index=False), 1):
            page.set_row(row, _height(cells, widths))
            for place, cell in enumerate(cells):
                if isinstance(cell, str):
                    if page.write_string(row, place, cell, formats[place]):  # it would be cut off
                        raise InputError(
                            f"{path}: column {names[place][:60]!r}: {cell[:57]!r}... has {len(cell)} "
                            "characters; a cell holds 32767"
                        )
                elif not pd.isna(cell):
                    page.write_number(row, place, cell, formats[place])
    try:
        book.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        raise error.args[0] from None  # what the system said of its temporary files
    path.write_bytes(content.getvalue())


def _parts(sheet: Sheet) -> Iterator[Sheet]:
    """A sheet, or as many as hold its rows."""
    for first in range(0, max(len(sheet.table), 1), SHEET_ROWS):
        name = f"{sheet.name} {first // SHEET_ROWS + 1}" if first else sheet.name
        yield replace(sheet, name=name, table=sheet.table.iloc[first : first + SHEET_ROWS])


def _width(column: pd.Series) -> int:
    """How many characters wide to make a column: its words and most of its texts fit."""
    texts = [cell for cell in column.iloc[:1000] if isinstance(cell, str)]
    words = [len(word) for word in str(column.name).split()]
    return min(max([8, *(len(text) + 2 for text in texts), *(word + 4 for word in words)]), 80)


def _height(cells: Sequence[Any], widths: list[int]) -> int:
    """How many points high to make a row, so that text which wraps is seen whole."""
    lines = [
        len(textwrap.wrap(cell, width - 1)) if isinstance(cell, str) else 1
        for cell, width in zip(cells, widths, strict=True)
    ]
    return 15 * max([1, *lines])
