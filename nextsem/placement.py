"""Where in a file the table is: the sheet, the encoding, the row of the column names, the totals."""

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from nextsem import InputError, tables, workbook
from nextsem.columns import like_a_number, listed

_LOOKED_AT = 60  # rows, to find the column names
_NAMES_WITHIN = 20  # rows, the first ones
_STATISTICS = {
    *("max", "min", "maximum", "minimum", "median", "sd", "std", "count", "highest", "lowest"),
}


@dataclass(frozen=True)
class Place:
    """Where in a file the table is; a better one has a higher score."""

    sheet: str = ""
    encoding: str = "utf-8"
    header_row: int = 1
    score: float = -np.inf


def find(path: Path, sheet: str, check: list[str]) -> Place:
    """The sheet, the encoding and the row of the column names."""
    if tables.suffix(path) == ".csv":
        if sheet:
            raise InputError(f"{path}: has no sheets; allowed: --sheet with an .xlsx file")
        encoding = _encoding(path, check)
        found = [_names_in(rows, encoding=encoding) for rows in _csv_rows(path, encoding)]
        return max(found, key=lambda each: each.score)
    found = [_names_in(rows, sheet=name) for name, rows in _excel_rows(path, sheet)]
    best = max(found, key=lambda each: each.score, default=Place())
    if not np.isfinite(best.score):
        raise InputError(f"{path}: has no row of column names with rows below it")
    alike = [one.sheet for one in found if one is not best and one.score > 0.7 * best.score]
    if alike:
        check.append(f"sheet: {best.sheet} is proposed, and {listed(alike)} not read, though alike")
    first = best is found[0] and not sheet
    return Place("" if first else best.sheet, header_row=best.header_row)


def _encoding(path: Path, check: list[str]) -> str:
    """UTF-16 if the file looks so, UTF-8 if it is, else that of Windows in Western Europe."""
    content = path.read_bytes()
    start = content[:4096]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.count(b"\0") > len(start) / 4:
        return "utf-16-le" if start[1::2].count(b"\0") > start[::2].count(b"\0") else "utf-16-be"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        encoding = "cp1252"
        around = content[max(0, error.start - 20) : error.start + 20].decode(encoding, "replace")
        shown = next(word for word in re.findall(r"\w+", around) if not word.isascii())
        check.append(
            f"encoding: the file is not UTF-8, and {encoding} is a guess by which it holds {shown!r}. "
            "If that is wrong, save the table as 'CSV UTF-8'"
        )
        return encoding
    return "utf-8"


def _csv_rows(path: Path, encoding: str) -> Iterator[list[list[str]]]:
    """The first rows, as each separator cuts them into cells."""
    for separator in tables.SEPARATORS:
        with path.open(
            encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline=""
        ) as file:
            try:
                yield list(islice(csv.reader(file, delimiter=separator), _LOOKED_AT))
            except (csv.Error, UnicodeError):
                yield []


def _excel_rows(path: Path, only: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The name and the first rows of each sheet."""
    import openpyxl  # here, because a .csv needs none of it

    try:
        workbook.look_through(path, 1)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        with closing(book):
            if only and only not in book.sheetnames:
                raise InputError(f"{path}: no sheet {only!r}; found: {listed(book.sheetnames)}")
            for sheet in book.worksheets:
                if only in ("", sheet.title):
                    sheet.reset_dimensions()
                    rows = sheet.iter_rows(max_row=_LOOKED_AT, values_only=True)
                    yield (
                        sheet.title,
                        [["" if cell is None else str(cell) for cell in row] for row in rows],
                    )
    except InputError:
        raise
    except Exception as error:  # openpyxl has no error of its own: a broken file raises anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as an .xlsx file: {reason}") from None


def _names_in(rows: list[list[str]], sheet: str = "", encoding: str = "utf-8") -> Place:
    """The row that looks most like column names: texts above numbers, or texts not seen below."""
    best = Place(sheet, encoding)
    width = max(map(len, rows), default=0)
    grid = [[cell.strip() for cell in row] + [""] * (width - len(row)) for row in rows]
    filled = np.array([[bool(cell) for cell in row] for row in grid]).reshape(len(grid), width)
    number = np.array([[like_a_number(cell) for cell in row] for row in grid]).reshape(filled.shape)
    for row in range(min(len(grid) - 1, _NAMES_WITHIN)):
        names = tables.header_names(grid[row], grid[row - 1] if row else [])
        below, numbers = filled[row + 1 :].sum(axis=0), number[row + 1 :].sum(axis=0)
        score = 0.0
        for column, name in enumerate(names):
            if not below[column]:
                score += 0.2 if name else 0
            elif not name:
                score -= 1
            elif numbers[column] >= below[column] / 2:
                score += 0.3 if number[row, column] else 2
            else:
                score += name not in {each[column] for each in grid[row + 1 :]}
        if filled[row].any() and below.any() and score > best.score:
            best = Place(sheet, encoding, row + 1, score)
    return best


def footer(cells: pd.DataFrame, why: dict[str, str], check: list[str]) -> int:
    """How many rows at the end are totals or notes."""
    wide = (cells != "").sum(axis=1).median() >= 4
    rows = 0
    statistics = 0  # such as a maximum: they end the table only below or above a total
    for back in range(1, min(20, len(cells))):
        texts = [text for text in cells.iloc[-back] if text]
        note = wide and len(texts) == 1 and re.search(r"[^\W\d].* |[:*]", texts[0])
        if note or any(map(tables.is_total, texts)):
            rows = back
            statistics = 0
        elif any(text.strip(" :.").casefold() in _STATISTICS for text in texts):
            statistics = back
        elif texts:
            break
    rows = max(rows, statistics if rows else 0)
    if rows:
        shown = [" ".join(filter(None, cells.iloc[-back]))[:40] for back in range(rows, 0, -1)]
        why["footer_rows"] = f"Left out at the end: {listed(filter(None, shown))}."
        check.append(f"footer_rows: {listed(filter(None, shown))}: are these no students?")
    return rows
