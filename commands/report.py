"""Write a report of a run, or of a change and its effect: one self-contained HTML file.

    python -m commands.report [BASE [HEAD]]

With BASE, it starts with the output of `commands.review`. Grades of real students are shown only
with --with-grades; store such a page only where grades may be.
"""

import argparse
from pathlib import Path

from nextsem.review.report import page
from nextsem.review.revisions import Revision
from nextsem.shared.files import whole_files
from nextsem.shared.program import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m commands.report")
    parser.add_argument("base", nargs="?", help="what to compare with: main, for example")
    parser.add_argument("head", nargs="?", help="what to show; the workspace, if not given")
    parser.add_argument("--output", type=Path, default=Path("report.html"))
    parser.add_argument(
        "--with-grades", action="store_true", help="also show grades of real students"
    )
    arguments = parser.parse_args()
    base = Revision.find(arguments.base) if arguments.base else None
    text = page(base, Revision.find(arguments.head), arguments.with_grades)
    with whole_files() as place:
        place(arguments.output).write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {len(text) / 1e6:.1f} MB; open it in a browser")


if __name__ == "__main__":
    run(main)
