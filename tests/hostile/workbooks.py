"""Workbooks made by hand, so that they can hold what no program writes."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SHEET = "xl/worksheets/sheet1.xml"
DATE = 1  # the style of a date


def parts(sheet_data: str, after: str = "", calculate: bool = False) -> dict[str, str]:
    """The parts of a workbook with one sheet, by name; `calculate`: its values are yet to come."""
    calculation = '<calcPr fullCalcOnLoad="1"/>' if calculate else ""
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/{SHEET}" ContentType="{_TYPE}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/>'
        "</Types>",
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId3" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        '<sheets><sheet name="Grades" sheetId="1" r:id="rId1"/></sheets>'
        f"{calculation}</workbook>",
        "xl/styles.xml": f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts><font/></fonts>'
        "<fills><fill><patternFill/></fill></fills><borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>"
        '<cellXfs><xf/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f'{_HEAD}<sst xmlns="{_MAIN}"><si><t>shared</t></si></sst>',
        SHEET: f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{sheet_data}</sheetData>'
        f"{after}</worksheet>",
    }


def packed(parts: dict[str, str] | dict[str, bytes]) -> bytes:
    """Parts as a workbook, the same bytes each time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        for name, part in parts.items():
            book.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def rows(table: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Rows of cells, each a pair of what the cell says of itself and what is in it, as XML."""
    return "".join(
        f'<row r="{number}">'
        + "".join(
            f'<c r="{chr(65 + place)}{number}"{attributes}>{content}</c>'
            for place, (attributes, content) in enumerate(row)
        )
        + "</row>"
        for number, row in enumerate(table, 1)
    )


def text(value: str) -> tuple[str, str]:
    """A cell that holds a text."""
    return ' t="inlineStr"', f'<is><t xml:space="preserve">{escape(value)}</t></is>'


def number(value: object) -> tuple[str, str]:
    """A cell that holds a number."""
    return "", f"<v>{value}</v>"


def formula(value: tuple[str, str]) -> tuple[str, str]:
    """A cell that holds a formula, with what it gives, ("", "") being nothing."""
    return value[0], f"<f>A1+1</f>{value[1]}"
