"""Time and memory of the stages against the size of the cohort.

    python -m benchmarks.scale [MOST STUDENTS]

Nothing heavy is imported before the measurements: a child's peak memory counts what its parent held.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import yaml

from benchmarks.report import RESULTS, machine, table, verdict, write
from benchmarks.workplace import copy_project, environment

SIZES = (178, 1_000, 10_000, 100_000, 1_000_000)
STAGES = ("simulate", "prepare", "train", "evaluate")
CAPS = {"epochs": 3, "members": 2, "batch_size": 8192}
SLACK = 1.15  # Beyond this factor, growth counts as faster than the rows'.


def run_stage(stage: str, folder: Path) -> tuple[float, float]:
    """Seconds, and peak memory in MiB."""
    start = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"stages.{stage} failed, exit status {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def measure(most: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    memory: dict[str, list[float]] = {stage: [] for stage in STAGES}
    sizes = [size for size in SIZES if size <= most]
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        for size in (sizes[0], *sizes):  # The first one warms up.
            set_parameters(folder / "params.yaml", size)
            for stage in STAGES:
                taken, peak = run_stage(stage, folder)
                print(f"{size:>9} {stage:10} {taken:7.2f} s {peak:7.0f} MiB", flush=True)
                seconds[stage].append(round(taken, 3))
                memory[stage].append(round(peak, 1))
    for measured in (seconds, memory):
        for values in measured.values():
            del values[0]
    whole = [round(sum(taken), 3) for taken in zip(*seconds.values(), strict=True)]
    highest = [max(peaks) for peaks in zip(*memory.values(), strict=True)]
    return {
        "machine": machine("torch", "pandas", "numpy"),
        "caps": CAPS,
        "students": sizes,
        "seconds": {**seconds, "together": whole},
        "peak_mib": {**memory, "together": highest},
        "growth": {
            "seconds": {stage: growth(sizes, seconds[stage]) for stage in STAGES}
            | {"together": growth(sizes, whole)},
            "peak_mib": {stage: growth(sizes, memory[stage]) for stage in STAGES}
            | {"together": growth(sizes, highest)},
        },
    }


def set_parameters(path: Path, students: int) -> None:
    parameters = yaml.safe_load(path.read_text(encoding="utf-8"))
    parameters["simulate"]["students"] = students
    parameters["model"]["members"] = CAPS["members"]
    parameters["train"] |= {key: CAPS[key] for key in ("epochs", "batch_size")}
    path.write_text(yaml.safe_dump(parameters), encoding="utf-8")


def growth(sizes: list[int], values: list[float]) -> float:
    """What a row adds to the start-up from the last size but one to the last, over what it added
    up to there: 1 is proportional to the rows, less is slower, more is faster."""
    start = values[0]  # Of so few rows, next to nothing but start-up.
    earlier = (values[-2] - start) / (sizes[-2] - sizes[0])
    later = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])
    return round(later / earlier, 2) if earlier > 0 else 0.0


def draw(results: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure  # here, so that the children do not count it

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    labels = {"seconds": "Wall time, s", "peak_mib": "Peak memory, MiB"}
    sizes = results["students"]
    both = figure.subplots(1, 2)
    for axes, (measured, label) in zip(both, labels.items(), strict=True):
        for stage in STAGES:
            axes.loglog(sizes, results[measured][stage], marker="o", label=stage)
        top = results[measured]["together"][-1]
        axes.loglog(
            sizes[-2:],
            [top * sizes[-2] / sizes[-1], top],
            color="0.6",
            linestyle="--",
            label="proportional to the rows",
        )
        axes.set(xlabel="Students", ylabel=label)
        axes.grid(alpha=0.3)
    both[0].legend(frameon=False)
    figure.suptitle(
        f"Stages against cohort size ({CAPS['epochs']} epochs, {CAPS['members']} networks)"
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})


def section(results: dict[str, Any]) -> str:
    caps = results["caps"]
    tables = []
    for measured, unit, digits in (("seconds", "Seconds", 2), ("peak_mib", "Peak MiB", 0)):
        header = [f"{unit} of", *(f"{size:,}" for size in results["students"])]
        rows = [
            [stage, *(f"{value:,.{digits}f}" for value in values), f"{factor:.2f}", told(factor)]
            for (stage, values), factor in zip(
                results[measured].items(), results["growth"][measured].values(), strict=True
            )
        ]
        tables.append(table([*header, "growth", "no faster than the rows"], rows))
    together = "\n\n".join(tables)
    return (
        f"{together}\n\n![Time and memory against the number of students]"
        "(../benchmarks/results/scale.png)\n\n"
        f"Every size with the same caps: {caps['epochs']} epochs, {caps['members']} networks, "
        f"batches of {caps['batch_size']}; each stage a process of its own, imports included. "
        "Together: the sum of the times, the highest of the peaks. Growth: what a row adds between "
        "the two largest sizes, over what a row adds up to the smaller of them; 1 is proportional "
        f"to the rows, and up to {SLACK:g} counts as no faster."
    )


def told(factor: float) -> str:
    return verdict(factor <= SLACK).replace("met", "yes").replace("missed", "no")


if __name__ == "__main__":
    results = measure(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1])
    RESULTS.mkdir(parents=True, exist_ok=True)
    draw(results, RESULTS / "scale.png")
    write("scale", results, section(results))
