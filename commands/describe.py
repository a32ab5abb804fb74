"""Inspect a table, and propose how params.yaml should describe it.

    python -m commands.describe data/raw/mine.xlsx            prints the groups to paste
    python -m commands.describe data/raw/mine.xlsx --write    writes them to params.yaml

The proposal is a guess: read what to check, and what `git diff` shows.
"""

import argparse
import re
from pathlib import Path

from nextsem.reading.description import Description, describe
from nextsem.shared import params
from nextsem.shared.errors import InputError
from nextsem.shared.files import whole_files
from nextsem.shared.program import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m commands.describe", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("table", type=Path, help="students, or their transcripts, .csv or .xlsx")
    parser.add_argument("--sheet", default="", help="sheet of a workbook; searched for by default")
    parser.add_argument("--write", action="store_true", help="write to params.yaml")
    arguments = parser.parse_args()

    parameters = params.load()
    try:
        path = arguments.table.resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        raise InputError(
            f"{arguments.table}: is outside the project; copy it to data/raw"
        ) from None
    found = describe(path, arguments.sheet, parameters.data, parameters.evaluate.at_risk_below)
    values, why = proposed(found)
    text = params.with_values(params.FILE.read_text("utf-8"), values, why, str(params.FILE))
    print(f"# Proposed for {path}, a guess.")
    for title, remarks in (
        ("To correct in the table first", found.remarks.mend),
        ("Check", found.remarks.check),
    ):
        print(
            "".join(f"# {title}:\n" * bool(remarks)) + "".join(f"# - {each}\n" for each in remarks),
            end="",
        )
    if arguments.write:
        with whole_files() as place:
            place(params.FILE).write_text(text, encoding="utf-8")
        print(f"# Written to {params.FILE}; `git diff {params.FILE}` shows it.")
    else:
        print(f"# Replace the groups of the same names in {params.FILE} by these.")
        for group in dict.fromkeys(key.partition(".")[0] for key in values):
            found_group = re.search(rf"^{group}:.*\n((  .*)?\n)*", text, re.MULTILINE)
            print("\n" + (found_group[0] if found_group else "").rstrip())


def proposed(found: Description) -> tuple[dict[str, object], dict[str, str]]:
    """Proposed values by key of params.yaml, and reasons for them."""
    values = {f"data.{key}": value for key, value in found.data.model_dump().items()}
    values["data.grade_range"] = [
        int(end) if end == int(end) else end for end in found.data.grade_range
    ]
    why = {f"data.{key}": reason for key, reason in found.remarks.why.items()}
    enough = "No static column has" if found.by is None else "A static column with"
    for key in ("crossvalidate.by", "intervals.by"):
        values[key], why[key] = found.by, f"{enough} enough students in each category."
    worse = "above" if found.data.lower_is_better else "below"
    values["evaluate.at_risk_below"] = found.line
    why["evaluate.at_risk_below"] = (
        f"{found.worse:.0%} of the grades are {worse} it. Take the threshold that matters to you, "
        "such as the passing grade."
    )
    return values, why


if __name__ == "__main__":
    run(main)
