"""The model card: intended use, performance and limits of the forecaster.

After Mitchell and others, "Model cards for model reporting", FAT* 2019.
"""

from pathlib import Path
from typing import Any

from nextsem.comparison.metrics import LEAST
from nextsem.comparison.pictures import NAMES
from nextsem.comparison.significance import Difference, detectable
from nextsem.comparison.wording import environment
from nextsem.students.students import Schema


def model_card(
    metrics: dict[str, Any], data: dict[str, Any], schema: Schema, architecture: dict[str, Any]
) -> str:
    """The card, in Markdown.

    Parameters
    ----------
    metrics, data : content of `metrics/crossvalidation.json` and `metrics/data.json`
    architecture : cell, layers and hidden of the networks
    """
    folds = metrics["of"]["folds"] * metrics["of"]["repeats"]
    against = metrics["against"]["linear"]
    told = None if None in against.values() else detectable(Difference(**against), folds)
    templates = environment(Path(__file__).parent / "templates")
    text = templates.get_template("model-card.md").render(
        **{"metrics": metrics, "data": data, "schema": schema, "architecture": architecture},
        **{"least": LEAST, "names": NAMES, "detectable": told},
    )
    return text.strip() + "\n"
