"""Publish an experiment's results on the published table in docs/.

    python -m commands.publish EXPERIMENT NAME

writes docs/published/NAME.json (aggregates and their provenance), the model card NAME.md, and
docs/results.md.
"""

import argparse

from nextsem.review.publish import FOLDER, PAGE, keep
from nextsem.review.revisions import Revision
from nextsem.shared.program import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m commands.publish")
    parser.add_argument("experiment", help="its name, as `dvc exp show` lists it")
    parser.add_argument("name", help="name of the published results")
    arguments = parser.parse_args()
    commit = keep(arguments.name, Revision.find(arguments.experiment))
    print(f"{FOLDER / arguments.name}.json and {PAGE} written, of revision {commit[:9]}")


if __name__ == "__main__":
    run(main)
