"""Compare the network with simpler forecasters, from the out-of-fold forecasts of all of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.comparison import pictures, summaries
from nextsem.comparison.metrics import LEAST, line_of_risk, reliability
from nextsem.forecaster.calibration import Calibration
from nextsem.shared import params
from nextsem.shared.errors import InputError
from nextsem.shared.files import DECIMALS, whole_files, write_csv, write_metrics
from nextsem.shared.program import run
from nextsem.students import prepared

FORECASTS = Path("data/predictions/crossvalidation.parquet")
CALIBRATIONS = Path("data/predictions/calibrations.json")
GROUPS = Path("data/prepared/groups.csv")
PLOTS = Path("metrics/plots")


def main() -> None:
    parameters = params.load()
    coverage, at_risk_below = parameters.intervals.coverage, parameters.evaluate.at_risk_below
    students = prepared.read()
    schema = students.schema
    line = line_of_risk(at_risk_below, schema.grade_range)
    stored = json.loads(CALIBRATIONS.read_text(encoding="utf-8"))
    calibrations = [Calibration(**own) if own else None for own in stored]
    forecasts = pd.read_parquet(FORECASTS)
    forecasts = summaries.assessed(forecasts, calibrations, students, coverage, line)
    headline = forecasts[(forecasts["kind"] == "fold") & forecasts["headline"]]
    count = headline["student"].nunique()
    if count < LEAST:
        raise InputError(
            f"{FORECASTS}: compares {count} students; allowed: {LEAST} or more, as figures of fewer "
            "would tell about single students"
        )

    others = pd.read_csv(GROUPS, dtype=str, keep_default_na=False).drop(columns="student")
    metrics = summaries.summary(forecasts, students, others)
    bins = reliability(headline)
    terms = pd.DataFrame(
        [{"semester": term, **own} for term, own in metrics["by_semester"].items()],
        columns=["semester", "network", "last", "linear", "n"],
    )
    each = summaries.of_students(headline)
    each.insert(0, "student", students.names[each.index])
    title = f"{count:,} students, {headline['repeat'].max()} x {headline['fold'].max()} folds"
    risk_of = f"a grade {'above' if schema.lower_is_better else 'below'} {at_risk_below:g}"
    forward = metrics["forward"]
    tables = {
        PLOTS / "fold_errors.csv": summaries.fold_sums(forecasts, schema.terms),
        PLOTS / "reliability.csv": bins,
        PLOTS / "by_semester.csv": terms,
        Path("data/predictions/student_errors.csv"): each,
    }
    figures = {
        PLOTS / "forecasters.png": pictures.forecasters(
            metrics["forecasters"], metrics["against"], title
        ),
        PLOTS / "by_semester.png": pictures.by_semester(terms, title),
        PLOTS / "forward.png": pictures.forward(
            forward, coverage, f"{forward['n']:,} forecasts" if forward else ""
        ),
        PLOTS / "groups.png": pictures.groups(metrics["groups"], coverage, title),
        PLOTS / "reliability.png": pictures.reliability(bins, risk_of, metrics["risk"], title),
    }

    with whole_files() as place:
        write_metrics(in_short(metrics), place("metrics/summary.json"))
        write_metrics(metrics, place("metrics/crossvalidation.json"))
        for path, table in tables.items():
            write_csv(table.round(DECIMALS), place(path))
        for path, figure in figures.items():
            pictures.save(figure, place(path))
    tell(metrics, risk_of)


def in_short(metrics: dict[str, Any]) -> dict[str, float]:
    """The numbers that tell most, for `dvc metrics diff`."""
    rivals = ("linear", "linear_static", "pooled_ridge", "forest", "boosted_trees")
    return {
        **metrics["forecasters"]["network"],
        **{f"mse_{name}": metrics["forecasters"][name]["mse"] for name in rivals},
        **{f"linear_{key}": metrics["against"]["linear"][key] for key in ("difference", "p")},
        **{key: metrics["intervals"][key] for key in ("coverage", "width")},
        **{key: metrics["risk"][key] for key in ("brier", "brier_base", "share")},
    }


def tell(metrics: dict[str, Any], risk_of: str) -> None:
    """Print what one wants to know first."""
    errors, held, risk = metrics["forecasters"], metrics["intervals"], metrics["risk"]
    print(f"network: MSE {errors['network']['mse']:.4f}; its difference from each forecaster:")
    for name, own in metrics["against"].items():
        print(
            f"  {name:14} {errors[name]['mse']:.4f}  {own['difference']:+.4f} "
            f"({own['low']:+.4f} to {own['high']:+.4f}), {p_value(own['p'])}"
        )
    if np.isfinite(held["coverage"]):
        print(f"ranges: coverage {held['coverage']:.1%}, mean width {held['width']:.2f}")
    if np.isfinite(risk["brier"]):
        score, base = risk["brier"], risk["brier_base"]
        print(f"risk of {risk_of}: Brier score {score:.4f}, base rate {base:.4f}")
    if metrics["forward"]:
        print(in_words(metrics["forward"]))


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def in_words(forward: dict[str, Any]) -> str:
    """How good forecasts of points in time are, and how far from those of the folds."""
    network, gap = forward["network"], forward["network"] / forward["out_of_fold"] - 1
    against = forward["against"]["linear"]
    return (
        f"forward in time: MSE {network:.4f} over {len(forward['origins'])} points in time, "
        f"{against['difference']:+.4f} from linear regression ({p_value(against['p'])}); "
        f"{abs(gap):.1%} {'more' if gap > 0 else 'less'} than the {forward['out_of_fold']:.4f} of "
        "the same grades in the folds, where the networks also learn from other students' later terms"
    )


if __name__ == "__main__":
    run(main)
