"""What several tests share: students, tables from elsewhere, and places to run the project in."""

import copy
import importlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from nextsem.shared import params  # first of all pins the numeric kernels
from nextsem.simulation import cohort
from nextsem.students.students import UNKNOWN, Schema, Students, factorized

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ROOT = Path(__file__).parents[1]
PARAMETERS = params.load(ROOT / "params.yaml")


def simulated(number: int = 60, seed: int = 1, complete: bool = True) -> Students:
    """Students of the simulated cohort; `complete`: those with every semester."""
    frame = cohort.simulate(number, seed)
    return of_colleges(frame.dropna(subset=list(cohort.SEMESTERS)) if complete else frame)


def of_colleges(frame: "pd.DataFrame") -> Students:
    """The students of a table such as the simulated cohort's."""
    semesters = list(cohort.SEMESTERS)
    codes, vocabulary = factorized([frame["College Code"].to_numpy().astype(str)])
    students = with_grades(frame[semesters].to_numpy(dtype=float, copy=True), terms=semesters)
    schema = replace(students.schema, categories=["College Code"])
    codes = codes[:, None].repeat(len(semesters), axis=1)
    return replace(students, schema=schema, codes=codes, vocabulary=vocabulary)


def with_grades(grades: "np.ndarray", **schema: Any) -> Students:
    """Students of whom only grades are known, [students, terms]; what else their schema says."""
    import numpy as np  # here, so that the kernels are pinned before it is loaded

    count, terms = grades.shape
    usual = {"layout": "wide", "terms": [str(term) for term in range(terms)]}
    usual |= {key: [] for key in ("categories", "numbers", "ahead", "calendar")}
    usual |= {"grade_range": cohort.GRADE_RANGE, "lower_is_better": False}
    codes, numbers = np.zeros((count, terms, 0), np.int32), np.zeros((count, terms, 0))
    times = np.full((count, terms), UNKNOWN, np.int32)
    names = np.arange(count).astype(str)
    return Students(Schema(**usual | schema), names, grades, codes, numbers, times, [])


@pytest.fixture(scope="session")
def published() -> Path:
    """The published table, which is not ours to pass on."""
    return _elsewhere("NEXTSEM_PUBLISHED", "semester_results.csv")


@pytest.fixture(scope="session")
def midfield() -> Path:
    """The folder with MIDFIELD's transcripts, as R files."""
    return _elsewhere("NEXTSEM_MIDFIELD", "midfield")


def _elsewhere(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, ROOT.parent / "shared/data" / name))
    if not path.exists():
        reason = f"there is no {path}; name it in {variable}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


class Checkout:
    """A copy of the project as it stands in this working tree, with its own Git and DVC."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listed = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").stdout
        for name in listed.splitlines():
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name)
        run(path, "git", "init", "--quiet", "--initial-branch=main")
        self.commit("start")

    def run(self, *command: str, check: bool = True, **changes: str) -> str:
        """What a command prints, stderr included; `changes` are to its environment."""
        done = run(self.path, *command, check=check, **changes)
        return done.stdout + done.stderr

    def stage(self, name: str, *arguments: str) -> str:
        return self.run("python", "-m", f"stages.{name}", *arguments)

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def change(self, parameters: dict[str, object]) -> None:
        """Other values of parameters, each by its dotted name; comments stay."""
        text = params.with_values(self.read("params.yaml"), parameters, {}, "params.yaml")
        (self.path / "params.yaml").write_text(text, encoding="utf-8")

    def copy(self, path: Path) -> "Checkout":
        """The same, with all that is in its folder."""
        shutil.copytree(self.path, path)
        return self.at(path)

    def at(self, path: Path) -> "Checkout":
        """A checkout that another command has made."""
        other = copy.copy(self)
        other.path = path
        return other

    def commit(self, message: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        run(self.path, "git", "add", "--all")
        run(self.path, "git", *identity, "commit", "--quiet", "--allow-empty", "-m", message)


def settings_of(variable: str) -> dict[str, object]:
    """Parameters that a variable of the Makefile sets, by their dotted names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    settings = re.search(rf"^{variable} := (.*)$", makefile, re.MULTILINE).group(1).split()
    pairs = [setting.partition("=") for setting in settings if setting != "-S"]
    return {key: yaml.safe_load(value) for key, _, value in pairs}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout, in which nothing has run."""
    return Checkout(tmp_path / "checkout")


class Project:
    """A folder with parameters of its own, made quick, where stages run in this very process."""

    def __init__(self, path: Path, **changes: object) -> None:
        self.path = path
        path.mkdir(parents=True)
        self._parameters = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        self.change(**QUICK | changes)

    def change(self, **changes: object) -> None:
        """Other values of parameters, each named as group_key."""
        for name, value in changes.items():
            group, _, key = name.partition("_")
            assert key in self._parameters[group]
            self._parameters[group][key] = value
        text = yaml.safe_dump(self._parameters, allow_unicode=True)
        (self.path / "params.yaml").write_text(text, encoding="utf-8")

    def stage(self, name: str, *arguments: str) -> None:
        module = importlib.import_module(f"stages.{name}")
        with pytest.MonkeyPatch.context() as patch, chdir(self.path):
            patch.setattr(sys, "argv", [name, *arguments])
            module.main()


# Two networks, each of which holds out one half, so that every student tells of the errors.
QUICK: dict[str, object] = {"model_members": 2, "model_layers": 1, "model_hidden": 8}
QUICK |= {"train_epochs": 30, "train_validation_size": 0.5, "run_workers": 1}
QUICK |= {"crossvalidate_folds": 2, "crossvalidate_repeats": 1, "crossvalidate_by": None}


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run, made quick. To be cloned or copied, not changed."""
    checkout = Checkout(tmp_path_factory.mktemp("quick") / "checkout")
    checkout.change({name.replace("_", ".", 1): value for name, value in QUICK.items()})
    checkout.run("dvc", "repro")
    checkout.commit("ran")
    return checkout


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of tests/package.json, as its lock pins them."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy2(ROOT / "tests" / name, folder)
    run(folder, "npm", "ci", "--silent", "--no-audit", "--no-fund")
    return folder


def environment(**changes: str) -> dict[str, str]:
    """What a command of a test runs in: this Python's programs, and nothing of an outer make."""
    outer = ("MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "DVC_NO_ANALYTICS": "1"} | changes


def run(
    folder: Path, *command: str, check: bool = True, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; `changes` are to its environment."""
    done = subprocess.run(
        command, cwd=folder, env=environment(**changes), capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done
