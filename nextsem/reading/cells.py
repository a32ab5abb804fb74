"""Parse the cells of a table: column names, numbers and names."""

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
    """A cell as shown in a message, shortened."""
    text = repr(cell_text(cell))
    return text if len(text) <= 60 else text[:57] + "..."


def header_names(header: Sequence[Any], above: Sequence[Any]) -> list[str]:
    """The names of the columns, from the header row and the row `above` it.

    An empty name is taken from the row above if that holds names (a cell merged vertically). Equal
    names are numbered: SGPA (1), SGPA (2).
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
    """A column name without line breaks and byte order mark."""
    text = "" if cell is None else str(cell)
    return " ".join(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split())


def numbers(
    path: Path,
    column: pd.Series,
    missing: Sequence[str],
    decimal: str,
    letters: dict[str, float] | None = None,
) -> pd.Series:
    """A column as numbers; NaN for empty cells and for the marks in `missing`.

    `letters` maps letter grades to numbers. The decimal separator is detected if `decimal` is
    `auto`. Any other text is an InputError.
    """
    if letters:
        column = column.map(lambda cell: letters.get(cell_text(cell), cell), na_action="ignore")
    if pd.api.types.is_numeric_dtype(column) and column.dtype != bool:
        values, given = column.astype(float), column.notna()
    elif isinstance(column.dtype, pd.StringDtype):  # of a .csv file: each distinct text once
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
    """Cells of any type as numbers, and whether each is meant to hold one."""
    # An integer in a workbook may be too large for a float: it stays text, and is rejected.
    typed = cells.map(lambda cell: type(cell) is float or (type(cell) is int and abs(cell) < 1e300))
    texts = cells.mask(typed).map(cell_text, na_action="ignore").astype(str)
    texts = texts.mask(texts.isin(["", *missing]))
    values = cells.where(typed).astype(float)
    values = values.fillna(parsed(texts, decimal, alone=bool(values.isna().all())))
    return values, texts.notna() | values.notna()


def marks(column: pd.Series, values: pd.Series) -> pd.Series:
    """The entries of a column where `values` (from `numbers`) are missing, "" if empty."""
    marked = column[column.notna() & values.isna()].map(name).astype(object)
    return marked.reindex(column.index, fill_value="")


def as_numbers(marks: Sequence[str]) -> pd.Series:
    """Marks as numbers, NaN for those that are not numbers."""
    return pd.to_numeric(pd.Series(marks, dtype=object), errors="coerce")


def parsed(texts: pd.Series, decimal: str, alone: bool = True) -> pd.Series:
    """Texts as numbers, NaN for those that are not numbers.

    With `alone`, the column has no other numbers. Then all texts may share a suffix, % or the
    highest grade as in 7.5/10, which is removed.
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
    """A column as categorical names, "" where empty; `spellings` maps variants to names."""
    if once := isinstance(column.dtype, pd.CategoricalDtype):  # from a .csv file
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
    # The code of an empty cell is -1, which indexes the last text.
    again, different = pd.factorize(np.append(texts.to_numpy(dtype=object), ""))
    spelt = pd.Categorical.from_codes(again[places], pd.Index(different, dtype=str))
    return pd.Series(spelt, column.index)


def _names(cells: pd.Series) -> pd.Series:
    """Distinct cells as names, like `name`, but faster."""
    if not isinstance(cells.dtype, pd.StringDtype):
        return cells.map(name).astype(str)
    texts = cells.str.strip()
    special = texts.str.contains("\r", regex=False) | texts.str.endswith(".0")
    texts[special] = texts[special].map(name)
    return texts


def name(cell: Any) -> str:
    """A cell as a name; 115.0, an integer in a column with gaps, becomes 115."""
    text = cell_text(cell)
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def cell_text(cell: Any) -> str:
    """A cell as text, with Unix line endings; a date without time of day."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    text = str(cell).strip()
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
