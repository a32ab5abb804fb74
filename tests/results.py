"""A repository with results in it that are made up: what stages.review and its like read."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

from nextsem import figures
from nextsem.scores import by_group, repeated_folds
from tests.conftest import ROOT

TABLE = "data/raw/simulated.csv"
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


class Results:
    """Results of a cross-validation whose errors are drawn, in a Git repository of their own.

    Students, their folds and their errors are the same in each commit, but for what it changes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / ".gitignore").write_text("/data/\n/report.html\n")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *IDENTITY, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

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
        for_b: float = 0.0,
        grades: bool = False,
        **parameters: Any,
    ) -> None:
        """Write results into the working tree.

        Parameters
        ----------
        students : how many; with another number of them, all keys are others
        better : by how much each student's squared error is less
        noise : a seed of differences between trainings; 0 draws none
        for_b : by how much the squared errors of group B are more
        grades : also write forecasts beside grades, as the workspace has them
        parameters : such as model__layers=1
        """
        changed = yaml.safe_load(yaml.safe_dump(self.parameters))
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
            errors += np.random.default_rng(noise).normal(0, 0.05, errors.shape)
        keys = [hashlib.md5(f"{students} {each}".encode()).hexdigest() for each in range(students)]
        folds = repeated_folds(students, how["folds"], how["repeats"], how["seed"])
        network = [
            errors[place // how["folds"], test].mean() for place, (_, test) in enumerate(folds)
        ]
        squared = errors.mean(axis=0)
        within = np.full(students, 0.9)

        self._csv(
            "fold_errors",
            repeat=np.arange(len(folds)) // how["folds"] + 1,
            fold=np.arange(len(folds)) % how["folds"] + 1,
            network=network,
            linear=np.array(network) + 0.01,
        )
        self._csv("student_errors", student=keys, squared_error=squared)
        self._csv("test_errors", student=keys[:10], squared_error=squared[:10])
        self._csv("loss", epoch=[1, 2, 3], train=[1.0, 0.5, 0.4], validation=[1.0, 0.6, 0.7])
        self._csv("reliability", risk=[0.1, 0.7], happened=[0.0, 1.0], students=[50, 10])
        names = [*changed["data"]["semesters"], "Roll"]
        self._csv("correlation", column=names, **{name: np.ones(len(names)) for name in names})
        mse = float(np.mean(network))
        self._json(
            "crossvalidation",
            {
                "forecasters": {
                    "network": {"mse": mse, "mae": 0.4, "r2": 0.7},
                    "linear": {"mse": mse + 0.01, "mae": 0.4, "r2": 0.7},
                },
                "intervals": {"coverage": 0.9, "width": 1.5},
                "risk": {"brier": 0.05},
                "unseen": {"115": {"network": 0.2, "linear": 0.3, "n": 40}},
                "groups": {"Group": by_group(group, squared, np.zeros(students), within)},
            },
        )
        test = {"mse": 0.2, "mae": 0.3, "r2": 0.8, "n": 10}
        self._json("test", test | {"intervals": {"coverage": 0.9}, "risk": {"brier": 0.1}})
        rows = {"read": 70, "complete": students, "train": students - 10, "test": 10, "pending": 2}
        self._json("data", {"rows": rows, "left_out": {"gap_before_last": 68 - students}})
        for each in ("forecasters", "groups", "reliability", "correlation_heatmap"):
            figure = Figure(figsize=(2, 1))
            figure.text(0.1, 0.5, f"{each} {mse:.6f}")
            figures.save(figure, self.folder / f"metrics/plots/{each}.png")
        made = {}
        if grades:
            path = self.folder / "data/predictions/test.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("actual,forecast,low,high\n7.25,7.0,6.0,8.0\n8.5,8.75,8.0,9.5\n")
            made["data/predictions/test.csv"] = hashlib.md5(path.read_bytes()).hexdigest()
        checksum = hashlib.md5(str(students).encode()).hexdigest()
        lock = {
            "simulate": {"outs": [{"path": TABLE, "md5": checksum}]},
            "prepare": {"deps": [{"path": changed["data"]["table"], "md5": checksum}]},
            "crossvalidate": {
                "params": {"params.yaml": {name: changed[name] for name in ("model", "train")}},
                "outs": [{"path": path, "md5": md5} for path, md5 in made.items()],
            },
        }
        if changed["data"]["table"] != TABLE:
            del lock["simulate"]
        (self.folder / "dvc.lock").write_text(yaml.safe_dump({"stages": lock}))
        (self.folder / "params.yaml").write_text(yaml.safe_dump(changed))

    def _csv(self, name: str, **columns: Any) -> None:
        path = self.folder / f"metrics/plots/{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns).to_csv(path, index=False)

    def _json(self, name: str, metrics: dict[str, Any]) -> None:
        (self.folder / f"metrics/{name}.json").write_text(json.dumps(metrics))
