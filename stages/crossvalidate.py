"""Cross-validate the network and every baseline on the same folds, and compare them."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from nextsem import InputError, figures, params, ranks, tables
from nextsem.checkpoint import Checkpoint
from nextsem.crossvalidation import Forecasts, Part, folds, forecast_parts, without_each
from nextsem.files import DECIMALS, whole_files, write_metrics
from nextsem.params import Params
from nextsem.scores import (
    Difference,
    brier,
    by_group,
    coverage,
    mse,
    paired_difference,
    reliability,
    scores,
    within,
    worse,
)
from nextsem.students import Numbers, Students, pseudonyms
from nextsem.training import Progress
from nextsem.writing import write_csv

TABLE = "data/prepared/complete.csv"


def main() -> None:
    team = ranks.join()
    parameters = params.load()
    how, data = parameters.crossvalidate, parameters.data
    students = tables.read_prepared(Path(TABLE), data)
    incomplete = tables.read_prepared(Path("data/prepared/incomplete.csv"), data)
    if data.incomplete == "drop":
        incomplete = incomplete[:0]
    if len(students) < 2 * how.folds:
        raise InputError(
            f"crossvalidate.folds is {how.folds}: {TABLE} has {len(students)} rows; allowed: 2 rows "
            "or more in each fold"
        )
    parts = folds(students, incomplete, parameters)
    unseen = parts_unseen(students, incomplete, parameters)
    every = [*parts, *unseen.values()]
    members = parameters.model.members
    checkpoint = Checkpoint(Path(".checkpoint/crossvalidate"))
    quiet = not sys.stderr.isatty() or team.rank > 0
    with tqdm(unit="network", total=len(every) * members, disable=quiet) as bar:

        def on_epoch(progress: Progress) -> None:
            bar.update(max(0, progress.finished - bar.n))

        forecasts = forecast_parts(students, incomplete, every, parameters, on_epoch, checkpoint)
    if not team.part():
        return
    errors = fold_errors(students, parts, how.folds, forecasts)
    against = {
        name: paired_difference(errors["network"].to_numpy(), errors[name].to_numpy(), how.folds)
        for name in forecasts.grades
        if name != "network"
    }
    each_student = student_means(students, parts, forecasts)
    calibration = calibrate(students, parts, forecasts, parameters)
    metrics = {
        "forecasters": {
            name: summary(students, parts, how.folds, each)
            for name, each in forecasts.grades.items()
        },
        "against": {name: asdict(difference) for name, difference in against.items()},
        "intervals": intervals(students, parts, forecasts, parameters),
        "risk": risk(students, parts, forecasts, parameters),
        "unseen": {
            category: {
                "network": mse(students.target[part.test], forecasts.grades["network"][place]),
                "linear": mse(students.target[part.test], forecasts.grades["linear"][place]),
                **coverage(students.target[part.test], forecasts.ranges[place]),
                "n": len(part.test),
            }
            for place, (category, part) in enumerate(unseen.items(), start=len(parts))
        },
        "groups": groups(students, each_student, parameters),
    }
    title = f"{Path(data.table).name}, {len(students)} students, {how.repeats} x {how.folds} folds"
    compared = figures.comparison(
        {name: each["mse"] for name, each in metrics["forecasters"].items()}, against, title
    )
    reliable = figures.reliability(calibration, line_of(parameters), metrics["risk"], title)
    for_whom = figures.groups(metrics["groups"], parameters.intervals.coverage, title)
    out_of_fold = forecast_table(students, parts, how.folds, forecasts)
    squared = pd.DataFrame(
        {"student": pseudonyms(students), "squared_error": each_student["squared_error"]}
    )

    with whole_files() as place:
        write_metrics(metrics, place("metrics/crossvalidation.json"))
        write_csv(errors.round(DECIMALS), place("metrics/plots/fold_errors.csv"))
        write_csv(
            squared.sort_values("student").round(DECIMALS),
            place("metrics/plots/student_errors.csv"),
        )
        write_csv(calibration.round(DECIMALS), place("metrics/plots/reliability.csv"))
        figures.save(compared, place("metrics/plots/forecasters.png"))
        figures.save(reliable, place("metrics/plots/reliability.png"))
        figures.save(for_whom, place("metrics/plots/groups.png"))
        write_csv(out_of_fold.round(DECIMALS), place("data/predictions/crossvalidation.csv"))
    checkpoint.remove()
    tell(metrics, against, parameters)


def parts_unseen(students: Students, incomplete: Students, parameters: Params) -> dict[str, Part]:
    """What leaves one category after the other out, as `crossvalidate.by` asks for."""
    by = parameters.crossvalidate.by
    if by is None:
        return {}
    if by not in parameters.data.static:
        print(f"crossvalidate.by: {by} is not in data.static, so none of it is left out")
        return {}
    return without_each(students, incomplete, parameters.data.static.index(by))


def fold_errors(
    students: Students,
    parts: list[Part],
    folds: int,
    forecasts: Forecasts,
) -> pd.DataFrame:
    """Each forecaster's mean squared error on each fold, and the network's inside its training rows."""
    places = np.arange(len(parts))
    columns: dict[str, Any] = {"repeat": places // folds + 1, "fold": places % folds + 1}
    for name, each in forecasts.grades.items():
        columns[name] = [
            mse(students.target[part.test], forecast)
            for part, forecast in zip(parts, each, strict=False)
        ]
    columns["network_inside"] = forecasts.inside[: len(parts)]
    return pd.DataFrame(columns)


def summary(
    students: Students, parts: list[Part], folds: int, forecasts: list[Numbers]
) -> dict[str, float]:
    """Mean over the repeats, and the standard deviation over them."""
    repeats = []
    for start in range(0, len(parts), folds):
        rows = slice(start, start + folds)
        actual = [students.target[part.test] for part in parts[rows]]
        whole = scores(np.concatenate(actual), np.concatenate(forecasts[rows]))
        # A mean over folds, as scikit-learn's cross_val_score gives it.
        each = [scores(*pair) for pair in zip(actual, forecasts[rows], strict=True)]
        errors = [float(np.mean([one[key] for one in each])) for key in ("mse", "mae")]
        repeats.append([*errors, whole["r2"]])
    means, spreads = np.mean(repeats, axis=0), np.std(repeats, axis=0)
    names = ("mse", "mae", "r2")
    return dict(zip(names, means, strict=True)) | {
        f"{name}_sd": spread for name, spread in zip(names, spreads, strict=True)
    }


def student_means(
    students: Students, parts: list[Part], forecasts: Forecasts
) -> dict[str, Numbers]:
    """Of each student, over the repeats: how the network's forecasts were off, and how often its
    range held the grade."""
    count = np.zeros(len(students))
    total = {
        name: np.zeros(len(students)) for name in ("squared_error", "error", "within", "width")
    }
    for part, forecast, ranges in zip(
        parts, forecasts.grades["network"], forecasts.ranges, strict=False
    ):
        actual = students.target[part.test]
        count[part.test] += 1
        total["squared_error"][part.test] += (forecast - actual) ** 2
        total["error"][part.test] += forecast - actual
        total["within"][part.test] += within(actual, ranges)
        total["width"][part.test] += ranges[:, 1] - ranges[:, 0]
    return {name: each / count for name, each in total.items()}


def intervals(
    students: Students, parts: list[Part], forecasts: Forecasts, parameters: Params
) -> dict[str, Any]:
    """Coverage and mean width of the ranges, overall and by category."""
    rows = np.concatenate([part.test for part in parts])
    ranges = np.concatenate(forecasts.ranges[: len(parts)])
    by, categories = parameters.ranges_by, None
    if by is not None:
        categories = students.static[rows, parameters.data.static.index(by)]
    result = coverage(students.target[rows], ranges, categories)
    for each in result.get("by", {}).values():
        each["n"] //= parameters.crossvalidate.repeats  # students, not forecasts
    return result


def risk(
    students: Students, parts: list[Part], forecasts: Forecasts, parameters: Params
) -> dict[str, float]:
    """Brier scores of the risk, and those of simpler risks."""
    rows = np.concatenate([part.test for part in parts])
    happened = worse(students.target[rows], parameters.line, parameters.data.lower_is_better)
    scored = {
        name: brier(happened, np.concatenate(each[: len(parts)]))
        for name, each in forecasts.risks.items()
    }
    return {
        "brier": scored["network"],
        "brier_linear": scored["linear"],
        "brier_base": scored["base"],
        "share": float(happened.mean()),
    }


def calibrate(
    students: Students, parts: list[Part], forecasts: Forecasts, parameters: Params
) -> pd.DataFrame:
    """How often it happened, where the risk was so and so high."""
    rows = np.concatenate([part.test for part in parts])
    happened = worse(students.target[rows], parameters.line, parameters.data.lower_is_better)
    table = pd.DataFrame(
        reliability(happened, np.concatenate(forecasts.risks["network"][: len(parts)]))
    )
    table["students"] /= parameters.crossvalidate.repeats
    return table


def groups(
    students: Students, each_student: dict[str, Numbers], parameters: Params
) -> dict[str, Any]:
    """How good the network is for the groups of each static and each group column."""
    columns = zip(
        [*parameters.data.static, *parameters.data.groups],
        [*students.static.T, *students.groups.T],
        strict=True,
    )
    squared, error, within = (each_student[key] for key in ("squared_error", "error", "within"))
    return {name: by_group(column, squared, error, within) for name, column in columns}


def forecast_table(
    students: Students, parts: list[Part], folds: int, forecasts: Forecasts
) -> pd.DataFrame:
    """Every out-of-fold forecast of every student."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "student": students.names[part.test],
                    "repeat": place // folds + 1,
                    "fold": place % folds + 1,
                    "actual": students.target[part.test],
                    **{name: each[place] for name, each in forecasts.grades.items()},
                    "low": forecasts.ranges[place][:, 0],
                    "high": forecasts.ranges[place][:, 1],
                    "risk": forecasts.risks["network"][place],
                }
            )
            for place, part in enumerate(parts)
        ],
        ignore_index=True,
    )


