"""List all experiments, best first, each compared with one fixed revision."""

from nextsem.comparison import significance
from nextsem.review.change import Change, headlines, verdict
from nextsem.review.review import templates
from nextsem.review.revisions import Revision


def markdown(base: Revision, tried: list[Revision]) -> str:
    """Experiments that can be compared with the base, lowest error first, then the others.

    The best of many looks better than it is, so p-values are corrected for their number.
    """
    changes = [Change(base, experiment) for experiment in tried]
    compared = [
        (change, change.on_folds)
        for change in changes
        if change.on_folds and change.verdict != "no fold differs"
    ]
    compared.sort(key=lambda pair: pair[1].difference.difference)
    corrected = significance.holm([found.difference.p for _, found in compared])
    turned = sorted({name for change in changes for name in change.parameters})
    return (
        templates()
        .get_template("leaderboard.md")
        .render(
            base=base,
            mse=next(iter(headlines(base).values())),
            turned={name: base.parameters[name] for name in turned if name in base.parameters},
            compared=[
                (change, found, p, verdict(found.difference, change.tolerance, p))
                for (change, found), p in zip(compared, corrected, strict=True)
            ],
            same=[change for change in changes if change.verdict == "no fold differs"],
            others=[change for change in changes if change.obstacles],
        )
    )
