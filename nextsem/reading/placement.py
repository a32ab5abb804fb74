"""Locate the table in a file: sheet, encoding and header row."""

import csv
import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from nextsem.reading import delimited, tables, workbook
from nextsem.reading.cells import header_names
from nextsem.reading.columns import Remarks, listed
from nextsem.shared.errors import InputError

_LOOKED_AT = 60  # rows that are inspected
_NAMES_WITHIN = 20  # first rows that may be the header
Rows = list[list[str]]


@dataclass(frozen=True)
class Place:
    """A candidate location of the table; a better one has a higher score."""

    sheet: str = ""
    encoding: str = "utf-8"
    header_row: int = 1
    score: float = -np.inf


def find(path: Path, sheet: str, remarks: Remarks) -> Place:
    """The location of the table; its sheet is "" for the first one, unless `sheet` names it."""
    if tables.suffix(path) == ".csv":
        if sheet:
            raise InputError(f"{path}: has no sheets; allowed: --sheet with an .xlsx file")
        encoding = _encoding(path, remarks)
        found = [_names_in(rows, "", encoding) for rows in _of_csv(path, encoding)]
    else:
        found = [_names_in(rows, name, "utf-8") for name, rows in _of_excel(path, sheet)]
    best = max(found, key=lambda each: each.score, default=Place())
    if not np.isfinite(best.score):
        raise InputError(
            f"{path}: has no row of column names above students; allowed: one in the first {_NAMES_WITHIN} rows"
        )
    alike = {one.sheet for one in found if one.score > 0.7 * best.score} - {best.sheet}
    if alike:
        remarks.ask(
            f"sheet: {best.sheet} is proposed; {listed(sorted(alike))} may hold students, too"
        )
    first = best.sheet == found[0].sheet and not sheet
    return Place("" if first else best.sheet, best.encoding, best.header_row)


def _encoding(path: Path, remarks: Remarks) -> str:
    """UTF-16 if the file looks like it, UTF-8 if it can be decoded, else cp1252 (Windows)."""
    content = path.read_bytes()
    start = content[:4096]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start:
        return "utf-16-le" if start[1::2].count(b"\0") > start[::2].count(b"\0") else "utf-16-be"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        remarks.ask(
            f"encoding: the file is not UTF-8; cp1252 is a guess. If letters in row {row} look "
            "wrong, save the table as 'CSV UTF-8'"
        )
        return "cp1252"
    return "utf-8"


def _of_csv(path: Path, encoding: str) -> list[Rows]:
    """The cells of the first rows, for each separator."""
    found = []
    for separator in delimited.SEPARATORS:
        try:
            found.append(delimited.first_rows(path, encoding, separator, _LOOKED_AT))
        except (csv.Error, UnicodeError):
            continue
    return found


def _of_excel(path: Path, only: str) -> list[tuple[str, Rows]]:
    """The name and the first rows of each sheet, or only of the requested one."""
    with workbook.opened(path, 1, only) as sheets:
        names = [only] if only else [*sheets]
        pages = [
            sheets[name].page.iter_rows(max_row=_LOOKED_AT, values_only=True) for name in names
        ]
        rows = [
            [["" if each is None else str(each) for each in row] for row in page] for page in pages
        ]
        return list(zip(names, rows, strict=True))


def _names_in(rows: Rows, sheet: str, encoding: str) -> Place:
    """The row most like a header: text above numbers, or text that does not occur below."""
    best = Place(sheet, encoding)
    columns = [[cell.strip() for cell in column] for column in zip_longest(*rows, fillvalue="")]
    grid = np.array(columns, dtype=object).reshape(len(columns), len(rows)).T
    number = np.array([_like_a_number(cell) for cell in grid.flat], dtype=bool).reshape(grid.shape)
    for row in range(min(len(grid) - 1, _NAMES_WITHIN)):
        names = header_names(grid[row], grid[row - 1] if row else [])
        below, numbers = (grid[row + 1 :] != "").sum(axis=0), number[row + 1 :].sum(axis=0)
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
                score += name not in grid[row + 1 :, column]
        if (grid[row] != "").any() and score > best.score:
            best = Place(sheet, encoding, row + 1, score)
    return best


def _like_a_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+([.,]\d+)?\s*(%|/\s*\d+)?", text))


def _may_be_a_name(cell: str) -> bool:
    """Whether a cell can be a column name; of numbers only those like 1, 2024 or 300 can."""
    number = int(cell) if cell.isdecimal() else -1
    hundreds = number % 100 == 0
    return not _like_a_number(cell) or 0 <= number <= 20 or 1900 < number < 2100 or hundreds
