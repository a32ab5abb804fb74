"""Keep experiments' results on the published table in docs/: aggregates, and what made them.

    python -m stages.publish EXPERIMENT NAME    keep one experiment as docs/published/NAME.json
    python -m stages.publish --challengers      compare all experiments on the last commit's code

Both write docs/results.md, and the results in the README and the model card, anew from what is then in
docs/published/.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nextsem import InputError
from nextsem.files import whole_files, write_metrics
from nextsem.scores import paired_difference
from stages.change import FOLD_ERRORS
from stages.review import p_value, signed
from stages.revisions import Revision, changes, experiments, git

FOLDER = Path("docs/published")
START, END = "<!-- results -->\n", "<!-- end of results -->\n"
# All that an experiment may change besides the parameters: what the pipeline makes.
MADE = ("params.yaml", "dvc.lock", "data/raw/dvc.lock", "metrics/")
AIM = 0.222  # of the challengers
PUBLISHED = {"data.table": "data/raw/published.csv", "crossvalidate.repeats": 10}
ALSO = "crossvalidate.by"  # left out of challengers, for time; it moves no fold
TITLES = {
    "mean": "training mean",
    "last": "copy the last semester",
    "own_mean": "the student's own mean",
    "linear": "linear regression",
    "linear_static": "linear regression with college",
    "pooled_ridge": "ridge, slopes partly pooled by college",
    "network": "**the network**",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.publish")
    parser.add_argument("experiment", nargs="?", help="its name, as `dvc exp show` lists it")
    parser.add_argument("name", nargs="?", help="what to call its result")
    parser.add_argument("--challengers", action="store_true", help="compare all experiments")
    arguments = parser.parse_args()
    if arguments.challengers == bool(arguments.name):
        parser.error("give an experiment and a name, or --challengers")
    if arguments.challengers:
        keep("challengers", challengers())
    else:
        keep(arguments.name, one(Revision.find(arguments.experiment)))


def keep(name: str, result: dict[str, Any]) -> None:
    with whole_files() as place:
        write_metrics(result, place(FOLDER / f"{name}.json"))
    results = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    documents = {Path("README.md"): summary(results), Path("docs/model-card.md"): card(results)}
    with whole_files() as place:
        place("docs/results.md").write_text(report(results), encoding="utf-8")
        for path, text in documents.items():
            before, _, rest = path.read_text(encoding="utf-8").partition(START)
            after = rest.partition(END)[2]
            place(path).write_text(before + START + text + END + after, encoding="utf-8")
    print(
        f"{FOLDER / name}.json, docs/results.md, README.md and docs/model-card.md written, of revision "
        f"{result['revision'][:9]}"
    )


def one(experiment: Revision) -> dict[str, Any]:
    """An experiment's parameters and metrics."""
    base = parent(experiment)
    foreign = [
        name
        for name in git(
            "diff", "--name-only", f"{base.commit}", f"{experiment.commit}"
        ).splitlines()
        if not name.startswith(MADE)
    ]
    if foreign:
        raise InputError(
            f"experiment {experiment}: made with changes that are not committed: "
            f"{', '.join(foreign)}; commit them and run it again"
        )
    names = git("ls-tree", "--name-only", f"{experiment.commit}:metrics").splitlines()
    return {
        "revision": base.commit,
        "parameters": changed(base, experiment),
        **{
            name.removesuffix(".json"): experiment.metrics(f"metrics/{name}")
            for name in names
            if name.endswith(".json")
        },
    }


def parent(experiment: Revision) -> Revision:
    """The commit that an experiment was run on."""
    return Revision.find(f"{experiment.commit}^")


def changed(base: Revision, experiment: Revision) -> dict[str, Any]:
    """The parameters that an experiment changed."""
    both = changes(base.parameters, experiment.parameters)
    return {key: after for key, (_, after) in both.items()}