def line_of(parameters: Params) -> str:
    """What the risk is of, in words."""
    beyond = "above" if parameters.data.lower_is_better else "below"
    return f"a grade {beyond} {parameters.evaluate.at_risk_below:g}"


def tell(metrics: dict[str, Any], against: dict[str, Difference], parameters: Params) -> None:
    network = metrics["forecasters"]["network"]
    print(
        f"network: MSE {network['mse']:.4f}, R2 {network['r2']:.3f}; less each, with 95 % interval:"
    )
    for name, each in against.items():
        print(
            f"  {name:14} {metrics['forecasters'][name]['mse']:.4f}  {each.difference:+.4f} "
            f"({each.low:+.4f} to {each.high:+.4f}), p {each.p:.3f}"
        )
    held = metrics["intervals"]
    if np.isnan(held["coverage"]):
        print("train.validation_size is 0: no row is held out, so no range and no risk is given")
    else:
        tell_ranges(metrics, parameters)
    for category, each in metrics["unseen"].items():
        print(
            f"without {category}: {each['n']} students of it, network {each['network']:.4f}, "
            f"linear {each['linear']:.4f}"
        )


def tell_ranges(metrics: dict[str, Any], parameters: Params) -> None:
    held = metrics["intervals"]
    print(f"ranges: hold {held['coverage']:.1%} of the grades, mean width {held['width']:.2f}")
    for category, each in held.get("by", {}).items():
        print(f"  {category:14} {each['coverage']:.1%}, {each['width']:.2f} ({each['n']} students)")
    if np.isnan(parameters.line):
        print(f"no risk is given: {line_of(parameters)} is outside data.grade_range")
    else:
        print(
            f"risk of {line_of(parameters)}: Brier score {metrics['risk']['brier']:.4f}, linear "
            f"{metrics['risk']['brier_linear']:.4f}, base rate {metrics['risk']['brier_base']:.4f}"
        )


if __name__ == "__main__":
    main()
