"""Read a table of students, and check it.

Whatever is wrong with a table is an `InputError` that names the file, the row as a spreadsheet
counts it (the column names are row 1), and the column.
"""

import codecs
import csv
import re
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem import InputError, workbook
from nextsem.params import Data
from nextsem.students import Students, Texts

STUDENT = "student"  # the column that names a student in a prepared table
CELLS = 2**25  # of a workbook, or of a .csv file whose rows are mostly short
LARGEST = 1e100  # number; the square of a larger one may be too large for a float
SEPARATORS = (",", ";", "\t", "|")
# What a row at the end of a table is called that is no student.
_TOTALS = {
    *("total", "totals", "grand total", "sum", "average", "averages", "mean", "class average"),
    *("summe", "gesamt", "durchschnitt", "mittelwert", "moyenne", "somme", "promedio", "media"),
}
_LOOKED_FOR_TOTALS = 5  # rows, the last ones
_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")


# Reading ----------------------------------------------------------------------


def read(
    path: Path,
    data: Data,
    columns: Sequence[str] | None = None,
    optional: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a table as it stands, .csv or .xlsx.

    Parameters
    ----------
    columns : names, optional
        Those to read. None reads every column.
    optional : names
        Those of `columns` that may be missing, and are left out then; all others must be there.

    Returns
    -------
    pandas.DataFrame
        Indexed by the row as a spreadsheet counts it. The static, group and id columns are text,
        spelt as `data.spellings` says; the semesters and numeric columns are numbers; others are as
        they were found. Empty rows at the end and columns without a name are left out.

    Raises
    ------
    InputError
        The file cannot be read, a column is missing or there twice, a cell is no number where one
        belongs, or a grade is out of range.
    """
    frame = _read_file(path, data, columns, optional)
    words = [mark for mark in data.missing if _as_numbers([mark]).isna().all()]
    for column in frame.columns.intersection([*data.semesters, *data.numeric]):
        # A 0 that is no grade may be a number elsewhere, such as of courses failed.
        marks = data.missing if column in data.semesters else words
        frame[column] = _numbers(path, frame[column], marks, data.decimal)
    for column in frame.columns.intersection([*data.static, *data.groups, *data.id]):
        frame[column] = _names(path, frame[column], data.spellings.get(column, {}))
    for column in frame.columns.intersection(data.numeric):
        large = frame[column][frame[column].abs() > LARGEST]
        if len(large):
            raise InputError(
                f"{path}: row {large.index[0]}, column {column!r}: {large.iloc[0]:g} is too large; "
                f"allowed: up to {LARGEST:g}"
            )
    low, high = data.grade_range
    for column in frame.columns.intersection(data.semesters):
        outside = frame[column][(frame[column] < low) | (frame[column] > high)]
        if len(outside):
            raise InputError(
                f"{path}: row {outside.index[0]}, column {column!r}: {outside.iloc[0]:g} is out of "
                f"range; allowed: {low:g} to {high:g} (data.grade_range)"
            )
    return frame


def read_cells(path: Path, data: Data) -> pd.DataFrame:
    """Read every column that has a name, nothing checked: what stands in the cells, as text.

    Returns
    -------
    pandas.DataFrame
        Indexed by the row as a spreadsheet counts it; "" where a cell is empty.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    frame = _read_file(path, data, None, (), checked=False)
    texts = {
        place: frame.iloc[:, place].map(_name, na_action="ignore").astype(object).fillna("")
        for place in range(frame.shape[1])
    }
    return pd.DataFrame(texts, dtype=str).set_axis(frame.columns, axis=1)


def suffix(path: Path) -> str:
    """The ending of a file that is there and may be a table: .csv or .xlsx."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; allowed: a .csv or an .xlsx file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise InputError(
            f"{path}: cannot be read as a table; allowed: a .csv or an .xlsx file (a spreadsheet "
            "program can save it as one)"
        )
    return ending


def read_students(path: Path, data: Data, to_come: bool = False) -> tuple[pd.DataFrame, int]:
    """Read a table of students: the columns that `data` names, checked.

    Parameters
    ----------
    to_come : whether the last semesters may have no column yet, and groups and ids none at all;
        without an id, the row is the student's name

    Returns
    -------
    students : pandas.DataFrame
        Columns `student`, then the static, group, numeric and semester columns under their own
        names; grades are in grade points, NaN where missing.
    blank : int
        How many rows were left out because every one of these columns was empty.

    Raises
    ------
    InputError
        Besides what `read` refuses: two rows of one student.
    """
    shown = [*data.static, *data.groups, *data.numeric, *data.semesters]
    if STUDENT in shown:
        raise InputError(f"{path}: column '{STUDENT}' is made by us; rename it in the table")
    names = [*data.groups, *(column for column in data.id if column not in data.static)]
    optional = [*data.semesters[1:], *names] if to_come else []
    columns = list(dict.fromkeys([*data.id, *shown]))
    frame = read(path, data, columns, optional)
    if to_come:
        empty = dict.fromkeys(data.semesters, np.nan) | dict.fromkeys(names, "")
        frame = _with_those_to_come(path, frame, data, empty).reindex(columns=columns)
    numbers, texts = [*data.numeric, *data.semesters], [*data.id, *data.static]
    blank = frame[numbers].isna().all(axis=1)
    blank[blank] = (frame.loc[blank, texts] == "").all(axis=1)
    frame = frame[~blank]
    if frame.empty:
        raise InputError(f"{path}: has no row that is filled in below the column names")
    students = frame[shown].copy()
    students.insert(0, STUDENT, _student_names(path, frame, data))
    return students, int(blank.sum())


def _with_those_to_come(
    path: Path, frame: pd.DataFrame, data: Data, empty: dict[str, Any]
) -> pd.DataFrame:
    """A table with empty columns for semesters to come, and what else it does not have."""
    there = [semester in frame for semester in data.semesters]
    known = len(there) - there[::-1].index(True)
    if not all(there[:known]):
        first = data.semesters[there.index(False)]
        raise InputError(
            f"{path}: no column {first!r}, though there is a {data.semesters[known - 1]!r} after it; "
            "allowed: none for semesters to come"
        )
    return frame.assign(**{name: value for name, value in empty.items() if name not in frame})


def numeric_columns(table: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    """The columns that hold nothing but numbers, the `first` ones first, as floats.

    Names made of digits, such as codes and roll numbers, count as numbers here.
    """
    columns = [*first, *(column for column in table if column not in first)]
    found = {}
    for column in columns:
        values = table[column].replace("", None)
        numbers = pd.to_numeric(values, errors="coerce")
        if column in first or (numbers.notna().any() and numbers.notna().eq(values.notna()).all()):
            found[column] = numbers.astype(float)
    return pd.DataFrame(found)


def _read_file(
    path: Path,
    data: Data,
    columns: Sequence[str] | None,
    optional: Sequence[str],
    checked: bool = True,
) -> pd.DataFrame:
    """The cells below the column names, down to the last row that is filled in."""
    read = _read_csv if suffix(path) == ".csv" else _read_excel
    frame = read(path, data, columns, optional, checked)
    frame = frame[: _filled_rows(frame)].copy()
    if frame.empty:
        raise InputError(f"{path}: has no row that is filled in below the column names")
    return frame


def _read_csv(
    path: Path, data: Data, columns: Sequence[str] | None, optional: Sequence[str], checked: bool
) -> pd.DataFrame:
    utf8 = codecs.lookup(data.encoding).name == "utf-8"
    encoding = "utf-8-sig" if utf8 else data.encoding
    try:
        header, separator = _csv_header(path, data, encoding)
        used = _used(path, header, columns, optional)
        _check_short_rows(path, len(header))
        names = {*data.static, *data.groups, *data.id}
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
                dtype={place: str for place in used if header[place] in names},
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
            f"{path}: {_undecoded(path, data)} is not {data.encoding} text; save it as 'CSV UTF-8' "
            "or name its encoding, such as cp1252, in data.encoding"
        ) from None
    except (pd.errors.ParserError, csv.Error, ValueError) as error:
        raise InputError(f"{path}: {_unparsed(str(error), data.header_row)}") from None
    frame.index = pd.RangeIndex(data.header_row + 1, data.header_row + 1 + len(frame))
    frame = frame[: max(0, _filled_rows(frame) - data.footer_rows)]
    if checked:
        _check_end(path, header, frame.iloc[-_LOOKED_FOR_TOTALS:].itertuples(name=None))
    frame = frame[used]
    frame.columns = pd.Index([header[place] for place in used])
    return frame


def is_total(cell: Any) -> bool:
    """Whether a cell says that its row is no student but a total or an average."""
    return isinstance(cell, str) and cell.strip(" :").casefold() in _TOTALS


def _filled_rows(frame: pd.DataFrame) -> int:
    """How many rows there are up to the last one that is filled in."""
    return int(np.flatnonzero(frame.notna().any(axis=1)).max(initial=-1)) + 1


def _check_end(path: Path, header: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Refuse totals and averages among the last rows, each the row's number and its cells."""
    for row, *cells in rows:
        for name, cell in zip(header, cells, strict=False):
            if is_total(cell):
                raise InputError(
                    f"{path}: row {row}, column {_shown(name)}: {_shown(cell)} is no student; say in "
                    "data.footer_rows how many rows at the end are none"
                )


def _check_short_rows(path: Path, columns: int) -> None:
    """Refuse a small file that becomes a huge table: pandas fills short rows up."""
    size, rows = path.stat().st_size, 0
    if size * columns <= CELLS:
        return
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            rows += chunk.count(b"\n") + chunk.count(b"\r")
    if rows * columns > CELLS + 4 * size:  # a row that is not short has a byte for each cell
        raise InputError(
            f"{path}: has {columns} column names and {rows} rows, most with far fewer cells; "
            "allowed: a cell, if empty, for each column"
        )


def _undecoded(path: Path, data: Data) -> str:
    """The first text that the encoding cannot explain, and its row."""
    try:
        with path.open(encoding=data.encoding, errors="replace", newline="") as file:
            for row, line in enumerate(file, 1):
                place = line.find("\N{REPLACEMENT CHARACTER}")
                if place >= 0:
                    return f"row {row}, {_shown(line[max(place - 20, 0) : place + 20])},"
    except UnicodeError as error:
        return f"row 1 ({error})"
    return "the last row"


def _unparsed(reason: str, header_row: int) -> str:
    """What pandas says of a table that it cannot read, in our words."""
    cells = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if cells:
        allowed, row, found = cells.groups()
        return (
            f"row {header_row + int(row)} has {found} cells; allowed: {allowed}, as many as there are "
            "column names (a text with a separator in it needs quotes)"
        )
    quote = re.search(r"EOF inside string starting at row (\d+)", reason)
    if quote:
        return "cannot be read as a .csv file: a quote is opened and not closed"
    reason = " ".join(reason.removeprefix("Error tokenizing data. C error: ").split())
    return f"cannot be read as a .csv file: {reason}"


def _csv_header(path: Path, data: Data, encoding: str) -> tuple[list[str], str]:
    """The column names, and the separator: the one that finds the columns that are looked for."""
    wanted = {*data.semesters, *data.static, *data.groups, *data.numeric, *data.id}
    separators = SEPARATORS if data.separator == "auto" else (data.separator,)
    found: list[tuple[list[str], str]] = []
    for separator in separators:
        with path.open(encoding=encoding, newline="") as file:
            rows = enumerate(csv.reader(file, delimiter=separator), 1)
            try:
                read = dict(deque(islice(rows, data.header_row), maxlen=2))
            except csv.Error:  # a text of more than 131072 characters, if it is one
                read = {}
        header, above = read.get(data.header_row, []), read.get(data.header_row - 1, [])
        found.append((header_names(header, above), separator))
    names, separator = max(found, key=lambda one: (len(wanted.intersection(one[0])), len(one[0])))
    return _checked_header(path, data, names), separator


def header_names(header: Sequence[Any], above: Sequence[Any]) -> list[str]:
    """The columns' names. One without has that of the row above, if names stand there: a cell merged
    downwards. Those of the same name are numbered: SGPA (1), SGPA (2)."""
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


def _checked_header(path: Path, data: Data, names: list[str]) -> list[str]:
    if not any(names):
        raise InputError(f"{path}: row {data.header_row} is empty; allowed: the column names")
    if len(names) > workbook.COLUMNS:
        raise InputError(
            f"{path}: has {len(names)} columns; allowed: {workbook.COLUMNS}, as many as Excel has"
        )
    return names


def _read_excel(
    path: Path, data: Data, columns: Sequence[str] | None, optional: Sequence[str], checked: bool
) -> pd.DataFrame:
    import openpyxl  # here, because a .csv needs none of it

    try:
        looked = workbook.look_through(path, data.header_row)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they tell what openpyxl cannot write back
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                sheet = _sheet(path, data, book.worksheets)
                header = _excel_header(path, data, sheet)
                used = _used(path, header, columns, optional)
                look = looked[sheet._worksheet_path]
                names = {place + 1: header[place] for place in used}
                size = (look.last_row - data.header_row) * len(header)
                if size > CELLS:  # openpyxl fills up short rows
                    raise InputError(
                        f"{path}: has {size:,} cells; allowed: {CELLS:,}; save it as .csv"
                    )
                if checked:
                    _check_sheet(path, data, look, names)
                rows = islice(
                    sheet.iter_rows(
                        min_row=data.header_row + 1, max_col=len(header), values_only=True
                    ),
                    max(0, look.last_row - data.footer_rows - data.header_row),
                )
                cells, end = [], deque[tuple[Any, ...]](maxlen=_LOOKED_FOR_TOTALS)
                for number, row in enumerate(rows, data.header_row + 1):
                    cells.append([row[place] for place in used])
                    end.append((number, *row))
                if checked:
                    _check_end(path, header, end)
    except InputError:
        raise
    except Exception as error:  # openpyxl has no error of its own: a broken file raises anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as an .xlsx file: {reason}") from None
    # Of objects: as floats, long ids would be others.
    frame = pd.DataFrame(cells, columns=pd.Index(names.values()), dtype=object)
    frame.index = pd.RangeIndex(data.header_row + 1, data.header_row + 1 + len(frame))
    return frame


def _sheet(path: Path, data: Data, sheets: Sequence[Any]) -> Any:
    """The sheet that is looked for."""
    named = {sheet.title: sheet for sheet in sheets}
    if data.sheet and data.sheet not in named:
        found = ", ".join(map(_shown, islice(named, 20)))
        raise InputError(f"{path}: no sheet {data.sheet!r}; found: {found} (data.sheet)")
    if not named:
        raise InputError(f"{path}: holds no sheet of cells")
    sheet = named[data.sheet] if data.sheet else sheets[0]
    sheet.reset_dimensions()  # some programs write down a size that is too small
    return sheet


def _excel_header(path: Path, data: Data, sheet: Any) -> list[str]:
    first = max(1, data.header_row - 1)
    rows = sheet.iter_rows(min_row=first, max_row=data.header_row, values_only=True)
    read = dict(enumerate(rows, first))
    header = header_names(read.get(data.header_row, ()), read.get(data.header_row - 1, ()))
    while header and not header[-1]:
        header.pop()
    return _checked_header(path, data, header)


def _check_sheet(path: Path, data: Data, look: workbook.Outline, used: dict[int, str]) -> None:
    """Refuse cells that only look empty to openpyxl; `used` are names of columns, A being 1."""
    from openpyxl.utils.cell import range_boundaries

    last = look.last_row - data.footer_rows
    for column in look.uncalculated.keys() & used.keys():
        if look.uncalculated[column] > last:
            continue
        raise InputError(
            f"{path}: row {look.uncalculated[column]}, column {used[column]!r}: is a formula that "
            "was never calculated; open the file in a spreadsheet program, and save it"
        )
    for cells_merged in look.merged:
        left, top, right, bottom = range_boundaries(cells_merged)
        for column, name in used.items():
            if left <= column <= right and bottom > data.header_row and top <= last:
                raise InputError(
                    f"{path}: cells {cells_merged}, column {name!r}: are merged; allowed: below the "
                    "column names a cell for each value"
                )


def _used(
    path: Path, header: list[str], columns: Sequence[str] | None, optional: Sequence[str]
) -> list[int]:
    """The places of the columns that are looked for, or of all that have a name; each once."""
    looked_for = dict.fromkeys(columns if columns is not None else filter(None, header))
    times = Counter(header)
    for name in looked_for:
        if not times[name]:
            numbered = re.compile(re.escape(name) + r" \(\d+\)")
            places = [place for place, each in enumerate(header, 1) if numbered.fullmatch(each)]
            if len(places) > 1:
                raise InputError(
                    f"{path}: column {_shown(name)} stands {len(places)} times (columns "
                    f"{', '.join(map(str, places[:20]))}); allowed: once, or say which: "
                    f"{_shown(header[places[0] - 1])} and so on"
                )
            if name in optional:
                continue
            found = ", ".join(_shown(column) for column in header[:20])
            more = f" and {len(header) - 20} more" if len(header) > 20 else ""
            raise InputError(f"{path}: no column {_shown(name)}; found: {found}{more}")
        if times[name] > 1:
            places = [place + 1 for place, column in enumerate(header) if column == name]
            raise InputError(
                f"{path}: column {_shown(name)} stands {len(places)} times (columns "
                f"{', '.join(map(str, places[:20]))}); allowed: once"
            )
    return [place for place, name in enumerate(header) if name in looked_for]


def _numbers(path: Path, column: pd.Series, missing: Sequence[str], decimal: str) -> pd.Series:
    """A column as numbers, NaN where it says that there is none."""
    if pd.api.types.is_numeric_dtype(column) and column.dtype != bool:
        values, given = column.astype(float), column.notna()
    else:
        column = column.astype(object)  # also a column of dates
        # A whole number in a workbook may be too long for a float: it stays a text, and is refused.
        typed = column.map(
            lambda cell: type(cell) is float or (type(cell) is int and abs(cell) < LARGEST)
        )
        texts = column.mask(typed).map(_cell_text, na_action="ignore").astype(str)
        texts = texts.mask(texts.isin(["", *missing]))
        values = column.where(typed).astype(float)
        values = values.fillna(parsed(texts, decimal, alone=bool(values.isna().all())))
        given = texts.notna() | values.notna()
    marked = values.isin(_as_numbers(missing).dropna())
    values, given = values.mask(marked), given & ~marked
    wrong = column[given & ~np.isfinite(values)]
    if len(wrong):
        raise InputError(
            f"{path}: row {wrong.index[0]}, column {column.name!r}: {_shown(wrong.iloc[0])} is not a "
            "number; allowed: a number, an empty cell or one of data.missing"
        )
    return values


def _as_numbers(marks: Sequence[str]) -> pd.Series:
    """Marks as numbers, NaN where one is none."""
    return pd.to_numeric(pd.Series(marks, dtype=object), errors="coerce")


def parsed(texts: pd.Series, decimal: str, alone: bool = True) -> pd.Series:
    """Texts as numbers, NaN where one is none.

    Parameters
    ----------
    decimal : the decimal sign, or `auto` to find it out
    alone : whether there are no other numbers in the column. Then all may have the same sign behind
        them, % or the highest grade, as in 7.5/10; it is left out
    """
    signs = texts.str.extract(r"\d\s*(%|/\s*\d+)$", expand=False)
    if alone and signs.nunique() == 1:
        bare = texts.str.replace(r"\s*(?:%|/\s*\d+)$", "", regex=True)
        without_sign = parsed(texts.mask(signs.notna()), decimal)
        if without_sign.isna().all():
            texts = bare
    if decimal == "auto":
        commas = texts.str.fullmatch(r"[+-]?\d+,\d+", na=False).any()
        points = texts.str.fullmatch(r"[+-]?\d+\.\d+", na=False).any()
        decimal = "," if commas and not points else "."
    if decimal == ",":
        foreign = texts.str.contains(".", regex=False, na=False)
        texts = texts.str.replace(",", ".", regex=False).mask(foreign)
    return pd.to_numeric(texts, errors="coerce").astype(float)


def _names(path: Path, column: pd.Series, spellings: dict[str, str]) -> pd.Series:
    """A column as names, "" where empty; a number that a gap turned into 115.0 is 115 again."""
    places, found = pd.factorize(column)
    names = [*map(_name, np.asarray(found, dtype=object)), ""]  # an empty cell's place is -1
    if not _ERRORS.isdisjoint(names) or _NO_TEXT.search("".join(names)):
        wrong = [name in _ERRORS or bool(_NO_TEXT.search(name)) for name in names]
        row = column.index[np.array(wrong)[places]][0]
        raise InputError(
            f"{path}: row {row}, column {column.name!r}: {_shown(column[row])} is not a name; "
            "allowed: printable text, or an empty cell"
        )
    spelt = np.array([spellings.get(name, name) for name in names], dtype=object)
    return pd.Series(spelt[places], index=column.index, dtype=str)


def _name(cell: Any) -> str:
    text = _cell_text(cell)
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def _cell_text(cell: Any) -> str:
    """A cell as text; a line end in it is the same on every system."""
    text = str(cell).strip()
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _header_text(cell: Any) -> str:
    """A column name; one that wraps in its cell, or has a mark of UTF before it, is the same."""
    return " ".join(
        ("" if cell is None else str(cell)).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split()
    )


def _shown(cell: Any) -> str:
    shown = repr(_cell_text(cell))
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _student_names(path: Path, frame: pd.DataFrame, data: Data) -> pd.Series:
    """What to call each student: what is filled in of static columns and ids, else the row."""
    names, nameless = pd.Series("", index=frame.index), np.ones(len(frame), dtype=bool)
    for column in dict.fromkeys([*data.static, *data.id]):
        filled = (frame[column] != "").to_numpy()
        joined = names.where(names == "", names + "/") + frame[column]
        names = joined if filled.all() else names.where(~filled, joined)
        if column in data.id and column not in data.static:
            nameless &= ~filled
    if nameless.any():
        rows = pd.Series([f"row {row}" for row in frame.index], index=frame.index)
        names = names.mask(nameless, rows)
    repeated = names.duplicated()
    if repeated.any():
        name = names[repeated].iloc[0]
        first, second = names.index[names == name][:2]
        raise InputError(
            f"{path}: rows {first} and {second} are both student {_shown(name)}; allowed: one row a "
            "student, named by the columns of data.id"
        )
    return names


def students(frame: pd.DataFrame, data: Data) -> Students:
    """The rows of a prepared table as arrays."""
    return Students(
        names=frame[STUDENT].to_numpy(dtype=str),
        grades=frame[data.semesters].to_numpy(dtype=float),
        static=_texts(frame, data.static),
        numeric=frame[data.numeric].to_numpy(dtype=float),
        groups=_texts(frame, data.groups),
    )


def _texts(frame: pd.DataFrame, columns: list[str]) -> Texts:
    """[students, columns], also of nobody."""
    texts = frame[columns].fillna("").to_numpy(dtype=str)
    return texts.reshape(len(frame), len(columns))


def read_prepared(path: Path, data: Data) -> Students:
    """Read back a table that `write_csv` wrote from `read_students`."""
    texts = [STUDENT, *data.static, *data.groups]
    numbers = [*data.numeric, *data.semesters]
    try:
        frame = pd.read_csv(
            path,
            usecols=[*texts, *numbers],
            dtype=dict.fromkeys(texts, str) | dict.fromkeys(numbers, float),
            keep_default_na=False,
            na_values={column: [""] for column in numbers},
        )
        if np.isinf(frame[numbers].to_numpy()).any():
            raise ValueError("inf is no number")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro prepare` makes it") from None
    except (pd.errors.ParserError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: is not as params.yaml has it ({reason}); `dvc repro prepare` makes it anew"
        ) from None
    return students(frame, data)
