"""Look through an .xlsx workbook before it is read.

It is a zip archive of XML files, its parts. A small archive can unpack to more than a machine's
memory; and openpyxl, which reads it, takes cells for empty that are not: a formula that nothing has
calculated, and all but the first of merged cells.
"""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

ROWS, COLUMNS = 1_048_576, 16_384  # of a sheet: as many as Excel has
UNPACKED = 256 * 2**20  # bytes of all parts: a sheet of some eight million cells
_CHUNK = 2**16

# Elements that openpyxl keeps at a time: all but those of the rows and texts that it is done with.
_ELEMENTS = 2**18
_ELEMENTS_UNREAD = 2**22  # of parts that grow with a table, which it leaves alone
_TEXTS = 2**22  # shared by cells
_FORMAT = 1000  # characters of a number format; Excel takes 255


def _named(name: str) -> str:
    return f"http://schemas.openxmlformats.org/spreadsheetml/2006/main {name}"


_ROW, _CELL, _VALUE, _INLINE = map(_named, ("row", "c", "v", "is"))
_FORMULA, _TEXT = map(_named, ("f", "si"))
_MERGED, _NUMBER_FORMAT, _CALCULATION = map(_named, ("mergeCell", "numFmt", "calcPr"))
_UNREAD = {*map(_named, ("calcChain", "comments", "pivotCacheRecords"))}


@dataclass
class Outline:
    """What openpyxl does not tell of a sheet.

    Attributes
    ----------
    last_row : the last row with a value in it
    formulas : for each column the first row below the column names that holds a formula
    uncalculated : the same of formulas without a value
    merged : where groups of merged cells are, such as A2:A5
    """

    last_row: int = 0
    formulas: dict[int, int] = field(default_factory=dict)
    uncalculated: dict[int, int] = field(default_factory=dict)
    merged: list[str] = field(default_factory=list)


def look_through(path: Path, header_row: int) -> dict[str, Outline]:
    """Every part of a workbook by its name, as far as it is a sheet.

    Raises
    ------
    ValueError
        It is no workbook, or would fill the memory.
    """
    sheets, unpacked, to_calculate = {}, 0, False
    with zipfile.ZipFile(path) as book:
        for part in book.infolist():
            # Python unpacks these in steps of a bounded size, and others not.
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{part.filename!r} in it is not packed as in an .xlsx file")
            look = _Look(header_row)
            with book.open(part) as content:
                while chunk := content.read(_CHUNK):
                    unpacked += len(chunk)
                    if unpacked > UNPACKED:
                        raise ValueError(
                            f"it unpacks to more than {UNPACKED // 2**20} MiB; save it as .csv"
                        )
                    look.at(chunk)
            sheets[part.filename] = look.sheet
            to_calculate |= look.to_calculate
    for sheet in sheets.values() if to_calculate else ():
        sheet.uncalculated = sheet.formulas
    return sheets


class _Look:
    """A look at one part, piece by piece.

    Attributes
    ----------
    to_calculate : whether its values are not calculated yet, but to be when a program opens it
    """

    def __init__(self, header_row: int) -> None:
        self.sheet, self.to_calculate = Outline(), False
        self._header_row = header_row
        self._depth = self._row = self._elements = self._texts = 0
        self._most = _ELEMENTS
        self._cell, self._after = "", 0  # the last cell that says where it is, and how many since
        self._formula = self._value = False
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._broken = False

    def at(self, chunk: bytes) -> None:
        """Look at the next piece."""
        try:
            if not self._broken:
                self._parser.Parse(chunk)
        except expat.ExpatError:  # a picture, or broken: openpyxl says so if it needs this part
            self._broken = True

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._elements > self._most:
            raise ValueError(f"it holds more than {self._most:,} elements beside rows of cells")
        if name == _CELL:
            self._cell = attributes.get("r", self._cell)
            self._after = 0 if "r" in attributes else self._after + 1
            # A formula that gives an empty text says that it gives a text.
            self._formula, self._value = False, attributes.get("t") == "str"
        elif name in (_VALUE, _INLINE):
            self.sheet.last_row = self._row
            if self._formula:
                self._parser.CharacterDataHandler = self._text
        elif name == _FORMULA:
            self._formula = True
        elif name == _ROW and self._depth == 3:
            self._start_row(attributes)
        elif name == _MERGED:
            self.sheet.merged.append(attributes.get("ref", ""))
        elif name == _NUMBER_FORMAT and len(attributes.get("formatCode", "")) > _FORMAT:
            raise ValueError(f"a number format is longer than {_FORMAT} characters")
        elif self._depth == 1 and name in _UNREAD:
            self._most = _ELEMENTS_UNREAD
        elif name == _CALCULATION:
            self.to_calculate = attributes.get("fullCalcOnLoad") in ("1", "true")

    def _start_row(self, attributes: dict[str, str]) -> None:
        row = int(float(attributes.get("r", self._row + 1)))
        if not self._row < row <= ROWS:
            raise ValueError(
                f"row {row} comes after row {self._row}; allowed: in order, and up to {ROWS}"
            )
        self._row, self._cell, self._after = row, "", 0

    def _text(self, text: str) -> None:
        self._value = True

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == _CELL:
            if self._formula:
                self._parser.CharacterDataHandler = None
                self._formula_cell()
        elif (name == _ROW and self._depth == 2) or (name == _TEXT and self._depth == 1):
            self._elements = 0
            self._texts += name == _TEXT
            if self._texts > _TEXTS:
                raise ValueError(f"it holds more than {_TEXTS:,} texts")

    def _formula_cell(self) -> None:
        from openpyxl.utils.cell import coordinate_to_tuple

        column = (coordinate_to_tuple(self._cell)[1] if self._cell else 0) + self._after
        if self._row > self._header_row:
            self.sheet.last_row = self._row
            self.sheet.formulas.setdefault(column, self._row)
            if not self._value:
                self.sheet.uncalculated.setdefault(column, self._row)

    def _refuse(self, *_: object) -> None:
        raise ValueError("it holds a document type, as no .xlsx file does")
