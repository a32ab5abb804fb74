"""`dvc.yaml` against what the stages really read, write and rerun."""

import ctypes
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml

from nextsem.shared.params import Params
from nextsem.simulation.transcripts import simulate
from tests.conftest import ROOT, Checkout
from tests.observe import fields

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, list[str]]] = PIPELINE["stages"]
KEYS = {key for _, _, key in fields(Params)}
RUN = {key for key in KEYS if key.startswith(("run.", "review."))}  # change no result
OF_ALL = {"nextsem/__init__.py", "stages/__init__.py"}  # They only pin the numeric kernels.


def code(dependency: str) -> bool:
    return dependency.startswith(("nextsem/", "stages/"))


def dependencies(stage: str) -> list[str]:
    table = "data/raw/simulated.csv"
    return [each.replace("${data.table}", table) for each in STAGES[stage]["deps"]]


def outputs(stage: str) -> set[str]:
    return {
        name
        for kind in ("outs", "metrics")
        for out in STAGES[stage].get(kind, [])
        for name in ([out] if isinstance(out, str) else out)
    }


def parameters(stage: str) -> set[str]:
    """Single keys, also of groups that are declared as a whole."""
    declared = STAGES[stage].get("params", [])
    return {key for key in KEYS if any(f"{key}.".startswith(f"{each}.") for each in declared)}


@contextmanager
def opened(paths: list[Path]) -> Iterator[set[Path]]:
    """The files among these that somebody opens meanwhile, also in a language other than Python."""
    libc = ctypes.CDLL(None)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    watched = {libc.inotify_add_watch(watch, bytes(path), 0x20): path for path in paths}  # IN_OPEN
    found: set[Path] = set()
    yield found
    events = os.read(watch, 1_000_000) if _waiting(watch) else b""
    os.close(watch)
    while events:  # number of the watch, mask, cookie, length of a name, the name
        found.add(watched[int.from_bytes(events[:4], "little")])
        events = events[16 + int.from_bytes(events[12:16], "little") :]


def _waiting(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])


def transcripts(checkout: Checkout) -> None:
    table = checkout.path / "data/raw/transcripts.csv"
    simulate(60, 1).to_csv(table, index=False)
    named = {"table": "data/raw/transcripts.csv", "layout": "long"}
    checkout.change({f"data.{key}": value for key, value in named.items()})


def workbook(checkout: Checkout) -> None:
    table = pd.read_csv(checkout.path / "data/raw/simulated.csv")
    table.to_excel(checkout.path / "data/raw/simulated.xlsx", index=False)
    checkout.change({"data.table": "data/raw/simulated.xlsx", "data.layout": "wide"})


def many_students(checkout: Checkout) -> None:
    keys = ("students", "members", "updates")
    checkout.change({f"train.large.{key}": 2 for key in keys})


