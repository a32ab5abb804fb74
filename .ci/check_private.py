#!/usr/bin/env python3
"""Refuse files that look like somebody's grades: `.ci/check_private.py FILE ...`, before each commit.

Refused are files of tables and workbooks, also by another name; lines in sequence that look like rows of
a table, in any text; and plots' data with a row for each student.
"""

import re
import sys
from itertools import pairwise
from pathlib import Path

TABLES = re.compile(
    r"\.(csv|tsv|tab|xls\w*|ods|parquet|feather|rda|rds|sav|dta|sqlite|db|zip|gz)$", re.I
)
IN_DATA = re.compile(r"(dvc\.yaml|dvc\.lock|\.gitignore|.+\.dvc)$")
CONTAINERS = (b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0", b"SQLite format", b"\x1f\x8b")
OF_ONE_STUDENT = {"student", "actual", "forecast", "residual"}
ROWS = 3  # in sequence, that are taken for a table
NUMBER = re.compile(r"\s*\"?-?\d+([.,]\d+)?\"?\s*")
CODE = re.compile(r"[][(){}=]")


def main() -> None:
    found = {name: reason for name in sys.argv[1:] if (reason := refused(Path(name)))}
    for name, reason in found.items():
        print(f"{name}: {reason}; keep it out of Git", file=sys.stderr)
    sys.exit(bool(found))


def refused(path: Path) -> str | None:
    """Why a file may not be committed, if it may not."""
    plot = path.suffix == ".csv" and path.parent.as_posix() == "metrics/plots"
    if TABLES.search(path.name) and not plot:
        return "is a table, or may hold one"
    if path.parts[0] == "data" and not IN_DATA.match(path.name):
        return "only what DVC needs of data/ is in Git"
    content = path.read_bytes() if path.is_file() else b""
    if content.startswith(CONTAINERS):
        return "is a table or an archive by another name"
    lines = content.decode("utf-8", errors="replace").splitlines()
    if plot:
        named = OF_ONE_STUDENT & {cell.lower() for cell in lines[0].split(",")} if lines else set()
        return f"has a column {named.pop()!r}, so rows of single students" if named else None
    for separator in ",;\t":
        cells = [row(line, separator) for line in lines]
        run = 1
        for number, (before, here) in enumerate(pairwise(cells), 2):
            run = run + 1 if here and here == before else 1
            if run == ROWS:
                return f"lines {number - ROWS + 1} to {number} look like rows of a table"
    return None


def row(line: str, separator: str) -> int:
    """How many cells a line has, if it looks like a row of grades; else 0."""
    cells = [] if CODE.search(line) else line.split(separator)
    filled = sum(bool(cell.strip()) for cell in cells)
    return len(cells) if filled > 1 and any(map(NUMBER.fullmatch, cells)) else 0


if __name__ == "__main__":
    main()
