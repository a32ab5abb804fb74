"""Write tables for people: as reproducible Excel workbooks, or as .csv without formulas."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

SHEET_ROWS = 1_048_575  # that Excel holds below the column names
_WIDEST = 80  # characters per column, at most
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d+([.,]\d+)?\Z)")
_SHADES = {
    "type": "2_color_scale",
    **{"min_type": "num", "min_value": 0, "min_color": "#FFFFFF"},
    **{"max_type": "num", "max_value": 1, "max_color": "#F8696B"},
}


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook.

    Attributes
    ----------
    formats : Excel's number format of a column, such as "0.00"
    shaded : columns whose cells are coloured from white (0) to red (1)
    filtered : whether to add filters to the columns
    printed : how many columns are printed, from the first one on; None for all
    charted : a column to draw as a stacked chart: the second column on the x axis, one series for
        each value of the first column, all with the same x values; "" for no chart
    """

    name: str
    table: pd.DataFrame
    formats: dict[str, str] = field(default_factory=dict)
    shaded: list[str] = field(default_factory=list)
    filtered: bool = False
    printed: int | None = None
    charted: str = ""


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table for a .csv file, safe to open in a spreadsheet program.

    Text that starts like a formula is prefixed with a ', unless it is a plain number.
    """

    def cell(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value

    numeric = pd.api.types.is_numeric_dtype
    columns = {cell(name): own if numeric(own) else own.map(cell) for name, own in table.items()}
    return pd.DataFrame(columns)


def write_excel(sheets: Sequence[Sheet], path: Path) -> None:
    """Write an Excel workbook.

    Text stays text, even if it looks like a formula or a number; unknown values are blank. The
    header row is frozen, and the first column of a table of more than two. A table too long for one
    sheet continues on the next.
    """
    content = BytesIO()  # On a full disk, Path gives a clearer error than a half-closed zip file.
    book = xlsxwriter.Workbook(content, {"constant_memory": True})
    book.set_properties({"created": datetime(2000, 1, 1), "author": "nextsem"})
    for sheet in (part for whole in sheets for part in _parts(whole)):
        _write(book, sheet)
    try:
        book.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        raise error.args[0] from None  # the system's error about temporary files
    path.write_bytes(content.getvalue())


def _write(book: xlsxwriter.Workbook, sheet: Sheet) -> None:
    names, rows = [str(name) for name in sheet.table], max(len(sheet.table), 1)
    page = book.add_worksheet(sheet.name)
    page.freeze_panes(1, 1 if len(names) > 2 else 0)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    if sheet.filtered:
        page.autofilter(0, 0, rows, len(names) - 1)
    if sheet.printed:
        page.print_area(0, 0, rows, sheet.printed - 1)
    page.ignore_errors({"number_stored_as_text": f"A1:XFD{rows + 1}"})  # ids are that
    formats, widths = [], [_width(sheet.table[name], sheet.filtered) for name in names]
    page.set_row(0, _height(names, [width - 3 * sheet.filtered for width in widths]))
    for place, name in enumerate(names):
        kind: dict[str, Any] = {"text_wrap": True, "valign": "top", "align": "left", "indent": 1}
        if name in sheet.formats:
            kind |= {"align": "right", "indent": 0, "num_format": sheet.formats[name]}
        formats.append(book.add_format(kind))
        page.set_column(place, place, widths[place], formats[-1])
        page.write_string(0, place, name, book.add_format(kind | {"bold": True, "bottom": 1}))
        if name in sheet.shaded:
            page.conditional_format(1, place, rows, place, _SHADES)
    for row, cells in enumerate(sheet.table.itertuples(index=False), 1):
        page.set_row(row, _height(cells, widths))
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                page.write_string(row, place, cell, formats[place])
            elif not pd.isna(cell):
                page.write_number(row, place, cell, formats[place])
    if sheet.charted and len(sheet.table):
        page.insert_chart(1, len(names) + 1, _drawn(book, sheet, names))


def _drawn(book: xlsxwriter.Workbook, sheet: Sheet, names: list[str]) -> xlsxwriter.chart.Chart:
    value = names.index(sheet.charted)
    drawing = book.add_chart({"type": "column", "subtype": "stacked"})
    for name, rows in sheet.table.groupby(sheet.table[names[0]], sort=False).indices.items():
        low, high = int(rows[0]) + 1, int(rows[-1]) + 1
        shown = sheet.table.iloc[rows]
        drawing.add_series(
            {
                "name": str(name),
                "categories": [sheet.name, low, 1, high, 1],
                "values": [sheet.name, low, value, high, value],
                # Cached values, for programs that do not evaluate the references.
                "categories_data": shown.iloc[:, 1].tolist(),
                "values_data": shown.iloc[:, value].tolist(),
                "gap": 60,
            }
        )
    title = f"{sheet.charted}, by {names[1]} and {names[0]}"
    drawing.set_title({"name": title, "name_font": {"size": 12}})
    drawing.set_x_axis({"name": names[1]})
    drawing.set_y_axis({"name": sheet.charted})
    drawing.set_size({"width": 620, "height": 380})
    return drawing


def _parts(sheet: Sheet) -> Iterator[Sheet]:
    """The sheet, split into as many as its rows need."""
    for first in range(0, max(len(sheet.table), 1), SHEET_ROWS):
        name = f"{sheet.name} {first // SHEET_ROWS + 1}" if first else sheet.name
        yield replace(sheet, name=name, table=sheet.table.iloc[first : first + SHEET_ROWS])


def _width(column: "pd.Series[Any]", filtered: bool) -> int:
    """Width of a column in characters, so that its header and most of its texts fit."""
    texts = [cell for cell in column.iloc[:1000] if isinstance(cell, str)]
    words = [len(word) + (5 if filtered else 2) for word in str(column.name).split()]
    return min(max([8, *(len(text) + 3 for text in texts), *words]), _WIDEST)


def _height(cells: Sequence[Any], widths: list[int]) -> int:
    """Height of a row in points, so that wrapped text is fully visible."""
    fits = zip(cells, widths, strict=True)
    long = [(cell, width) for cell, width in fits if isinstance(cell, str) and len(cell) >= width]
    return 15 * max([1, *(len(textwrap.wrap(cell, max(width - 1, 1))) for cell, width in long)])
