"""Where in a file the table is: the sheet, the encoding, the row of the column names."""

import csv
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import openpyxl

from nextsem.reading import tables, workbook
from nextsem.reading.cells import header_names
from nextsem.reading.columns import Remarks, listed
from nextsem.reading.delimited import SEPARATORS
from nextsem.shared.errors import InputError

_LOOKED_AT = 60  # rows, to find the column names
_NAMES_WITHIN = 20  # rows, the first ones


@dataclass(frozen=True)
class Place:
    """Where in a file the table is; a better one has a higher score."""

    sheet: str = ""
    encoding: str = "utf-8"
    header_row: int = 1
    score: float = -np.inf


def find(path: Path, sheet: str, remarks: Remarks) -> Place:
    """The sheet, the encoding and the row of the column names."""
    if tables.suffix(path) == ".csv":
        if sheet:
            raise InputError(f"{path}: has no sheets; allowed: --sheet with an .xlsx file")
        encoding = _encoding(path, remarks)
        found = [_names_in(rows, "", encoding) for rows in _csv_rows(path, encoding)]
    else:
        found = [_names_in(rows, name, "utf-8") for name, rows in _excel_rows(path, sheet)]
    best = max(found, key=lambda each: each.score, default=Place())
    if not np.isfinite(best.score):
        raise InputError(
            f"{path}: has no row of column names above students; allowed: one in the first "
            f"{_NAMES_WITHIN} rows"
        )
    alike = {one.sheet for one in found if one.score > 0.7 * best.score} - {best.sheet}
    if alike:
        remarks.check.append(f"sheet: {best.sheet} is proposed; {listed(sorted(alike))} look alike")
    first = best.sheet == found[0].sheet and not sheet
    return Place("" if first else best.sheet, best.encoding, best.header_row)


def _encoding(path: Path, remarks: Remarks) -> str:
    """UTF-16 if the file looks so, UTF-8 if it is, else that of Windows in Western Europe."""
    content = path.read_bytes()
    start = content[:4096]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start.count(b"\0") > len(start) / 4:
        return "utf-16-le" if start[1::2].count(b"\0") > start[::2].count(b"\0") else "utf-16-be"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        remarks.check.append(
            f"encoding: the file is not UTF-8; cp1252 is a guess. If letters in row {row} then look "
            "wrong, save the table as 'CSV UTF-8'"
        )
        return "cp1252"
    return "utf-8"


def _csv_rows(path: Path, encoding: str) -> Iterator[list[list[str]]]:
    """The first rows, as each separator cuts them into cells."""
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    for separator in SEPARATORS:
        with path.open(encoding=encoding, newline="") as file:
            try:
                yield list(islice(csv.reader(file, delimiter=separator), _LOOKED_AT))
            except (csv.Error, UnicodeError):
                yield []


def _excel_rows(path: Path, only: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The name and the first rows of each sheet."""
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
                    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
                    yield sheet.title, texts
    except InputError:
        raise
    except Exception as error:  # openpyxl has no error of its own: a broken file raises anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as an .xlsx file: {reason}") from None


def _names_in(rows: list[list[str]], sheet: str, encoding: str) -> Place:
    """The row that looks most like column names: texts above numbers, or texts not seen below."""
    best = Place(sheet, encoding)
    width = max(map(len, rows), default=0)
    grid = [[cell.strip() for cell in row] + [""] * (width - len(row)) for row in rows]
    filled = np.array([[bool(cell) for cell in row] for row in grid]).reshape(len(grid), width)
    number = np.array([[_like_a_number(cell) for cell in row] for row in grid]).reshape(
        filled.shape
    )
    for row in range(min(len(grid) - 1, _NAMES_WITHIN)):
        names = header_names(grid[row], grid[row - 1] if row else [])
        below, numbers = filled[row + 1 :].sum(axis=0), number[row + 1 :].sum(axis=0)
        if not below.any() or sum(map(bool, names)) < 2 or not all(map(_may_be_a_name, grid[row])):
            continue
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
        if filled[row].any() and score > best.score:
            best = Place(sheet, encoding, row + 1, score)
    return best


def _like_a_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+([.,]\d+)?\s*(%|/\s*\d+)?", text))


def _may_be_a_name(cell: str) -> bool:
    """Whether a cell can name a column; a measured number or an id cannot, 1 or 2024 or 300 can."""
    number = int(cell) if cell.isdecimal() else -1
    hundreds = number % 100 == 0
    return not _like_a_number(cell) or 0 <= number <= 20 or 1900 < number < 2100 or hundreds
