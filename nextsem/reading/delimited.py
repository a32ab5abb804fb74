"""Read the cells of a .csv file."""

import codecs
import csv
import re
import warnings
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pandas as pd

from nextsem.reading.cells import header_names
from nextsem.shared.errors import InputError
from nextsem.shared.params import Data

SEPARATORS = (",", ";", "\t", "|")


def read(
    path: Path, data: Data, texts: set[str], used: Callable[[list[str]], list[int]]
) -> tuple[list[str], pd.DataFrame]:
    """The column names, and the cells below them as pandas finds them; the columns are numbered.

    Parameters
    ----------
    texts : columns that hold text, whatever it looks like
    used : gives the places of the columns that will be used, or refuses the column names

    Raises
    ------
    InputError
        The file cannot be read.
    """
    utf8 = codecs.lookup(data.encoding).name == "utf-8"
    encoding = "utf-8-sig" if utf8 else data.encoding
    try:
        header, separator = _header(path, data, encoding, texts | {*data.grade_columns})
        places = used(header)
        with path.open(encoding=encoding, newline="") as file, warnings.catch_warnings():
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
                # As text. As categories, pandas would take 007 for 7.
                dtype={place: str for place in places if header[place] in texts},
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
    frame.index = pd.RangeIndex(data.header_row + 1, data.header_row + 1 + len(frame))
    return header, frame


def _header(path: Path, data: Data, encoding: str, wanted: set[str]) -> tuple[list[str], str]:
    """The column names, and the separator: the one that finds the columns that are looked for."""
    found: list[tuple[list[str], str]] = []
    for separator in SEPARATORS if data.separator == "auto" else (data.separator,):
        with path.open(encoding=encoding, newline="") as file:
            rows = enumerate(csv.reader(file, delimiter=separator), 1)
            read = dict(deque(islice(rows, data.header_row), maxlen=2))
        header, above = read.get(data.header_row, []), read.get(data.header_row - 1, [])
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