def challengers() -> dict[str, Any]:
    """All experiments on the last commit that ran on the published table, 10 repeats.

    The choice between them is nested: for each outer fold, the network of least error inside that
    fold's training rows, so no test row has a say. Only networks without early stopping can be
    chosen: the others have stopped by the very rows that they would be chosen by.
    """
    base = Revision.find("HEAD")
    folds, honest = {}, []
    for experiment in experiments():
        if parent(experiment).commit != base.commit:
            continue
        found = changed(base, experiment)
        if any(found.pop(key, None) != value for key, value in PUBLISHED.items()):
            continue
        found.pop(ALSO, None)
        label = (
            ", ".join(f"{key} {value}" for key, value in sorted(found.items())) or "the defaults"
        )
        if experiment.parameters["train.patience"] == 0:
            honest.append(label)
        folds[label] = experiment.table(FOLD_ERRORS)
    if "the defaults" not in folds:
        raise InputError(f"no experiment with the defaults on {base}; run: make challengers")
    outer = pd.DataFrame({label: frame["network"] for label, frame in folds.items()})
    inside = pd.DataFrame({label: frame["network_inside"] for label, frame in folds.items()})
    chosen = inside[[label for label in honest if inside[label].notna().all()]].idxmin(axis=1)
    nested = np.array([outer[label].iloc[row] for row, label in enumerate(chosen)])
    frame = folds["the defaults"]
    count = int(frame["fold"].max())

    def against(errors: Any) -> dict[str, Any]:
        rivals = {
            "defaults": outer["the defaults"],
            "linear": frame["linear"],
            "linear_static": frame["linear_static"],
        }
        return {
            "mse": float(np.mean(errors)),
            "against": {
                name: vars(paired_difference(np.asarray(errors), rival.to_numpy(), count))
                for name, rival in rivals.items()
            },
        }

    return {
        "revision": base.commit,
        "tried": {
            label: {**against(outer[label]), "inside": float(inside[label].mean())}
            for label in outer.mean().sort_values().index
        },
        "nested": {
            **against(nested),
            "chosen": {label: int(number) for label, number in chosen.value_counts().items()},
        },
    }


def report(results: dict[str, Any]) -> str:
    """docs/results.md."""
    lines = [
        "# Results on the published table",
        "",
        "Written by `python -m stages.publish` from `docs/published/*.json`; every figure is a mean",
        "squared error in squared grade points, unless it says otherwise.",
    ]
    if "defaults" in results:
        lines += _defaults(results["defaults"])
    if "reference" in results:
        lines += _reference(results["reference"])
    if "challengers" in results:
        lines += _challengers(results["challengers"])
    return "\n".join(lines) + "\n"


def summary(results: dict[str, Any]) -> str:
    """The README's part on how good it is."""
    if not {"defaults", "reference", "challengers"} <= results.keys():
        return ""
    defaults, reference = results["defaults"], results["reference"]["test"]["members"]
    whole, nested = defaults["crossvalidation"], results["challengers"]["nested"]
    against = whole["against"]
    rows = [
        f"| {TITLES.get(name, name)} | {each['mse']:.4f} | "
        + (_difference(against[name]) if name in against else " | ")
        + " |"
        for name, each in sorted(whole["forecasters"].items(), key=lambda item: item[1]["mse"])
    ]
    rest, linear = nested["against"]["defaults"], nested["against"]["linear"]
    baselines = defaults["test"]["baselines"]
    best, figures = next(iter(results["challengers"]["tried"].items()))
    return "\n".join(
        [
            "| forecaster | MSE | network less this, with 95 % interval | p |",
            "|---|---|---|---|",
            *rows,
            "",
            f"On the notebook's own split of {defaults['test']['n']} test rows the network has "
            f"{defaults['test']['mse']:.4f}, against the",
            f"0.2261 that it reports and {baselines['linear']:.4f} for linear regression. But its recipe "
            f"gives anything from {reference['min']:.3f} to",
            f"{reference['max']:.3f} over 20 seeds (mean {reference['mean']:.3f}), and one split tells "
            "little; hence the folds.",
            "",
            f"Of {len(results['challengers']['tried'])} networks, chosen between without a look at "
            f"the test rows, the error is {nested['mse']:.4f}:",
            f"{rest['difference']:+.4f} against the defaults ({rest['low']:+.4f} to {rest['high']:+.4f}), "
            f"{linear['difference']:+.4f} against linear regression (p {linear['p']:.3f}).",
            "So the documented architecture stays the default. The best of them by its own figure",
            f"({figures['mse']:.4f}, which so many tries flatter) is a line to type:",
            "",
            "```sh",
            f"dvc exp run -S data.table={PUBLISHED['data.table']} "
            + " ".join(f"-S {part.replace(' ', '=')}" for part in best.split(", ")),
            "```",
            "",
        ]
    )


