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
    """The column names, and the cells below them as pandas finds them; the columns are numbered.

    Columns of `texts`, or all if None, hold text, whatever it looks like. `used` gives the places
    of the columns that will be used, or refuses the column names.
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
            # Not by pandas: what it skips may be another row when lines end in another way.
            for _ in islice(csv.reader(file, delimiter=separator), data.header_row):
                pass
            frame = pd.read_csv(
                file,
                sep=separator,
                header=None,
                # All columns, not only the used ones: just then are too many cells refused.
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
    except pd.errors.ParserWarning:  # it would cut them off
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
    """The frame, indexed by the row as a spreadsheet counts it."""
    return frame.set_axis(pd.RangeIndex(data.header_row + 1, data.header_row + 1 + len(frame)))


def _read_plain(
    path: Path, data: Data, width: int, separator: str, places: list[int], as_text: list[int]
) -> pd.DataFrame | None:
    """The cells by pyarrow, which is faster, with each different text once; None if it cannot.

    What is wrong then is for pandas to say. So it is with quotes: of one that is opened and not
    closed, pyarrow says nothing. Columns that will not be used hold text.
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
                use_threads=False,  # they gain nothing where all is text
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
    """UTF-8 may have a mark before it."""
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name


def _header(path: Path, data: Data, wanted: set[str]) -> tuple[list[str], str]:
    """The column names, and the separator: the one that finds the columns that are looked for."""
    found: list[tuple[list[str], str]] = []
    for separator in SEPARATORS if data.separator == "auto" else (data.separator,):
        rows = first_rows(path, data.encoding, separator, data.header_row)
        above, header = [[], [], *rows][-2:] if len(rows) == data.header_row else ([], [])
        found.append((header_names(header, above), separator))
    return max(found, key=lambda one: (len(wanted.intersection(one[0])), len(one[0])))


def _unparsed(reason: str, header_row: int) -> str:
    """What pandas says of a table that it cannot read, in our words."""
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
