"""Look at a strange table, and propose what params.yaml is to say of it.

    python -m stages.describe data/raw/mine.xlsx            prints the groups to paste
    python -m stages.describe data/raw/mine.xlsx --write    writes them to params.yaml

Whatever is proposed is a guess: read what there is to check, and what `git diff` shows.
"""

import argparse
import re
from pathlib import Path

from nextsem import InputError, params
from nextsem.description import Description, describe
from nextsem.files import whole_files
from nextsem.params import Params


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.describe", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("table", type=Path, help="students, .csv or .xlsx")
    parser.add_argument("--sheet", default="", help="of a workbook, if it is not to be looked for")
    parser.add_argument("--write", action="store_true", help="write to params.yaml")
    arguments = parser.parse_args()

    parameters = params.load()
    path = inside(arguments.table)
    found = describe(path, arguments.sheet, parameters.data, parameters.evaluate.at_risk_below)
    values, why = proposed(found, parameters)
    text = params.FILE.read_text(encoding="utf-8")
    text = params.with_values(text, values, why, str(params.FILE))

    title = f"Proposed for {path}. Check:"
    remarks = "\n".join(f"# - {remark}" for remark in found.check)
    if arguments.write:
        with whole_files() as place:
            place(params.FILE).write_text(text, encoding="utf-8")
        print(
            f"# {title}\n{remarks}\n# Written to {params.FILE}; `git diff {params.FILE}` shows it."
        )
    else:
        groups = [
            group_of(text, group) for group in dict.fromkeys(key.split(".")[0] for key in values)
        ]
        print(f"# {title}\n{remarks}\n# Each group is to take the place of the one of its name in")
        print(f"# {params.FILE}.\n\n" + "\n\n".join(groups))


def inside(path: Path) -> Path:
    """The path as seen from the root of the project, in which DVC looks for it."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        raise InputError(f"{path}: is outside of the project; copy it to data/raw first") from None


def proposed(found: Description, parameters: Params) -> tuple[dict[str, object], dict[str, str]]:
    """What is to change in the parameter file, by its keys, and why."""
    values: dict[str, object] = {
        f"data.{key}": [int(end) if end == int(end) else end for end in value]
        if key == "grade_range"
        else value
        for key, value in found.data.model_dump().items()
    }
    why = {f"data.{key}": reason for key, reason in found.why.items()}
    by = "No static column has enough students in each category."
    if found.by is not None:
        by = "A static column with enough students in each category."
    for group, before in (
        ("crossvalidate", parameters.crossvalidate.by),
        ("intervals", parameters.intervals.by),
    ):
        if before != found.by:
            values[f"{group}.by"], why[f"{group}.by"] = found.by, by
    if parameters.evaluate.at_risk_below != found.line:
        worse = "above" if found.data.lower_is_better else "below"
        values["evaluate.at_risk_below"] = found.line
        why["evaluate.at_risk_below"] = (
            f"{found.worse:.0%} of the grades of the {found.data.semesters[-1]} are {worse} it. Take the "
            "line that matters at your place, such as the one to pass."
        )
    return values, why


def group_of(text: str, name: str) -> str:
    """A group of a parameter file, with its comments."""
    start = re.search(rf"^{name}:", text, re.MULTILINE)
    rest = text[start.start() :] if start else ""
    end = re.search(r"\n+(?=[^\s])", rest)
    return rest[: end.start()] if end else rest.rstrip("\n")


if __name__ == "__main__":
    main()