def card(results: dict[str, Any]) -> str:
    """The model card's part on results."""
    if "defaults" not in results:
        return ""
    whole = results["defaults"]["crossvalidation"]
    network, held, risk = whole["forecasters"]["network"], whole["intervals"], whole["risk"]
    groups = [
        f"| {column}: {group} | {each['n']} | {_between(each, 'mse', '.3f')} | "
        f"{_between(each, 'bias', '+.3f')} | {_between(each, 'coverage', '.0%')} |"
        for column, own in whole["groups"].items()
        for group, each in own.items()
    ]
    unseen = [
        f"| {category} | {each['n']} | {each['network']:.3f} | {each['linear']:.3f} | "
        f"{each['coverage']:.0%} |"
        for category, each in whole["unseen"].items()
    ]
    against = "; ".join(
        f"{TITLES[name]} {each['mse']:.4f} (network less this {_difference(whole['against'][name])})"
        for name, each in whole["forecasters"].items()
        if name in ("linear", "linear_static", "pooled_ridge")
    ).replace(" | ", ", p ")
    return "\n".join(
        [
            f"Ten repeats of five folds over {results['defaults']['data']['rows']['complete']} students,"
            f" revision `{results['defaults']['revision'][:9]}`: mean squared error",
            f"{network['mse']:.4f}, mean absolute error {network['mae']:.3f} grade points, R²"
            f" {network['r2']:.2f}. Beside it: {against}.",
            "",
            f"The 90 % ranges held {held['coverage']:.1%} of the grades, with a mean width of"
            f" {held['width']:.2f} grade points. The risk of a",
            f"grade below 6, which {risk['share']:.0%} had, has a Brier score of {risk['brier']:.4f};"
            f" linear regression with normal errors",
            f"{risk['brier_linear']:.4f}, the base rate {risk['brier_base']:.4f}.",
            "",
            "For whom is it worse? With 95 % intervals:",
            "",
            "| students | number | mean squared error | bias | coverage |",
            "|---|---|---|---|---|",
            *groups,
            "",
            "A college that was not trained on:",
            "",
            "| college | students | network | linear regression | coverage |",
            "|---|---|---|---|---|",
            *unseen,
            "",
        ]
    )


def _between(each: dict[str, float], key: str, form: str) -> str:
    if key not in each:
        return "too few"
    return f"{each[key]:{form}} ({each[f'{key}_low']:{form}} to {each[f'{key}_high']:{form}})"


def _defaults(result: dict[str, Any]) -> list[str]:
    whole, test = result["crossvalidation"], result["test"]
    rows = []
    for name, each in sorted(whole["forecasters"].items(), key=lambda item: item[1]["mse"]):
        row = f"| {TITLES.get(name, name)} | {each['mse']:.4f} | {each['mae']:.4f} | {each['r2']:.3f} | "
        if name in whole["against"]:
            other = whole["against"][name]
            row += f"{_difference(other)} | "
        else:
            row += "| | "
        split = test["mse"] if name == "network" else test["baselines"].get(name)
        rows.append(row + (f"{split:.4f} |" if split is not None else "|"))
    unseen = [
        f"| {category} | {each['n']} | {each['network']:.4f} | {each['linear']:.4f} |"
        for category, each in whole["unseen"].items()
    ]
    return [
        "",
        "## The defaults",
        "",
        f"`make published`, revision `{result['revision'][:9]}`. Ten repeats of five folds over the",
        f"{result['data']['rows']['complete']} complete rows; the difference is the network's error less",
        "the other's, with its 95 % interval and p-value, corrected for overlapping training rows",
        "(Nadeau and Bengio, 2003). The last column is the published split of "
        f"{test['n']} test rows: one split tells little.",
        "",
        "| forecaster | MSE | MAE | R² | network less this | p | published split |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"The 90 % ranges held {whole['intervals']['coverage']:.1%} of the grades, mean width "
        f"{whole['intervals']['width']:.2f}:",
        "",
        "| college | students | coverage | mean width |",
        "|---|---|---|---|",
        *(
            f"| {category} | {each['n']} | {each['coverage']:.1%} | {each['width']:.2f} |"
            for category, each in whole["intervals"]["by"].items()
        ),
        "",
        f"Brier score of the risk of a grade below 6: {whole['risk']['brier']:.4f}; linear regression with",
        f"normal errors {whole['risk']['brier_linear']:.4f}, base rate {whole['risk']['brier_base']:.4f}.",
        "",
        "Each college left out in turn, and forecast from the three others:",
        "",
        "| college | students | network | linear regression |",
        "|---|---|---|---|",
        *unseen,
    ]


