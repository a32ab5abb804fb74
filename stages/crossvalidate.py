"""Cross-validate the network and every baseline on the same folds, and compare them."""

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from nextsem import InputError, figures, params, tables
from nextsem.crossvalidation import Part, folds, forecast_parts, without_each
from nextsem.files import DECIMALS, whole_files, write_metrics
from nextsem.params import Params
from nextsem.scores import Difference, mse, paired_difference, scores
from nextsem.students import Numbers, Students
from nextsem.training import Progress

TABLE = "data/prepared/complete.csv"


def main() -> None:
    parameters = params.load()
    how = parameters.crossvalidate
    students = tables.read_prepared(Path(TABLE), parameters.data)
    if len(students) < 2 * how.folds:
        raise InputError(
            f"crossvalidate.folds is {how.folds}: {TABLE} has {len(students)} rows; allowed: 2 rows "
            "or more in each fold"
        )
    parts, unseen = folds(students, parameters), parts_unseen(students, parameters)
    every = [*parts, *unseen.values()]
    members = parameters.model.members
    with tqdm(unit="network", total=len(every) * members, disable=not sys.stderr.isatty()) as bar:

        def on_epoch(progress: Progress) -> None:
            bar.update(max(0, progress.finished - bar.n))

        forecasts, inside = forecast_parts(students, every, parameters, how.reference, on_epoch)
    errors = fold_errors(students, parts, how.folds, forecasts, inside)
    against = {
        name: paired_difference(errors["network"].to_numpy(), errors[name].to_numpy(), how.folds)
        for name in forecasts
        if name != "network"
    }
    metrics = {
        "forecasters": {
            name: summary(students, parts, how.folds, each) for name, each in forecasts.items()
        },
        "against": {name: asdict(difference) for name, difference in against.items()},
        "unseen": {
            category: {
                "network": mse(students.target[part.test], forecasts["network"][place]),
                "linear": mse(students.target[part.test], forecasts["linear"][place]),
                "n": len(part.test),
            }
            for place, (category, part) in enumerate(unseen.items(), start=len(parts))
        },
    }
    title = f"{Path(parameters.data.table).name}, {len(students)} students, {how.repeats} x {how.folds} folds"
    compared = figures.comparison(
        {name: each["mse"] for name, each in metrics["forecasters"].items()}, against, title
    )
    out_of_fold = forecast_table(students, parts, how.folds, forecasts)

    with whole_files() as place:
        write_metrics(metrics, place("metrics/crossvalidation.json"))
        tables.write_csv(errors.round(DECIMALS), place("metrics/plots/fold_errors.csv"))
        tables.write_csv(
            student_errors(out_of_fold, students), place("metrics/plots/student_errors.csv")
        )
        figures.save(compared, place("metrics/plots/forecasters.png"))
        tables.write_csv(out_of_fold.round(DECIMALS), place("data/predictions/crossvalidation.csv"))
    tell(metrics, against)


def parts_unseen(students: Students, parameters: Params) -> dict[str, Part]:
    """What leaves one category after the other out, as `crossvalidate.by` asks for."""
    by = parameters.crossvalidate.by
    if by is None:
        return {}
    if by not in parameters.data.static:
        print(f"crossvalidate.by: {by} is not in data.static, so none of it is left out")
        return {}
    return without_each(students, parameters.data.static.index(by))


def fold_errors(
    students: Students,
    parts: list[Part],
    folds: int,
    forecasts: dict[str, list[Numbers]],
    inside: list[float],
) -> pd.DataFrame:
    """Each forecaster's mean squared error on each fold, and the network's inside its training rows."""
    places = np.arange(len(parts))
    columns: dict[str, Any] = {"repeat": places // folds + 1, "fold": places % folds + 1}
    for name, each in forecasts.items():
        columns[name] = [
            mse(students.target[part.test], forecast)
            for part, forecast in zip(parts, each, strict=False)
        ]
    columns["network_inside"] = inside[: len(parts)]
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


def forecast_table(
    students: Students, parts: list[Part], folds: int, forecasts: dict[str, list[Numbers]]
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
                    **{name: each[place] for name, each in forecasts.items()},
                }
            )
            for place, part in enumerate(parts)
        ],
        ignore_index=True,
    )


def student_errors(out_of_fold: pd.DataFrame, students: Students) -> pd.DataFrame:
    """The network's squared error of each student, mean over the repeats, under a pseudonym.

    A pseudonym is the same as long as the table is, and tells nothing to who has not got the table.
    """
    secret = hashlib.sha256(students.grades.tobytes() + "\n".join(students.names).encode()).digest()
    squared = (out_of_fold["actual"] - out_of_fold["network"]) ** 2
    errors = squared.groupby(out_of_fold["student"]).mean()
    keys = [
        hashlib.blake2b(str(name).encode(), key=secret, digest_size=8).hexdigest()
        for name in errors.index
    ]
    frame = pd.DataFrame({"student": keys, "squared_error": errors.round(DECIMALS).to_numpy()})
    return frame.sort_values("student")


def tell(metrics: dict[str, Any], against: dict[str, Difference]) -> None:
    network = metrics["forecasters"]["network"]
    print(
        f"network: MSE {network['mse']:.4f}, R2 {network['r2']:.3f}; less each, with 95 % interval:"
    )
    for name, each in against.items():
        print(
            f"  {name:14} {metrics['forecasters'][name]['mse']:.4f}  {each.difference:+.4f} "
            f"({each.low:+.4f} to {each.high:+.4f}), p {each.p:.3f}"
        )
    for category, each in metrics["unseen"].items():
        print(
            f"without {category}: {each['n']} students of it, network {each['network']:.4f}, "
            f"linear {each['linear']:.4f}"
        )


if __name__ == "__main__":
    main()
