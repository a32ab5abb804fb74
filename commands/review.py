"""Say what a change did to the forecasts, and whether that is more than luck.

    python -m commands.review BASE [HEAD]

Both are revisions of Git or names of experiments; without HEAD, it is the workspace. Nothing is read
but what a revision has in Git: parameters, checksums, metrics, sums of errors by fold, and what of it
accepted.yaml says is known to be worse, and why.
"""

import argparse
import sys

from nextsem.review.change import Change
from nextsem.review.review import markdown
from nextsem.review.revisions import Revision
from nextsem.shared.program import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m commands.review")
    parser.add_argument("base", help="what to compare with: main, for example")
    parser.add_argument("head", nargs="?", help="the change; the workspace, if not given")
    parser.add_argument(
        "--fail-if-worse",
        action="store_true",
        help="exit with status 1 if something got worse that accepted.yaml does not accept",
    )
    parser.add_argument(
        "--links", default="", metavar="ADDRESS", help="what the links to the plots start with"
    )
    arguments = parser.parse_args()
    change = Change(Revision.find(arguments.base), Revision.find(arguments.head))
    print(markdown(change, arguments.links), end="")
    if arguments.fail_if_worse and change.not_accepted:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
