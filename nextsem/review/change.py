"""The effect of a change: what differs in parameters, code, data, and errors on the same folds."""

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from nextsem.comparison import significance
from nextsem.comparison.significance import LEVEL, Difference, Estimate, Worse, paired_difference
from nextsem.review.revisions import Revision, changed_files, changes, flat
from nextsem.students.students import Numbers

CROSSVALIDATION, TEST = "metrics/crossvalidation.json", "metrics/test.json"
DATA, FOLD_ERRORS = "metrics/data.json", "metrics/plots/fold_errors.csv"
LIST = "data/predictions/list.csv"
TOLERANCE = "review.tolerance"
# The metrics in the table; `dvc metrics diff` shows all the others.
OUT_OF_FOLD = {
    "forecasters.network.mse": "mean squared error, out of fold",
    "forecasters.network.mae": "mean absolute error, out of fold",
    "forecasters.network.r2": "R², out of fold",
    "forward.network": "mean squared error, forward in time",
    "forward.coverage": "coverage of the ranges, forward in time",
    "intervals.coverage": "coverage of the ranges, out of fold",
    "intervals.weakest.coverage": "coverage of the ranges, weakest quarter, out of fold",
    "intervals.width": "mean width of the ranges, out of fold",
    "risk.brier": "Brier score of the risk, out of fold",
    "list.network.precision": "precision of the list, out of fold",
    "list.network.recall": "recall of the list, out of fold",
    "list.stability.seeds.share": "share of the list that other networks also list",
    "forward.list.network.precision": "precision of the list, forward in time",
}
ON_TEST = {"mse": "mean squared error, test rows", "mae": "mean absolute error, test rows"}
# Baselines whose errors depend only on grades and folds: equal errors mean the same students.
FINGERPRINTS = ["mean", "last"]
MOST_REPEATS = 20  # more are not worth the time

Verdict = Literal["better", "no worse", "worse", "can't tell", "not comparable", "no fold differs"]


