"""Read the cells of a .csv file."""

import codecs
import csv
import re
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from nextsem.reading.cells import header_names
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data

SEPARATORS = (",", ";", "\t", "|")
_BLOCK = 2**24  # bytes that pyarrow reads at a time


def read(
    path: Path, data: Data, texts: set[str] | None, used: Callable[[list[str]], list[int]]
) -> tuple[list[str], pd.DataFrame]:
    """The column names, and the cells below them as a frame with numbered columns.

    Columns in `texts`, or all if None, are read as text. `used` returns the indices of the columns
    that will be used, or rejects the column names.
    """
    try:
        header, separator = _header(path, data, {*(texts or ()), *data.grade_columns})
        places = used(header)
        as_text = [place for place in places if texts is None or header[place] in texts]
        plain = _read_plain(path, data, len(header), separator, places, as_text)
        if plain is not None:
            return header, plain
        with (
            path.open(encoding=_encoding(data.encoding), newline="") as file,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Not skipped by pandas, which may count rows differently with other line endings.
            for _ in islice(csv.reader(file, delimiter=separator), data.header_row):
                pass
            frame = pd.read_csv(
                file,
                sep=separator,
                header=None,
                # All columns, as only then pandas rejects rows with too many cells.
                names=list(range(len(header))),
                index_col=False,
                dtype=dict.fromkeys(as_text, str),  # as categories, 007 would be 7
                na_values=[""],
                keep_default_na=False,
                skip_blank_lines=False,
                low_memory=False,
            )
    except InputError:
        raise
    except pd.errors.ParserWarning:  # pandas would drop the extra cells
        raise InputError(
            f"{path}: row {data.header_row + 1} has more cells than there are column names; "
            f"allowed: {len(header)} (a text with a separator in it needs quotes)"
        ) from None
    except UnicodeError:
        raise InputError(
            f"{path}: is not {data.encoding} text; save it as 'CSV UTF-8' or name its encoding, such "
            "as cp1252, in data.encoding"
        ) from None
    except (pd.errors.ParserError, csv.Error, ValueError) as error:
        raise InputError(f"{path}: {_unparsed(str(error), data.header_row)}") from None
    return header, _numbered(frame, data)


def _numbered(frame: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The frame, indexed by spreadsheet row."""
    return frame.set_axis(pd.RangeIndex(data.header_row + 1, data.header_row + 1 + len(frame)))


def _read_plain(
    path: Path, data: Data, width: int, separator: str, places: list[int], as_text: list[int]
) -> pd.DataFrame | None:
    """The cells read by pyarrow, which is faster, as categorical columns; None if it fails.

    Errors are left to pandas, and so are files with quotes, as pyarrow does not report an unclosed
    one. Columns that will not be used are text.
    """
    content = path.read_bytes()
    if _encoding(data.encoding) != "utf-8-sig" or b'"' in content:
        return None
    names = [str(place) for place in range(width)]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            pyarrow.csv.ReadOptions(
                column_names=names,
                skip_rows_after_names=data.header_row,
                block_size=_BLOCK,
                use_threads=False,  # no gain if all columns are text
            ),
            pyarrow.csv.ParseOptions(delimiter=separator, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns: dict[int, Any] = {}
    for place, cells in enumerate(table.columns):
        if place not in places:
            columns[place] = pd.array(cells, dtype="str")
            continue
        found = cells.combine_chunks().dictionary_encode()
        texts, codes = pd.Index(found.dictionary, dtype="str"), found.indices.fill_null(-1)
        columns[place] = pd.Categorical.from_codes(codes.to_numpy(), texts)
        if place not in as_text:
            numbers = pd.to_numeric(texts.to_series(), errors="coerce").to_numpy(dtype=float)
            if not np.isnan(numbers).any():
                columns[place] = np.append(numbers, np.nan)[columns[place].codes]
            else:
                columns[place] = pd.array(cells, dtype="str")
    return _numbered(pd.DataFrame(columns, copy=False), data)


def first_rows(path: Path, encoding: str, separator: str, number: int) -> list[list[str]]:
    """The cells of the first rows."""
    with path.open(encoding=_encoding(encoding), newline="") as file:
        return list(islice(csv.reader(file, delimiter=separator), number))


def _encoding(name: str) -> str:
    """The encoding to open the file with: UTF-8 may start with a byte order mark."""
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name


def _header(path: Path, data: Data, wanted: set[str]) -> tuple[list[str], str]:
    """The column names, and the separator that finds most of the wanted columns."""
    found: list[tuple[list[str], str]] = []
    for separator in SEPARATORS if data.separator == "auto" else (data.separator,):
        rows = first_rows(path, data.encoding, separator, data.header_row)
        above, header = [[], [], *rows][-2:] if len(rows) == data.header_row else ([], [])
        found.append((header_names(header, above), separator))
    return max(found, key=lambda one: (len(wanted.intersection(one[0])), len(one[0])))


def _unparsed(reason: str, header_row: int) -> str:
    """A parser error of pandas or csv in our words."""
    cells = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if cells:
        allowed, row, found = cells.groups()
        return (
            f"row {header_row + int(row)} has {found} cells; allowed: {allowed}, as many as there are "
            "column names (a text with a separator in it needs quotes)"
        )
    if "EOF inside string" in reason:
        return "cannot be read as a .csv file: a quote is opened and not closed"
    return f"cannot be read as a .csv file: {' '.join(reason.split())}"
