"""A Git repository with made-up results: all that the review and its like read."""

import copy
import functools
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from sklearn.model_selection import RepeatedKFold

from nextsem.comparison import pictures
from nextsem.comparison.metrics import by_group
from tests.conftest import run

TABLE = "data/raw/simulated.csv"
CODE = "nextsem/network/network.py"
PLOTS = ("forecasters", "by_semester", "groups", "reliability", "correlation_heatmap")
PARAMETERS: dict[str, dict[str, Any]] = {
    "data": {"table": TABLE, "static": ["College Code"], "semesters": ["4th", "5th"]},
    "model": {"layers": 3, "hidden": 64, "members": 6},
    "train": {"seed": 42},
    "split": {"seed": 42},
    "crossvalidate": {"folds": 5, "repeats": 2, "seed": 0, "by": None},
    "review": {"tolerance": 0.02},
    "run": {"workers": 0},
}
FORWARD = {
    **{"n": 400, "mean": 1.0, "last": 0.5, "network": 0.3, "low": 0.29, "high": 0.31},
    **{"coverage": 0.9, "origins": {"2019": {"network": 0.3}, "2020": {"network": 0.3}}},
}
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


class Results:
    """Results of a cross-validation whose errors are drawn, in a Git repository of their own.

    Students, their folds and their errors are the same in each commit, but for what it changes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / ".gitignore").write_text("/data/\n/report.html\n/.dvc/\n")

    def git(self, *arguments: str) -> str:
        return run(self.folder, "git", *IDENTITY, *arguments).stdout.strip()

    def commit(self, name: str = "main", **changes: Any) -> str:
        """Write results, and commit them on a branch; the commit."""
        if name != "main":
            self.git("checkout", "--quiet", "-B", name, "main")
        self.write(**changes)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", name)
        commit = self.git("rev-parse", "HEAD")
        self.git("checkout", "--quiet", "main")
        return commit

    def experiment(self, name: str, **changes: Any) -> None:
        """Keep results as DVC keeps an experiment's."""
        commit = self.commit("experiment", **changes)
        self.git("update-ref", f"refs/exps/ab/cdef/{name}", commit)
        self.git("branch", "--quiet", "-D", "experiment")

    def write(
        self,
        students: int = 60,
        better: float = 0.0,
        noise: int = 0,
        scale: float = 0.05,
        for_b: float = 0.0,
        others: bool = False,
        grades: bool = False,
        code: str = "cell = 'rnn'\n",
        color: str = "black",
        listed: range | None = None,
        origins: dict[str, Any] | None = None,
        **parameters: Any,
    ) -> None:
        """Write results into the working tree.

        Parameters
        ----------
        better : by how much each student's squared error is less
        noise : a seed of differences between trainings; 0 draws none
        scale : standard deviation of these differences
        for_b : by how much the squared errors of group B are more
        others : other students, as many
        grades : also write forecasts beside grades, as the workspace has them
        code : of the network
        color : of the pictures
        listed : the students on the list, which DVC's cache also keeps
        origins : other figures of points in time; {} for some
        parameters : such as model__layers=1
        """
        changed = copy.deepcopy(PARAMETERS)
        for key, value in parameters.items():
            group, _, own = key.partition("__")
            changed[group][own] = value
        how = changed["crossvalidate"]
        draw = np.random.default_rng(7)
        errors = draw.exponential(0.3, (50, students))[: how["repeats"]] * 0.1
        errors += draw.exponential(0.3, students) + 0.2 - better
        group = np.where(np.arange(students) % 3 == 0, "B", "A")
        errors += for_b * (group == "B")
        if noise:
            errors += np.random.default_rng(noise).normal(0, scale, errors.shape)
        naive = np.random.default_rng(8 + others).exponential(1, students)
        rows = []
        own = {"n_splits": how["folds"], "n_repeats": how["repeats"], "random_state": how["seed"]}
        folds = RepeatedKFold(**own)
        for place, (_, test) in enumerate(folds.split(naive)):
            repeat, fold = divmod(place, how["folds"])
            network, last = errors[repeat, test].sum(), naive[test].sum()
            rows.append((repeat + 1, fold + 1, "5th", len(test), network, 2 * last, last))
        columns = ["repeat", "fold", "term", "students", "network", "mean", "last"]
        self._csv("fold_errors", pd.DataFrame(rows, columns=columns))
        losses = {"epoch": [1, 2], "train": [1, 0.4], "validation": [1, 0.6]}
        self._csv("loss", pd.DataFrame(losses))
        self._csv("members", pd.DataFrame({"member": range(6), "mse": 0.2}))
        bins = {"risk": [0.1, 0.7], "happened": [0.0, 1.0], "forecasts": [50, 10]}
        self._csv("reliability", pd.DataFrame(bins))
        self._csv("correlation", pd.DataFrame({"column": ["4th", "5th"], "4th": 0.9, "5th": 0.9}))
        squared, mse = errors.mean(axis=0), float(errors.mean())
        network = {"mse": mse, "mae": 0.4, "r2": 0.7}
        against = {"difference": -0.01, "low": -0.02, "high": 0.01, "p": 0.3}
        held = np.full(students, 0.9)
        self._json(
            "crossvalidation",
            {
                "forecasters": {"network": network, "linear": network | {"mse": mse + 0.01}},
                "against": {"linear": against},
                "members": {"mean": mse + 0.01, "sd": 0.005, "sd_together": 0.002},
                "by_semester": {"5th": {"network": mse, "last": 1.0, "linear": 0.3, "n": students}},
                "intervals": {"coverage": 0.9, "width": 1.5, "by": {}},
                "risk": {"brier": 0.05, "brier_linear": 0.06, "brier_base": 0.07},
                "unseen": {"115": {"network": 0.2, "linear": 0.3, "n": 40}},
                "groups": {"Group": by_group(group, squared, np.zeros(students), held)},
                "list": {"stability": {"repeats": {"share": 0.8, "share_low": 0.7}}},
                **({} if origins is None else {"forward": FORWARD | origins}),
            },
        )
        baselines = {"mean": float(naive.max()), "last": float(naive.min()), "linear": 0.2}
        on_test = {"mse": changed["split"]["seed"] / 200, "mae": 0.3, "r2": 0.8, "n": 10}
        self._json("test", on_test | {"baselines": baselines})
        counts = {"read": 70, "complete": students, "train": students - 10, "test": 10}
        self._json("data", {"rows": counts, "left_out": {"blank": 68 - students}})
        for name in PLOTS:
            (self.folder / f"metrics/plots/{name}.png").write_bytes(_picture(mse, color))
        self._text(CODE, code)
        self._text("params.yaml", yaml.safe_dump(changed))
        if grades:
            table = "actual,forecast,low,high\n7.25,7,6,8\n8.5,8.75,8,9.5\n"
            self._text("data/predictions/test.csv", table)
        if listed is not None:
            rows = "".join(f"repeat 1,s{student}\n" for student in listed)
            self._text("data/predictions/list.csv", f"list,student\n{rows}")
            made = self._md5("data/predictions/list.csv")
            self._text(f".dvc/cache/files/md5/{made[:2]}/{made[2:]}", f"list,student\n{rows}")
        table = hashlib.md5(f"{students} {others}".encode()).hexdigest()
        keys = [f"{group}.{key}" for group in ("model", "train") for key in changed[group]]
        values = {key: changed[key.partition(".")[0]][key.partition(".")[2]] for key in keys}
        made = [*self.folder.glob("metrics/**/*.*"), *self.folder.glob("data/predictions/*")]
        paths = sorted(str(path.relative_to(self.folder)) for path in made)
        lock = {
            "simulate": {"outs": [{"path": TABLE, "md5": table}]},
            "prepare": {"deps": [{"path": changed["data"]["table"], "md5": table}]},
            "crossvalidate": {
                "deps": [{"path": "nextsem/network", "md5": self._folder_checksum()}],
                "params": {"params.yaml": values},
                "outs": [{"path": path, "md5": self._md5(path)} for path in paths],
            },
        }
        if changed["data"]["table"] != TABLE:
            del lock["simulate"]
        self._text("dvc.lock", yaml.safe_dump({"stages": lock}))

    def _folder_checksum(self) -> str:
        listed = [{"md5": self._md5(CODE), "relpath": "network.py"}]
        return hashlib.md5(json.dumps(listed).encode()).hexdigest() + ".dir"

    def _md5(self, path: str) -> str:
        return hashlib.md5((self.folder / path).read_bytes()).hexdigest()

    def _text(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def _csv(self, name: str, table: pd.DataFrame) -> None:
        self._text(f"metrics/plots/{name}.csv", table.to_csv(index=False))

    def _json(self, name: str, metrics: dict[str, Any]) -> None:
        self._text(f"metrics/{name}.json", json.dumps(metrics))


@functools.cache
def _picture(mse: float, color: str) -> bytes:
    figure, drawn = Figure(figsize=(8, 4)), io.BytesIO()
    figure.text(0.1, 0.5, f"{mse:.6f}", color=color)
    pictures.save(figure, drawn)
    return drawn.getvalue()


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """A repository with results on main, in whose folder we are."""
    results = Results(tmp_path / "repository")
    results.commit()
    monkeypatch.chdir(results.folder)
    return results
