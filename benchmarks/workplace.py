"""A temporary copy of the project to measure in, so that the project itself stays as it is."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import ROOT

PROJECT = ("nextsem", "stages", "params.yaml", "dvc.yaml", ".dvcignore")


def copy_project(folder: Path) -> None:
    """Copy the code, the pipeline and its parameters: neither data nor results."""
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
            )
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder / name)


def environment() -> dict[str, str]:
    """That of this process, with the programs beside its Python found first."""
    programs = str(Path(sys.executable).parent)
    return os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def call(folder: Path, *command: str) -> None:
    """Run a program in a folder, quietly; one that fails ends the benchmark."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


def wait_for_quiet(patience: float = 3) -> None:
    """Wait until nothing else keeps the processor busy, for so many seconds at most."""

    def ticks() -> tuple[int, int]:
        numbers = [int(each) for each in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(numbers), numbers[3] + numbers[4]

    end = time.monotonic() + patience
    while time.monotonic() < end:
        before, idle_before = ticks()
        time.sleep(0.3)
        now, idle_now = ticks()
        if idle_now - idle_before > 0.9 * (now - before):
            return


def make_repository(folder: Path) -> None:
    """Make a folder a Git and DVC repository with an empty cache, everything in it committed."""
    call(folder, "git", "init", "--quiet")
    call(folder, "dvc", "init", "--quiet")
    call(folder, "dvc", "config", "core.analytics", "false")
    call(folder, "git", "add", "--all")
    who = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")
    call(folder, "git", *who, "commit", "--quiet", "--message", "benchmark")