@dataclass(frozen=True)
class OnFolds:
    """Errors of the networks of two revisions on their common folds.

    Attributes
    ----------
    before, after : [folds * repeats], mean squared error of each fold, squared grade points
    folds, forecasts : number of each per repeat
    """

    before: Numbers
    after: Numbers
    folds: int
    forecasts: int

    @property
    def repeats(self) -> int:
        return len(self.after) // self.folds

    @cached_property
    def difference(self) -> Difference:
        """The difference of the errors, after - before, in squared grade points."""
        return paired_difference(self.after.tolist(), self.before.tolist(), self.folds)

    @property
    def correlation(self) -> float:
        """The correlation of squared errors before and after, over the folds."""
        return float(np.nan_to_num(np.corrcoef(self.before, self.after)[0, 1]))

    def detectable(self, times: int = 1) -> float:
        """The true difference found with a power of 80 %, with `times` as many such repeats."""
        after, before = (times * each.tolist() for each in (self.after, self.before))
        difference = paired_difference(after, before, self.folds)
        return significance.detectable(difference, len(after))

    def needed(self, tolerance: float) -> dict[str, int]:
        """How many `repeats`, or else `forecasts`, would detect a difference of `tolerance`."""
        if tolerance == 0:
            return {}
        most = max(MOST_REPEATS // self.repeats, 1)
        for times in range(2, most + 1):
            if self.detectable(times) <= tolerance:
                return {"repeats": times * self.repeats}
        more = (self.detectable(most) / tolerance) ** 2  # the variance is inversely proportional
        forecasts = float(f"{self.forecasts * more:.1e}")
        return {"repeats": most * self.repeats, "forecasts": int(forecasts)}


class Metric(NamedTuple):
    """A metric before and after, and the difference; each None if unknown."""

    title: str
    before: float | None
    after: float | None
    difference: float | None


def verdict(difference: Difference, tolerance: float, p: float | None = None) -> Verdict:
    """The verdict on a change, from the difference of errors on the same folds.

    Parameters
    ----------
    tolerance : how much the mean squared error may rise, squared grade points
    p : corrected for the number of changes compared; by default the difference's own
    """
    sure = (difference.p if p is None else p) < 1 - LEVEL
    if sure and difference.difference < 0:
        return "better"
    if difference.high < tolerance:
        return "no worse"
    return "worse" if sure else "can't tell"


@dataclass(frozen=True)
class Change:
    """The effect of a change; properties raise InputError if a revision lacks a necessary file."""

    base: Revision
    head: Revision

    @property
    def both(self) -> tuple[Revision, Revision]:
        return self.base, self.head

    @cached_property
    def tolerance(self) -> float:
        """Tolerance of the base, so that a change cannot set its own; squared grade points."""
        own = self.head.parameters.get(TOLERANCE, 0.0)
        return float(self.base.parameters.get(TOLERANCE, own))

    @cached_property
    def parameters(self) -> dict[str, tuple[Any, Any]]:
        return changes(self.base.parameters, self.head.parameters)

    @cached_property
    def code(self) -> dict[str, list[str]]:
        """Packages and stages of the pipeline that differ, and which of their files do."""
        names = {name for each in self.both for name in each.checksums("deps") if is_code(name)}
        files = changed_files(self.base, self.head)
        found = {
            name: [file for file in files if file == name or file.startswith(f"{name}/")]
            for name in sorted(names)
        }
        return {name: own for name, own in found.items() if own}

    @cached_property
    def data(self) -> dict[str, tuple[Any, Any]]:
        """Differences in the input table, and in the rows used."""
        before, after = (
            dict(flat(each.metrics(DATA))) | {"checksum of the table": each.table_checksum}
            for each in self.both
        )
        return changes(before, after)

    @cached_property
    def stale(self) -> dict[Revision, list[str]]:
        """For each revision with outdated metrics, what changed after they were made."""
        return {each: found for each in self.both if (found := stale(each))}

    @cached_property
    def nothing(self) -> bool:
        """Whether all results but images are identical, and tolerance and accepted.yaml, too."""
        before, after = (
            {name: md5 for name, md5 in each.checksums("outs").items() if not name.endswith(".png")}
            for each in self.both
        )
        decided = TOLERANCE in self.parameters or self.accepted
        return before == after and not self.stale and not decided

    @cached_property
    def obstacles(self) -> list[str]:
        """Why the errors on folds cannot be compared; empty if they can."""
        found = [
            f"{each} has no {FOLD_ERRORS} of today's form"
            for each in self.both
            if each.content(FOLD_ERRORS) is None
            or not {"repeat", "fold", "term", "students", "network"} <= {*each.table(FOLD_ERRORS)}
        ]
        if found:
            return found
        for key in ("crossvalidate.folds", "crossvalidate.seed"):
            then, now = (each.parameters.get(key) for each in self.both)
            if then != now:
                found.append(f"{key} was {then} and is {now}, so the folds are others")
        if not found and not self._same_students:
            before, after = (forecasts_of(each) for each in self.both)
            if before != after:
                found.append(f"the forecasts out of fold were {before} and are {after}")
            else:
                found.append(f"of the {after} forecasts, some are of other students or grades")
        undefined = [each for each in self.both if by_fold(each).isna().any()]
        found += [f"the network's error is undefined in a fold of {each}" for each in undefined]
        return found

    @cached_property
    def _same_students(self) -> bool:
        """Whether the common folds have the same students and grades."""
        before, after = (in_folds(each) for each in self.both)
        repeats = min(before["repeat"].max(), after["repeat"].max())
        keys, same = ["repeat", "fold", "term"], ["students", *FINGERPRINTS]
        first, second = (
            each.loc[each["repeat"] <= repeats].set_index(keys).reindex(columns=same)
            for each in (before, after)
        )
        if not first.index.equals(second.index):
            return False
        return np.allclose(first, second, atol=1e-5, equal_nan=True)

    @cached_property
    def on_folds(self) -> OnFolds | None:
        """The errors on the common folds, those of the fewer repeats; None with obstacles."""
        if self.obstacles:
            return None
        errors = {"before": by_fold(self.base), "after": by_fold(self.head)}
        same = pd.concat(errors, axis=1, join="inner")
        return OnFolds(
            before=same["before"].to_numpy(),
            after=same["after"].to_numpy(),
            folds=same.index.get_level_values("fold").nunique(),
            forecasts=forecasts_of(self.head),
        )

    @cached_property
    def verdict(self) -> Verdict:
        if self.on_folds is None:
            return "not comparable"
        if np.array_equal(self.on_folds.before, self.on_folds.after):
            return "no fold differs"
        return verdict(self.on_folds.difference, self.tolerance)

    @cached_property
    def seeds(self) -> float | None:
        """Standard deviation of the difference of errors between runs that differ only in seeds.

        In squared grade points, estimated from the networks of each run.
        """
        variance = 0.0
        for each in self.both:
            sd = each.metrics(CROSSVALIDATION).get("members", {}).get("sd_together")
            if sd is None:
                return None
            variance += sd**2
        return float(np.sqrt(variance))

    @cached_property
    def metrics(self) -> list[Metric]:
        """The main metrics before and after."""
        comparable = {CROSSVALIDATION: not self.obstacles, TEST: self.same_test_rows}
        before, after = (headlines(each) for each in self.both)
        result = []
        for (path, title), now in after.items():
            then = before.get((path, title))
            same = comparable[path] and ("forward" not in title or self.same_points_in_time)
            rise = None if then is None or now is None or not same else now - then
            result.append(Metric(title, then, now, rise))
        return result

    @cached_property
    def same_test_rows(self) -> bool:
        """Whether the test rows are equal, judged by the errors of `FINGERPRINTS`."""
        before, after = (
            [metrics.get("n"), *(metrics.get("baselines", {}).get(name) for name in FINGERPRINTS)]
            for metrics in (each.metrics(TEST) for each in self.both)
        )
        return before == after

    @cached_property
    def same_points_in_time(self) -> bool:
        """Whether both forecast the same grades at the same points in time."""
        before, after = (each.metrics(CROSSVALIDATION).get("forward", {}) for each in self.both)
        same = [before.get(name) == after.get(name) for name in ("n", *FINGERPRINTS)]
        return all(same) and [*before.get("origins", {})] == [*after.get("origins", {})]

    @cached_property
    def in_common(self) -> float | None:
        """The share of the base's lists that is also on those of the change.

        None if the lists are not in the local DVC cache; they name students and are not in Git.
        """
        contents = [each.cached(LIST) for each in self.both]
        if None in contents or self.obstacles:
            return None
        before, after = (pd.read_csv(io.BytesIO(each or b""), dtype=str) for each in contents)
        before = before[before["list"].isin(after["list"])]
        return len(before.merge(after)) / len(before) if len(before) else None

    @cached_property
    def usually_in_common(self) -> dict[str, float] | None:
        """The `share` of a list that stays when only seeds and training students differ."""
        own = self.base.metrics(CROSSVALIDATION).get("list", {}).get("stability", {})
        return own.get("repeats") or own.get("seeds")

    @property
    def another_list(self) -> bool:
        """Whether fewer students stay on the list than seeds alone explain."""
        share, usual = self.in_common, self.usually_in_common
        return share is not None and usual is not None and share < usual["share_low"]

    @cached_property
    def worse(self) -> dict[str, Worse]:
        """What got significantly worse, by the name to use in accepted.yaml."""
        found = self.on_folds
        if found is None:
            return {}
        before, after = (each.metrics(CROSSVALIDATION) for each in self.both)
        if not self.same_points_in_time:
            before = {name: own for name, own in before.items() if name != "forward"}
        worse = significance.got_worse(before, after, found.forecasts, found.correlation)
        if self.verdict == "worse":
            sure = found.difference
            then, now = (Estimate(*3 * [each.mean()]) for each in (found.before, found.after))
            rise = Estimate(sure.difference, sure.low, sure.high)
            worse.insert(0, Worse("all students", "mean squared error", then, now, rise, sure.p))
        return {f"{each.whom}: {each.what}": each for each in worse}

    @cached_property
    def accepted(self) -> dict[str, str]:
        """What this change itself accepts, and the reason; not what the base already accepts."""
        entries = changes(self.base.accepted, self.head.accepted)
        return {what: reason for what, (_, reason) in entries.items() if reason}

    @property
    def not_accepted(self) -> list[str]:
        """What got worse and must be fixed or accepted before merging."""
        return [what for what in self.worse if what not in self.accepted]


def is_code(path: str) -> bool:
    """Whether a dependency of a stage is our own code: a package or a stage."""
    return path.startswith(("nextsem/", "stages/"))


def in_folds(revision: Revision) -> pd.DataFrame:
    """Sums of squared errors by fold, without those of points in time (repeat 0)."""
    table = revision.table(FOLD_ERRORS)
    return table[table["repeat"] > 0]


def by_fold(revision: Revision) -> "pd.Series[float]":
    """The network's mean squared error by repeat and fold, squared grade points."""
    errors = in_folds(revision).groupby(["repeat", "fold"])
    return errors["network"].sum(skipna=False) / errors["students"].sum()


def forecasts_of(revision: Revision) -> int:
    """Number of out-of-fold forecasts per repeat."""
    return int(in_folds(revision).query("repeat == 1")["students"].sum())


def headlines(revision: Revision) -> dict[tuple[str, str], float | None]:
    """The main metrics, by file and title."""
    result: dict[tuple[str, str], float | None] = {}
    for path, titles in {CROSSVALIDATION: OUT_OF_FOLD, TEST: ON_TEST}.items():
        metrics = dict(flat(revision.metrics(path)))
        result |= {(path, titles[key]): metrics[key] for key in titles if key in metrics}
    return result


def stale(revision: Revision) -> list[str]:
    """Code, parameters and metrics that differ from those of the run recorded in dvc.lock."""
    made = {name: md5 for name, md5 in revision.checksums("deps").items() if is_code(name)}
    outs = revision.checksums("outs")
    made |= {name: md5 for name, md5 in outs.items() if name.startswith("metrics/")}
    found = {name for name, md5 in made.items() if revision.checksum(name) != md5}
    for stage in revision.stages.values():
        for name, value in stage.get("params", {}).get("params.yaml", {}).items():
            if name in revision.groups:  # a whole group, not one parameter that is a mapping
                own = changes(value, revision.groups.get(name, {}))
                found |= {f"{name}.{key}" for key in own}
            elif revision.parameters.get(name) != value:
                found.add(name)
    return sorted(found)