def _reference(result: dict[str, Any]) -> list[str]:
    members = result["test"]["members"]
    return [
        "",
        "## The reference's recipe",
        "",
        f"`make reference`, revision `{result['revision'][:9]}`: one step of four grades, no scaling,",
        "1000 epochs, ReLU output, on the published split. The notebook reports 0.2261. Over 20 seeds of",
        f"the weights this has mean {members['mean']:.4f}, standard deviation {members['sd']:.4f}, median",
        f"{members['median']:.4f}, range {members['min']:.4f} to {members['max']:.4f}; linear regression",
        f"has {result['test']['baselines']['linear']:.4f} on the same rows.",
    ]


def _challengers(result: dict[str, Any]) -> list[str]:
    nested = result["nested"]
    rows = [
        f"| {label} | {each['mse']:.4f} | {each['inside']:.4f} | {_difference(each['against']['defaults'])} |"
        for label, each in result["tried"].items()
    ]
    counts = list(nested["chosen"].items())
    chosen = "; ".join(f"{label} ({number} folds)" for label, number in counts[:3])
    if len(counts) > 3:
        chosen += f"; {len(counts) - 3} others"
    linear, defaults = nested["against"]["linear"], nested["against"]["defaults"]
    tried = list(result["tried"].values())
    best, worst, alone = tried[0], tried[-1], tried[0]["against"]["linear"]
    surely = sum(each["against"]["defaults"]["p"] < 0.05 for each in tried)
    reached = nested["mse"] <= AIM and linear["p"] < 0.05
    return [
        "",
        "## Challengers",
        "",
        f"`make challengers`, revision `{result['revision'][:9]}`: {len(rows)} networks through DVC's queue,",
        "each on the same 50 folds. The best of so many looks better than it is. So the choice is nested:",
        "for each fold, the network of least error on the rows that its members held out inside that",
        "fold's training rows (of those without early stopping, which would have used up these rows).",
        f"Chosen so, the error is **{nested['mse']:.4f}**; less the defaults'",
        f"{defaults['difference']:+.4f} ({defaults['low']:+.4f} to {defaults['high']:+.4f}, p {defaults['p']:.3f}),",
        f"less linear regression's {linear['difference']:+.4f} ({linear['low']:+.4f} to {linear['high']:+.4f},",
        f"p {linear['p']:.3f}). Chosen were: {chosen}.",
        "",
        f"The aim, {AIM:g} by nested choice and p below 0.05 against linear regression, is "
        + ("reached." if reached else "**not reached**."),
        f"The networks tried have {best['mse']:.4f} to {worst['mse']:.4f}, and {surely} of them "
        f"differ{'s' if surely == 1 else ''} from the defaults by more than",
        "chance. Chosen fold by fold, they do worse together than those chosen most do alone: what is best",
        "inside a fold's rows is not so on its test rows, and choosing costs what the best would gain.",
        f"The best by its own figure is {signed(alone['difference'])} "
        f"from linear regression (p {p_value(alone['p'])},",
        "not corrected for the choice). What these rows and columns allow seems to end about there.",
        "",
        "| network, by what differs from the defaults | MSE | inside | less the defaults | p |",
        "|---|---|---|---|---|",
        *rows,
    ]


def _difference(each: dict[str, float]) -> str:
    interval = f"{signed(each['low'])} to {signed(each['high'])}"
    return f"{signed(each['difference'])} ({interval}) | {p_value(each['p'])}"


if __name__ == "__main__":
    main()
