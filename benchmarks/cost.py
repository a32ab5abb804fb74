"""What the pipeline costs: all of it, against the reference's steps as one plain script.

    python -m benchmarks.cost [REPETITIONS]

The pipeline is that of the last commit, in a fresh clone with an empty cache, so that every stage
runs. The script runs on one thread, which is fastest for so small a network.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}


def seconds(folder: Path, *command: str, **variables: str) -> float:
    """How long a program takes; one that fails ends the benchmark."""
    start = perf_counter()
    environment = ENVIRONMENT | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return perf_counter() - start


def main(repetitions: int) -> None:
    taken: dict[str, list[float]] = {}
    script = (sys.executable, str(ROOT / "benchmarks/reference.py"), "data/raw/simulated.csv")
    with TemporaryDirectory() as name:
        for turn in range(repetitions):
            clone = Path(name, str(turn))
            seconds(ROOT, "git", "clone", "--quiet", str(ROOT), str(clone))
            for what, found in {
                "cold `dvc repro`": seconds(clone, "dvc", "repro", "--force", "--no-run-cache"),
                "the plain script": seconds(clone, *script, name, OMP_NUM_THREADS="1"),
                "`dvc repro` with nothing to do": seconds(clone, "dvc", "repro"),
            }.items():
                taken.setdefault(what, []).append(found)
    script_alone = median(taken["the plain script"])
    print("| what | seconds | of the plain script |\n|---|--:|--:|")
    for what, found in taken.items():
        print(f"| {what} | {median(found):.2f} | {median(found) / script_alone:.2f} |")
    print(f"\nMedians of {repetitions} interleaved repetitions, on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
