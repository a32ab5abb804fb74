"""Hostile input of every kind: a result that obeys its invariants, or a line."""

import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.hostile.count import KINDS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_some(kind: str, tmp_path: Path) -> None:
    assert KINDS[kind].run(tmp_path, 25).total() >= 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_more(kind: str, tmp_path: Path) -> None:
    assert KINDS[kind].run(tmp_path, 400).total() >= 100


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("atheris") is None
    and (
        (platform.system(), platform.machine()) != ("Linux", "x86_64")
        or sys.version_info >= (3, 14)
    ),
    reason="atheris is made for Linux on x86-64",
)
def test_a_fuzzer_that_sees_what_code_it_reaches(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.guided", "50", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "number_of_executed_units" in done.stderr
    assert len([*(tmp_path / "inputs").iterdir()]) > 50  # of which it found most itself
