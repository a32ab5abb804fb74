"""What differs between two revisions: parameters, code, data, metrics, and errors on the same folds."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nextsem import comparison
from nextsem.comparison import Worse
from nextsem.scores import Difference, paired_difference
from nextsem.students import Numbers
from stages.revisions import Revision, changes, flat, md5

CROSSVALIDATION, TEST, DATA = (
    f"metrics/{name}.json" for name in ("crossvalidation", "test", "data")
)
FOLD_ERRORS, STUDENT_ERRORS, TEST_ERRORS = (
    f"metrics/plots/{name}_errors.csv" for name in ("fold", "student", "test")
)
# What stands in the table of metrics; `dvc metrics diff` has all the others.
OUT_OF_FOLD = {
    "forecasters.network.mse": "mean squared error",
    "forecasters.network.mae": "mean absolute error",
    "forecasters.network.r2": "R²",
    "intervals.coverage": "coverage of the ranges",
    "intervals.width": "mean width of the ranges",
    "risk.brier": "Brier score of the risk",
}
ON_TEST_ROWS = {
    key.removeprefix("forecasters.network."): title for key, title in OUT_OF_FOLD.items()
}


@dataclass(frozen=True)
class OnFolds:
    """The networks of two revisions on the folds that both have.

    Attributes
    ----------
    before, after : mean squared error over these folds, squared grade points
    difference : after less before
    detectable : how large a difference these folds could have shown
    """

    before: float
    after: float
    folds: int
    repeats: int
    difference: Difference
    detectable: float


@dataclass(frozen=True)
class Metric:
    """A figure before and after, each None where there is none."""

    title: str
    before: float | None
    after: float | None
    comparable: bool

    @property
    def difference(self) -> float | None:
        if self.before is None or self.after is None or not self.comparable:
            return None
        return self.after - self.before


@dataclass(frozen=True)
class Change:
    """What came of a change, each thing found out when it is asked for.

    Raises
    ------
    InputError
        A revision lacks a file that this needs.
    """

    base: Revision
    head: Revision

    @property
    def both(self) -> tuple[Revision, Revision]:
        return self.base, self.head

    @cached_property
    def parameters(self) -> dict[str, tuple[Any, Any]]:
        return changes(self.base.parameters, self.head.parameters)

    @cached_property
    def code(self) -> list[str]:
        """Files of code that differ, of those that the stages load."""
        changed = changes(self.base.checksums("deps"), self.head.checksums("deps"))
        return sorted(name for name in changed if name.endswith(".py"))

    @cached_property
    def data(self) -> dict[str, tuple[Any, Any]]:
        """What differs in the table that is read, and in the rows of it that are used."""
        before, after = (
            dict(flat(each.metrics(DATA))) | {"checksum of the table": each.table_checksum}
            for each in self.both
        )
        return changes(before, after)

    @cached_property
    def stale(self) -> dict[Revision, list[str]]:
        """Of a revision whose metrics do not belong to it, what they were made without."""
        return {each: found for each in self.both if (found := stale(each))}

    @cached_property
    def obstacles(self) -> list[str]:
        """Why the errors on folds cannot be held against each other, if so."""
        found = [
            f"{each} has no {path}"
            for each in self.both
            for path in (STUDENT_ERRORS, FOLD_ERRORS)
            if each.content(path) is None
        ]
        if found:
            return found
        before, after = (students_of(each, STUDENT_ERRORS) for each in self.both)
        if len(before) != len(after):
            found.append(f"the students were {len(before)} and are {len(after)}")
        elif before != after:
            found.append(f"of the {len(after)} students, some are others, or have other grades")
        for key in ("crossvalidate.folds", "crossvalidate.seed"):
            then, now = (each.parameters.get(key) for each in self.both)
            if then != now:
                found.append(f"{key} was {then} and is {now}, so the folds are others")
        for each in self.both:
            errors = each.table(FOLD_ERRORS)["network"]
            if undefined := int(errors.isna().sum()):
                found.append(
                    f"the network's error is undefined in {undefined} of {len(errors)} folds of {each}"
                )
        return found

    @cached_property
    def on_folds(self) -> OnFolds | None:
        """The errors on the folds that both have: those of the fewer repeats."""
        if self.obstacles:
            return None
        same = self.base.table(FOLD_ERRORS).merge(
            self.head.table(FOLD_ERRORS), on=["repeat", "fold"], suffixes=("_before", "_after")
        )
        before, after = (same[f"network_{when}"].to_numpy() for when in ("before", "after"))
        folds = int(same["fold"].max())
        difference = paired_difference(after, before, folds, comparison.LEVEL)
        return OnFolds(
            before=float(before.mean()),
            after=float(after.mean()),
            folds=folds,
            repeats=len(same) // folds,
            difference=difference,
            detectable=comparison.detectable(difference, len(same)),
        )

    @cached_property
    def verdict(self) -> str:
        """better, worse, cannot be told apart, not comparable, or no fold differs."""
        if self.on_folds is None:
            return "not comparable"
        if self.on_folds.difference == Difference(0, 0, 0, 1):
            return "no fold differs"
        return comparison.verdict(self.on_folds.difference)

    @cached_property
    def same_test_rows(self) -> bool:
        if None in (each.content(TEST_ERRORS) for each in self.both):
            return False
        return students_of(self.base, TEST_ERRORS) == students_of(self.head, TEST_ERRORS)

    @cached_property
    def metrics(self) -> list[Metric]:
        """The metrics that say most."""
        comparable = {CROSSVALIDATION: not self.obstacles, TEST: self.same_test_rows}
        before = headlines(self.base)
        return [
            Metric(title, before.get((path, title)), after, comparable[path])
            for (path, title), after in headlines(self.head).items()
        ]

    @cached_property
    def students(self) -> int:
        return len(students_of(self.head, STUDENT_ERRORS))

    @cached_property
    def moved(self) -> tuple[int, int]:
        """How many students are forecast better than before, and how many worse."""
        before, after = (squared_errors(each) for each in self.both)
        return int((after < before).sum()), int((after > before).sum())

    @cached_property
    def worse(self) -> list[Worse]:
        """What got worse beyond its uncertainty, for whom."""
        if self.obstacles:
            return []
        # The students are the same, so their errors rise and fall together.
        correlation = np.corrcoef(squared_errors(self.base), squared_errors(self.head))[0, 1]
        before, after = (each.metrics(CROSSVALIDATION) for each in self.both)
        return comparison.got_worse(before, after, self.students, float(np.nan_to_num(correlation)))


def headlines(revision: Revision) -> dict[tuple[str, str], float | None]:
    """The metrics that say most, by the file that they are in and a title."""
    result = {}
    by = revision.parameters.get("crossvalidate.by")
    for path, where, titles in (
        (CROSSVALIDATION, "out of fold", OUT_OF_FOLD),
        (TEST, "test rows", ON_TEST_ROWS),
    ):
        metrics = dict(flat(revision.metrics(path)))
        for key, title in titles.items():
            result[path, f"{title}, {where}"] = metrics.get(key)
        for key, value in metrics.items():
            if match := re.fullmatch(r"unseen\.(.*)\.network", key):
                result[path, f"mean squared error, {by} {match[1]} never seen"] = value
    return result


def stale(revision: Revision) -> list[str]:
    """Code and parameters that metrics were made without, and metrics that were not made, by dvc.lock."""
    made = revision.checksums("deps") | revision.checksums("outs")
    found = {
        name
        for name, checksum in made.items()
        if name.endswith(".py") or name.startswith("metrics/")
        if md5(revision.content(name) or b"") != checksum
    }
    for stage in revision.stages.values():
        for group, values in stage.get("params", {}).get("params.yaml", {}).items():
            now = revision.groups.get(group, {})
            found |= {f"{group}.{key}" for key in changes(values, now)}
    return sorted(found)


def students_of(revision: Revision, path: str) -> set[str]:
    """The pseudonymous keys of a table of errors: others, if a student or a grade is."""
    return set(revision.table(path)["student"])


def squared_errors(revision: Revision) -> Numbers:
    """Of each student, in the order of their keys."""
    table = revision.table(STUDENT_ERRORS).sort_values("student")
    return table["squared_error"].to_numpy(dtype=float)
