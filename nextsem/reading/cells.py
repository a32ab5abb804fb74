"""What stands in a table's cells: column names, numbers and other names."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.shared.errors import InputError

_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}


def shown(cell: Any) -> str:
    """A cell in a message."""
    text = repr(cell_text(cell))
    return text if len(text) <= 60 else text[:57] + "..."


def header_names(header: Sequence[Any], above: Sequence[Any]) -> list[str]:
    """The columns' names.

    One without has that of the row above, if names stand there: a cell merged downwards. Those of
    the same name are numbered: SGPA (1), SGPA (2).
    """
    names = [_header_text(cell) for cell in header]
    over = [_header_text(cell) for cell in above]
    if len([name for name in over if name]) > 1:
        names = [name or upper for name, upper in zip_longest(names, over, fillvalue="")]
    times, seen = Counter(names), Counter[str]()
    for place, name in enumerate(names):
        if name and times[name] > 1:
            seen[name] += 1
            names[place] = f"{name} ({seen[name]})"
    return names


def _header_text(cell: Any) -> str:
    """A column name; one that wraps in its cell, or has a mark of UTF before it, is the same."""
    text = "" if cell is None else str(cell)
    return " ".join(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split())


def numbers(
    path: Path,
    column: pd.Series,
    missing: Sequence[str],
    decimal: str,
    letters: dict[str, float] | None = None,
) -> pd.Series:
    """A column as numbers, NaN where it says that there is none.

    Marks of `missing` stand for no number, as an empty cell does, and `letters` for one. The sign
    `decimal` is found out if it is `auto`.
    """
    if letters:
        column = column.map(lambda cell: letters.get(cell_text(cell), cell), na_action="ignore")
    if pd.api.types.is_numeric_dtype(column) and column.dtype != bool:
        values, given = column.astype(float), column.notna()
    elif isinstance(column.dtype, pd.StringDtype):  # of a .csv file: each text once
        places, texts = pd.factorize(column, use_na_sentinel=False)
        found = _typed(pd.Series(texts, dtype=object), missing, decimal)
        values, given = (each.iloc[places].set_axis(column.index) for each in found)
    else:
        values, given = _typed(column.astype(object), missing, decimal)
    marked = values.isin(as_numbers(missing).dropna())
    values, given = values.mask(marked), given & ~marked
    wrong = column[given & ~np.isfinite(values)]
    if len(wrong):
        raise InputError(
            f"{path}: row {wrong.index[0]}, column {column.name!r}: {shown(wrong.iloc[0])} is not a "
            "number; allowed: a number, an empty cell or one of data.missing"
        )
    return values


def _typed(cells: pd.Series, missing: Sequence[str], decimal: str) -> tuple[pd.Series, pd.Series]:
    """Cells of any kind as numbers, and whether there is to be one."""
    # A whole number in a workbook may be too long for a float: it stays a text, and is refused.
    typed = cells.map(lambda cell: type(cell) is float or (type(cell) is int and abs(cell) < 1e300))
    texts = cells.mask(typed).map(cell_text, na_action="ignore").astype(str)
    texts = texts.mask(texts.isin(["", *missing]))
    values = cells.where(typed).astype(float)
    values = values.fillna(parsed(texts, decimal, alone=bool(values.isna().all())))
    return values, texts.notna() | values.notna()


def marks(column: pd.Series, values: pd.Series) -> pd.Series:
    """What stands where a column of `numbers` has none, "" if nothing."""
    marked = column[column.notna() & values.isna()].map(name).astype(object)
    return marked.reindex(column.index, fill_value="")


def as_numbers(marks: Sequence[str]) -> pd.Series:
    """Marks as numbers, NaN where one is none."""
    return pd.to_numeric(pd.Series(marks, dtype=object), errors="coerce")


def parsed(texts: pd.Series, decimal: str, alone: bool = True) -> pd.Series:
    """Texts as numbers, NaN where one is none.

    If there are no other numbers in the column, they stand `alone`. Then all may have the same sign
    behind them, % or the highest grade, as in 7.5/10; it is left out.
    """
    plain = pd.to_numeric(texts, errors="coerce").astype(float)
    if decimal != "," and plain.notna().equals(texts.notna()):
        return plain
    signs = texts.str.extract(r"\d\s*(%|/\s*\d+)$", expand=False)
    if alone and signs.nunique() == 1 and parsed(texts.mask(signs.notna()), decimal).isna().all():
        texts = texts.str.replace(r"\s*(?:%|/\s*\d+)$", "", regex=True)
    if decimal == "auto":
        commas = texts.str.fullmatch(r"[+-]?\d+,\d+", na=False).any()
        points = texts.str.fullmatch(r"[+-]?\d+\.\d+", na=False).any()
        decimal = "," if commas and not points else "."
    if decimal == ",":
        foreign = texts.str.contains(".", regex=False, na=False)
        texts = texts.str.replace(",", ".", regex=False).mask(foreign)
    return pd.to_numeric(texts, errors="coerce").astype(float)


def names(path: Path, column: pd.Series, spellings: dict[str, str]) -> pd.Series:
    """A column as names, "" where empty, as categories; `spellings` are other ways to write one."""
    if once := isinstance(column.dtype, pd.CategoricalDtype):  # of a .csv file: each text once
        places, cells = column.cat.codes.to_numpy(), pd.Series(column.cat.categories)
    else:
        places, found = pd.factorize(column)
        cells = pd.Series(found)
    texts = _names(cells).replace(spellings)
    if (errors := texts.isin(_ERRORS)).any():
        row = column.index[np.append(errors, False)[places]][0]
        raise InputError(
            f"{path}: row {row}, column {column.name!r}: {shown(column[row])} is not a name; "
            "allowed: text, or an empty cell"
        )
    if once and places.min(initial=0) == 0 and texts.equals(cells):
        return column
    # The place of an empty cell is -1, that of the last text.
    again, different = pd.factorize(np.append(texts.to_numpy(dtype=object), ""))
    spelt = pd.Categorical.from_codes(again[places], pd.Index(different, dtype=str))
    return pd.Series(spelt, column.index)


def _names(cells: pd.Series) -> pd.Series:
    """Different cells as names, as `name` makes them."""
    if not isinstance(cells.dtype, pd.StringDtype):
        return cells.map(name).astype(str)
    texts = cells.str.strip()
    special = texts.str.contains("\r", regex=False) | texts.str.endswith(".0")
    texts[special] = texts[special].map(name)
    return texts


def name(cell: Any) -> str:
    """A cell as a name; a number that a gap turned into 115.0 is 115 again."""
    text = cell_text(cell)
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def cell_text(cell: Any) -> str:
    """A cell as text; a line end in it is the same on every system, a date has no time of day."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    text = str(cell).strip()
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