# What else a stage has to be seen with, to have read everything that it declares.
TABLES = [transcripts, workbook]
ALSO: dict[str, list[Callable[[Checkout], None]]] = {
    "prepare": TABLES,
    "correlate": TABLES,
    "train": [many_students],
    "crossvalidate": [many_students],
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_just_what_it_declares(stage: str, quick: Checkout, tmp_path: Path) -> None:
    """It runs where there is nothing else, and uses all of that."""
    folder = tmp_path / "alone"
    for name in [*dependencies(stage), *OF_ALL, "params.yaml"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (quick.path / name).is_dir() else shutil.copy
        copy(quick.path / name, folder / name)
    alone, notes = quick.at(folder), tmp_path / "notes.json"

    def told() -> tuple[set[str], set[str]]:
        alone.run("python", str(ROOT / "tests/observe.py"), stage, str(notes))
        content = json.loads(notes.read_text())
        return set(content["parameters"]), set(content["modules"])

    data = [each for each in dependencies(stage) if not code(each)]
    with opened([folder / each for each in data]) as read:
        keys, modules = told()
    assert read == {folder / each for each in data}
    for each in filter(code, dependencies(stage)):
        assert any(Path(module).is_relative_to(each) for module in modules), each
    for name in outputs(stage):
        assert (folder / name).read_bytes() == (quick.path / name).read_bytes()

    for change in ALSO.get(stage, []):
        change(alone)
        keys |= told()[0]
    assert keys - RUN == parameters(stage)


def test_no_stage_declares_what_changes_no_result() -> None:
    assert set().union(*map(parameters, STAGES)) == KEYS - RUN


def test_every_plot_is_an_output() -> None:
    plots = [each if isinstance(each, dict) else {each: {}} for each in PIPELINE["plots"]]
    drawn = [(title, how) for each in plots for title, how in each.items()]
    shown = {name for title, how in drawn for name in how.get("y", [title])}
    assert shown <= set().union(*map(outputs, STAGES))


def ran(output: str) -> set[str]:
    return set(re.findall(r"Running stage '(\w+)'", output))


ALL = set(STAGES)
FORECASTS = {"evaluate", "compare", "forecast"}
CHANGES: dict[str, tuple[dict[str, object] | str, set[str]]] = {
    "run": ({"run.workers": 2, "run.log_every": 7}, set()),
    "coverage": ({"intervals.coverage": 0.8}, FORECASTS),
    "line of the risk": ({"evaluate.at_risk_below": 5.5}, FORECASTS),
    "decimal sign": ({"data.decimal": "."}, {"prepare", "correlate"}),
    "length of the list": ({"evaluate.capacity": 10}, {"compare", "forecast"}),
    "groups": ({"data.groups": []}, {"prepare", "correlate", "compare"}),
    "table reader": ("nextsem/reading/tables.py", {"prepare", "correlate"}),
    "colour": ("nextsem/comparison/pictures.py", {"correlate", "evaluate", "compare"}),
    "reason": ("nextsem/advice/explanation.py", {"evaluate", "forecast"}),
    "baseline": ("nextsem/validation/baselines.py", {"evaluate", "crossvalidate"}),
    "repeats": ({"crossvalidate.repeats": 2}, {"crossvalidate", "compare"}),
    "epochs": ({"train.epochs": 31}, {"train", "crossvalidate"} | FORECASTS),
    "layers": ({"model.layers": 2}, {"train", "crossvalidate"} | FORECASTS),
    "cohort": ({"simulate.seed": 1}, ALL),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_only_what_a_change_affects_reruns(change: str, quick: Checkout, tmp_path: Path) -> None:
    checkout = quick.copy(tmp_path / "checkout")
    what, expected = CHANGES[change]
    if isinstance(what, str):
        (checkout.path / what).write_text(checkout.read(what) + "\n# changed\n")
    else:
        checkout.change(what)
    assert ran(checkout.run("dvc", "repro")) == expected


@pytest.mark.slow
def test_a_changed_grade_reruns_all_but_the_simulation(quick: Checkout, tmp_path: Path) -> None:
    checkout = quick.copy(tmp_path / "checkout")
    rows = checkout.read("data/raw/simulated.csv").splitlines()
    grades = rows[1].split(",")
    rows[1] = ",".join(["5.55", *grades[1:]])
    (checkout.path / "data/raw/own.csv").write_text("\n".join(rows) + "\n")
    checkout.change({"data.table": "data/raw/own.csv"})
    assert ran(checkout.run("dvc", "repro")) == ALL - {"simulate"}


@pytest.mark.slow
def test_what_an_editor_leaves_reruns_nothing(quick: Checkout, tmp_path: Path) -> None:
    checkout = quick.copy(tmp_path / "checkout")
    room = checkout.path / "nextsem/shared"
    for name in (".files.py.swp", "files.py~", ".#files.py", "notes.ipynb", "__pycache__/a.pyc"):
        (room / name).parent.mkdir(exist_ok=True)
        (room / name).write_text("something")
    assert "up to date" in checkout.run("dvc", "status", "dvc.yaml")
