"""List all experiments, best first, and whether each is more than luck against one revision.

    python -m commands.leaderboard [BASE]

BASE is main unless another revision or experiment is named.
"""

import argparse

from nextsem.review.leaderboard import markdown
from nextsem.review.revisions import Revision, experiments
from nextsem.shared.program import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m commands.leaderboard")
    parser.add_argument("base", nargs="?", default="main", help="compare with this; default: main")
    base = Revision.find(parser.parse_args().base)
    print(markdown(base, experiments()), end="")


if __name__ == "__main__":
    run(main)
