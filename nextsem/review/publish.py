"""Publish an experiment's results in docs/: aggregates, their provenance, and a page of all."""

import json
from pathlib import Path
from typing import Any

from nextsem.comparison.pictures import NAMES
from nextsem.review.review import templates
from nextsem.review.revisions import CARD, Revision, changed_files, changes
from nextsem.shared.errors import InputError
from nextsem.shared.files import whole_files, write_metrics

FOLDER, PAGE = Path("docs/published"), Path("docs/results.md")
# Files that an experiment may change: parameters, outputs of the pipeline, and tests.
MADE = ("params.yaml", "dvc.lock", "data/raw/dvc.lock", "metrics/", "tests/")
METRICS = ("crossvalidation", "data", "test")


def keep(name: str, experiment: Revision) -> str:
    """Write an experiment's results to docs/published/NAME.json, and update docs/results.md.

    Its model card, if it has one, goes to docs/published/NAME.md. Returns the hash of the commit
    that the experiment was run on.

    Raises
    ------
    InputError
        The experiment was run with uncommitted code, or lacks metrics.
    """
    result = results(experiment)
    with whole_files() as place:
        write_metrics(result, place(FOLDER / f"{name}.json"))
        if card := experiment.content(CARD):
            place(FOLDER / f"{name}.md").write_bytes(card)
    with whole_files() as place:
        place(PAGE).write_text(text(FOLDER), encoding="utf-8")
    return str(result["revision"])


def results(experiment: Revision) -> dict[str, Any]:
    """The parameters that an experiment changed, its metrics, and the commit that it was run on."""
    base = Revision.find(f"{experiment.commit}^")
    foreign = [name for name in changed_files(base, experiment) if not name.startswith(MADE)]
    if foreign:
        raise InputError(
            f"experiment {experiment}: made with changes that are not committed: "
            f"{', '.join(foreign)}; commit them and run it again"
        )
    turned = changes(base.parameters, experiment.parameters)
    members = experiment.table("metrics/plots/members.csv")["mse"]
    return {
        "revision": base.commit,
        "parameters": {key: after for key, (_, after) in turned.items()},
        **{name: experiment.metrics(f"metrics/{name}.json") for name in METRICS},
        "members": {
            "n": len(members),
            **{what: getattr(members, what)() for what in ("mean", "median", "min", "max")},
            "sd": members.std(ddof=0),
        },
    }


def text(folder: Path) -> str:
    """The page of all results in a folder, in Markdown."""
    kept = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    cards = [name for name in kept if (folder / f"{name}.md").exists()]
    return templates().get_template("results.md").render(kept=kept, names=NAMES, cards=cards)
