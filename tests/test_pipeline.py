"""`dvc.yaml` against the code: every stage names just what it imports and reads."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nextsem.params import Params

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = PIPELINE["stages"] | yaml.safe_load((ROOT / "data/raw/dvc.yaml").read_text())["stages"]


def imported(stage: str) -> set[str]:
    """Files of this project that a stage loads, as Python itself tells."""
    program = (
        f"import stages.{stage}, sys\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] in "
        "('nextsem', 'stages')), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {str(Path(line).relative_to(ROOT)) for line in done.stdout.split()}


@pytest.mark.parametrize("stage", STAGES)
def test_code_that_a_stage_imports_is_its_dependency(stage: str) -> None:
    named = {name for name in STAGES[stage]["deps"] if name.endswith(".py")}
    assert named == imported(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_that_a_stage_reads_are_named(stage: str) -> None:
    """In the stage itself, or where it hands all of them on to the library."""
    read = {
        node.attr
        for name in STAGES[stage]["deps"]
        if name.endswith(".py")
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.Attribute)
        and re.fullmatch(r"parameters|params\.load\(\)", ast.unparse(node.value))
    }
    derived = {name for name in read if isinstance(getattr(Params, name, None), property)}
    for name in derived:  # Params.line stands for the groups that it is made of
        code = inspect.getsource(getattr(Params, name).fget)
        read |= {group for group in Params.model_fields if f"self.{group}." in code}
    assert set(STAGES[stage].get("params", [])) == read - derived


@pytest.mark.parametrize("stage", STAGES)
def test_files_that_a_stage_names_are_its_dependencies_and_outputs(stage: str) -> None:
    text = (ROOT / f"stages/{stage}.py").read_text()
    named = set(re.findall(r'"((?:data|metrics|models)/[^"]+\.\w+)"', text))
    if re.search(r"Path\((parameters\.)?data\.table\)(?!\.name)", text):
        named.add("${data.table}")
    declared = {name for name in STAGES[stage]["deps"] if not name.endswith(".py")}
    for kind in ("outs", "metrics", "plots"):
        for out in STAGES[stage].get(kind, []):
            declared |= {out} if isinstance(out, str) else set(out)
    assert declared == named


def test_every_stage_says_what_it_does_and_every_parameter_what_a_change_of_it_does() -> None:
    assert all(stage["desc"] for stage in STAGES.values())
    lines = (ROOT / "params.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"  \w+:", line) and lines[number - 1].strip() == "":
            pytest.fail(f"params.yaml: no comment above {line.strip()}")


def test_every_top_level_plot_is_an_output() -> None:
    outputs = {
        name
        for stage in STAGES.values()
        for kind in ("outs", "metrics")
        for out in stage.get(kind, [])
        for name in ([out] if isinstance(out, str) else out)
    }
    for plot in PIPELINE["plots"]:
        sources = (
            [plot]
            if isinstance(plot, str)
            else [name for body in plot.values() for name in (body or {}).get("y", {})]
        )
        assert set(sources) <= outputs


@pytest.mark.parametrize(
    ("stage", "unwanted"),
    [
        ("simulate", ["torch", "matplotlib", "sklearn", "scipy", "openpyxl"]),
        ("prepare", ["torch", "matplotlib", "sklearn", "scipy", "openpyxl"]),
        ("correlate", ["torch", "sklearn", "scipy", "openpyxl", "matplotlib.pyplot"]),
        ("train", ["matplotlib", "sklearn", "scipy", "openpyxl", "torch._dynamo"]),
        ("evaluate", ["matplotlib", "sklearn", "scipy", "openpyxl"]),
    ],
)
def test_a_stage_loads_no_library_that_it_does_not_need(stage: str, unwanted: list[str]) -> None:
    program = f"import stages.{stage}, sys; print(*[m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
