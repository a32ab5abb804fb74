"""The network and its rivals on a list of tables: errors and ranges out of fold.

    python -m benchmarks.tables [TABLE ...] [--repeats N]

The whole list is kept in docs/tables.json, and shown by docs/tables.md; of single tables, results
are only printed. Tables whose file is not there are left out.
"""

import nextsem  # noqa: F401, I001 (first: it pins the kernels before numpy loads)

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.cohorts import COHORTS
from benchmarks.rivals import CHEAP, LINEAR, chosen_inside, stack_and_gaussian_process
from nextsem.advice.intervals import ranges
from nextsem.comparison.significance import paired_difference
from nextsem.comparison.wording import environment
from nextsem.forecaster.fitting import fit_forecaster
from nextsem.shared import params
from nextsem.shared.files import whole_files, write_metrics
from nextsem.shared.program import run
from nextsem.students.students import Numbers, Students
from nextsem.validation.baselines import BASELINES
from nextsem.validation.folds import folds

RESULTS, PAGE = Path("docs/tables.json"), Path("docs/tables.md")
FOLDS, COVERAGE = 5, 0.9
KINDS = ("documented", "flexible")  # of networks, each kind alone
AGAINST = ("stack", "best_linear", "chosen_inside")


class Tested(NamedTuple):
    """The students of one fold: forecasts of the last term by each forecaster, and what it was.

    Forecasts and `actual` are [students], the network's ranges [students, 2], all in grade points.
    """

    forecasts: Mapping[str, Numbers]
    actual: Numbers
    ranges: Numbers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(COHORTS))
    parser.add_argument("--repeats", type=int, default=2, help="of the folds (default: 2)")
    arguments = parser.parse_args()
    if unknown := set(arguments.tables) - set(COHORTS):
        parser.error(f"no table {', '.join(sorted(unknown))}; allowed: {', '.join(COHORTS)}")
    results = on_tables(arguments.tables or [*COHORTS], arguments.repeats, params.load())
    if not arguments.tables:
        keep(results)


def on_tables(names: Sequence[str], repeats: int, parameters: params.Params) -> dict[str, Any]:
    """What is kept of tables; each is printed when it is done."""
    torch.set_num_threads(1)  # fastest for networks that small
    tables, left_out = {}, []
    with tqdm(total=len(names) * FOLDS * repeats, unit="fold", disable=None) as bar:
        for name in names:
            try:
                students = COHORTS[name]()
            except FileNotFoundError as error:
                bar.write(f"{name}: left out, as there is no {error.filename}")
                left_out.append(name)
                continue
            tables[name] = {
                "students": int(students.complete.sum()),
                "terms": len(students.schema.terms),
                **summary(out_of_fold(students, repeats, parameters, bar.update)),
            }
            bar.write(f"{name}: {_in_short(tables[name])}")
    means = {
        rival: float(np.exp(np.mean(np.log(ratios))))
        for rival in AGAINST
        if (ratios := [each["ratio"][rival] for each in tables.values() if rival in each["ratio"]])
    }
    print(f"geometric means of the network's error to that of {_listed(means)}")
    return {"repeats": repeats, "mean_ratio": means, "tables": tables, "left_out": left_out}


def out_of_fold(
    students: Students, repeats: int, parameters: params.Params, on_fold: Callable[[], object]
) -> list[Tested]:
    """Forecast the complete students by all forecasters, on the same folds."""
    parts = folds(students, FOLDS, repeats, parameters.crossvalidate.seed)
    seeds = np.random.SeedSequence([parameters.train.seed, len(students)])
    by, tested = next(iter(students.schema.categories), None), []
    for part, seed in zip(parts, seeds.generate_state(len(parts)), strict=True):
        train, test = students[part.train], students[part.test]
        trained = fit_forecaster(train, int(seed), parameters.model, parameters.train, by)
        prediction = trained.forecaster.predict(test)
        forecasts = {"network": prediction.forecasts[:, -1]}
        first = len(trained.forecaster.networks[0].weights)
        for kind, members in zip(
            KINDS, np.split(prediction.members[..., -1], [first]), strict=True
        ):
            if len(members):
                forecasts[kind] = members.mean(axis=0)
        forecasts |= {name: BASELINES[name](train, test)[:, -1] for name in CHEAP}
        forecasts |= stack_and_gaussian_process(train, test)
        forecasts["chosen_inside"] = forecasts[chosen_inside(train)]
        assert trained.forecaster.calibration is not None  # as train.validation_size is not 0
        found = ranges(
            trained.forecaster.calibration,
            forecasts["network"],
            prediction.spread[:, -1],
            test.known_before[:, -1],
            COVERAGE,
            students.schema.grade_range,
        )
        tested.append(Tested(forecasts, test.grades[:, -1], found))
        on_fold()
    return tested


def summary(tested: Sequence[Tested]) -> dict[str, Any]:
    """Errors, ratios of the network's to its rivals', and what the ranges held.

    `mse` is the mean over folds, `p` that of no difference from the stack, if there is one.
    """
    errors = {
        name: [float(np.mean((own.forecasts[name] - own.actual) ** 2)) for own in tested]
        for name in tested[0].forecasts
    }
    mse = {name: float(np.mean(own)) for name, own in errors.items()}
    best_linear = min(LINEAR, key=mse.__getitem__)
    rivals = mse | {"best_linear": mse[best_linear]}
    forecasts = np.concatenate([own.forecasts["network"] for own in tested])
    actual = np.concatenate([own.actual for own in tested])
    low, high = np.concatenate([own.ranges for own in tested]).T
    held = (low <= actual) & (actual <= high)
    result = {
        "mse": mse,
        "best_linear": best_linear,
        "ratio": {name: mse["network"] / rivals[name] for name in AGAINST if name in rivals},
        "coverage": float(held.mean()),
        "coverage_lowest": float(held[forecasts <= np.quantile(forecasts, 0.25)].mean()),
        "width": float(np.mean(high - low)),
    }
    if "stack" in errors:
        result["p"] = paired_difference(errors["network"], errors["stack"], FOLDS).p
    return result


def keep(results: dict[str, Any]) -> None:
    """Write the results, and the page that shows them."""
    template = environment(Path(__file__).parent / "templates").get_template("tables.md")
    with whole_files() as place:
        kept = place(RESULTS)
        write_metrics(results, kept)
        text = template.render(results=json.loads(kept.read_text(encoding="utf-8")))
        place(PAGE).write_text(text, encoding="utf-8")
    print(f"{RESULTS} and {PAGE} written")


def _in_short(table: Mapping[str, Any]) -> str:
    shown = ("network", table["best_linear"], "stack", "chosen_inside")
    errors = _listed({name: table["mse"][name] for name in shown if name in table["mse"]})
    shares = f"coverage {table['coverage']:.3f}, of the lowest {table['coverage_lowest']:.3f}"
    return f"MSE {errors}; network's to {_listed(table['ratio'])}; {shares}"


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {figure:.4g}" for name, figure in figures.items())


if __name__ == "__main__":
    run(main)
