"""All experiments, best first, and whether each is more than luck against the workspace.

    python -m stages.leaderboard [BASE]

The best of many tries looks better than it is, so the p-values are corrected for how many there are.
"""

import argparse

from nextsem import comparison
from stages.change import Change
from stages.review import templates
from stages.revisions import Revision, experiments


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.leaderboard")
    parser.add_argument("base", nargs="?", help="hold them against this, not the workspace")
    base = Revision.find(parser.parse_args().base)
    tried = [Change(base, experiment) for experiment in experiments()]
    # An experiment that is the base itself was no try.
    tried = [change for change in tried if change.verdict != "no fold differs"]
    print(markdown(base, tried), end="")


def markdown(base: Revision, tried: list[Change]) -> str:
    """The list: first those that can be compared, of least error first."""
    compared = [(change.on_folds, change) for change in tried if change.on_folds]
    compared.sort(key=lambda pair: pair[0].difference.difference)
    corrected = comparison.holm([found.difference.p for found, _ in compared])
    return (
        templates()
        .get_template("leaderboard.md")
        .render(
            base=base,
            compared=[
                (change, found, p, comparison.verdict(found.difference, p))
                for (found, change), p in zip(compared, corrected, strict=True)
            ],
            others=[change for change in tried if not change.on_folds],
        )
    )


if __name__ == "__main__":
    main()
