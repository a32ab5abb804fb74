"""Review the effect of a change on the forecasts, and whether it is more than chance.

    python -m commands.review BASE [HEAD]

BASE and HEAD are Git revisions or names of experiments; HEAD defaults to the workspace. Only files
in Git are read: parameters, checksums, metrics, sums of errors by fold, and accepted.yaml, which
lists what is accepted as worse, and why.
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
        "--links", default="", metavar="ADDRESS", help="prefix of the links to the plots"
    )
    arguments = parser.parse_args()
    change = Change(Revision.find(arguments.base), Revision.find(arguments.head))
    print(markdown(change, arguments.links), end="")
    if arguments.fail_if_worse and change.not_accepted:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
