"""Time and memory of the stages, by how many students there are.

    python -m benchmarks.scale [STUDENTS ...]

The parameters are those of `params.yaml`, the code that of the last commit, in a clone of its own.
Nothing heavy is imported here: what a stage needs at its peak would count what its parent holds.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import yaml

ROOT = Path(__file__).resolve().parent.parent
SIZES = [10_000, 100_000, 1_000_000]
STAGES = ["simulate", "prepare", "train", "forecast"]


def run(stage: str, folder: Path) -> tuple[float, float]:
    """Seconds, and peak memory in MiB; a stage that fails ends the benchmark."""
    start = perf_counter()
    command = [sys.executable, "-m", f"stages.{stage}"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"stages.{stage} failed, exit status {process.returncode}")
    return perf_counter() - start, usage.ru_maxrss / 1024


def main(sizes: list[int]) -> None:
    print(f"| students | {' | '.join(STAGES)} |\n|--:|{'--:|' * len(STAGES)}")
    with TemporaryDirectory() as name:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), name], check=True)
        file = Path(name, "params.yaml")
        for size in sizes:
            parameters = yaml.safe_load(file.read_text(encoding="utf-8"))
            parameters["simulate"]["students"] = size
            file.write_text(yaml.safe_dump(parameters), encoding="utf-8")
            measured = [run(stage, Path(name)) for stage in STAGES]
            cells = [f"{taken:.1f} s, {peak:,.0f} MiB" for taken, peak in measured]
            print(f"| {size:,} | {' | '.join(cells)} |", flush=True)
    print(f"\nEach stage with its imports, on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
