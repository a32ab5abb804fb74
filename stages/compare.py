"""Compare the network with the baselines, from out-of-fold forecasts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem.comparison import lists, pictures, summaries
from nextsem.comparison.metrics import LEAST, line_of_risk, reliability
from nextsem.comparison.model_card import model_card
from nextsem.comparison.wording import p_value
from nextsem.forecaster.calibration import Calibration
from nextsem.shared import params
from nextsem.shared.errors import InputError
from nextsem.shared.files import DECIMALS, whole_files, write_csv, write_metrics
from nextsem.shared.program import run
from nextsem.students import prepared

FORECASTS = Path("data/predictions/crossvalidation.parquet")
CALIBRATIONS = Path("data/predictions/calibrations.json")
GROUPS = Path("data/prepared/groups.csv")
DATA = Path("metrics/data.json")
LIST = Path("data/predictions/list.csv")
PLOTS = Path("metrics/plots")


def main() -> None:
    parameters = params.load()
    coverage, capacity = parameters.intervals.coverage, parameters.evaluate.capacity
    at_risk_below = parameters.evaluate.at_risk_below
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
            f"{FORECASTS}: compares {count} students; allowed: {LEAST} or more, as statistics of "
            "fewer could reveal individual students"
        )

    others = pd.read_csv(GROUPS, dtype=str, keep_default_na=False).drop(columns="student")
    candidates = lists.candidates(forecasts, capacity, schema.lower_is_better)
    risk_of = f"a grade {'above' if schema.lower_is_better else 'below'} {at_risk_below:g}"
    metrics: dict[str, Any] = {
        "of": {
            **{"students": count, "networks": forecasts.filter(regex="^member_").shape[1]},
            **headline[["repeat", "fold"]].max().set_axis(["repeats", "folds"]).to_dict(),
            **{"coverage": coverage, "risk_of": risk_of, "simulated": schema.simulated},
        },
        **summaries.summary(forecasts, candidates, students, others, capacity),
    }
    bins = reliability(headline)
    terms = pd.DataFrame(
        [{"semester": term, **own} for term, own in metrics["by_semester"].items()],
        columns=["semester", "network", "last", "linear", "n"],
    )
    each = summaries.of_students(headline)
    each.insert(0, "student", students.names[each.index])
    on_list = candidates.loc[candidates["listed"], ["list", "student"]]
    tables = {
        PLOTS / "fold_errors.csv": summaries.fold_sums(forecasts, schema.terms),
        PLOTS / "reliability.csv": bins,
        PLOTS / "by_semester.csv": terms,
        Path("data/predictions/student_errors.csv"): each,
        LIST: on_list.assign(student=students.names[on_list["student"]]),
    }

    with whole_files() as place:
        write_metrics(in_short(metrics), place("metrics/summary.json"))
        whole = place("metrics/crossvalidation.json")
        write_metrics(metrics, whole)
        found, data = (json.loads(path.read_text(encoding="utf-8")) for path in (whole, DATA))
        architecture = {
            name: getattr(parameters.model, name) for name in ("cell", "layers", "hidden")
        }
        card = model_card(found, data, schema, architecture)
        place("metrics/model-card.md").write_text(card, encoding="utf-8")
        for path, table in tables.items():
            write_csv(table.round(DECIMALS), place(path))
        for name, figure in pictures.of_comparison(metrics, bins, terms).items():
            pictures.save(figure, place(PLOTS / f"{name}.png"))
    tell(metrics)


def in_short(metrics: dict[str, Any]) -> dict[str, float]:
    """The main metrics, for `dvc metrics diff`."""
    rivals = ("linear", "linear_static", "pooled_ridge", "forest", "boosted_trees")
    shortlist = metrics["list"]
    return {
        **{key: metrics["forecasters"]["network"][key] for key in ("mse", "mae")},
        **{f"mse_{name}": metrics["forecasters"][name]["mse"] for name in rivals},
        "linear_p": metrics["against"]["linear"]["p"],
        **{key: metrics["intervals"][key] for key in ("coverage", "width")},
        "coverage_weakest": metrics["intervals"]["weakest"].get("coverage", np.nan),
        **{key: metrics["risk"][key] for key in ("brier", "brier_base")},
        "list_precision": shortlist.get("network", {}).get("precision", np.nan),
        "list_stability": shortlist.get("stability", {}).get("seeds", {}).get("share", np.nan),
    }


def tell(metrics: dict[str, Any]) -> None:
    """Print the main results."""
    errors, held, risk = metrics["forecasters"], metrics["intervals"], metrics["risk"]
    print(f"network: MSE {errors['network']['mse']:.4f}; its difference from each forecaster:")
    for name, own in metrics["against"].items():
        print(
            f"  {name:14} {errors[name]['mse']:.4f}  {own['difference']:+.4f} "
            f"({own['low']:+.4f} to {own['high']:+.4f}), p {p_value(own['p'])}"
        )
    if np.isfinite(held["coverage"]):
        print(f"ranges: coverage {held['coverage']:.1%}, mean width {held['width']:.2f}")
    if quarter := held["weakest"]:
        which, share = quarter["forecasts"], quarter["coverage"]
        print(f"  of the quarter with the {which} forecasts: coverage {share:.1%}")
    if np.isfinite(risk["brier"]):
        score, base = risk["brier"], risk["brier_base"]
        print(f"risk of {metrics['of']['risk_of']}: Brier score {score:.4f}, base rate {base:.4f}")
    if metrics["list"]:
        print(f"list: {of_list(metrics['list'], metrics['of']['risk_of'])}")
    if forward := metrics["forward"]:
        print(in_words(forward))
        if forward["list"]:
            print(f"list, forward in time: {of_list(forward['list'], metrics['of']['risk_of'])}")


def of_list(own: dict[str, Any], risk_of: str) -> str:
    """A list's precision and stability in words."""
    first, *others = (
        f"{own['capacity'] * own[name]['precision']:.1f}"
        for name in ("network", "linear", "last", "chance")
    )
    kept = own["stability"].get("seeds", {}).get("share", np.nan)
    return (
        f"of the {own['capacity']} at the highest risk {first} had {risk_of} (linear regression "
        f"{others[0]}, copy {others[1]}, chance {others[2]}); with other seeds {kept:.0%} stay on it"
    )


def in_words(forward: dict[str, Any]) -> str:
    """Errors forward in time in words, and their difference from those of the folds."""
    network, gap = forward["network"], forward["network"] / forward["out_of_fold"] - 1
    against = forward["against"]["linear"]
    return (
        f"forward in time: MSE {network:.4f} over {len(forward['origins'])} points in time, "
        f"{against['difference']:+.4f} from linear regression (p {p_value(against['p'])}); "
        f"{abs(gap):.1%} {'more' if gap > 0 else 'less'} than the {forward['out_of_fold']:.4f} of "
        "the same grades in the folds, where the networks also learn from other students' later terms"
    )


if __name__ == "__main__":
    run(main)
