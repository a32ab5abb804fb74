"""Cross-validation by one process and by two, which `torchrun` starts.

    python -m benchmarks.processes

Two processes on two cores are held against one process on one core, and against what one process
makes of both cores by itself.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import yaml

from benchmarks.report import machine, table, verdict, write
from benchmarks.workplace import call, copy_project, wait_for_quiet

REPETITIONS = 3
WORK = {"layers": 3, "hidden": 128, "epochs": 180}
TARGET = 1.6
STAGE = ("-m", "stages.crossvalidate")
TWO = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", *STAGE)
WAYS = {
    "one_on_one": ("one process on one core", 1, (sys.executable, *STAGE)),
    "one_on_two": ("one process on two cores", 2, (sys.executable, *STAGE)),
    "two_on_two": ("two processes on two cores", 2, TWO),
}
METRICS = "metrics/crossvalidation.json"


def timed(folder: Path, cores: int, command: Sequence[str]) -> float:
    """Seconds that a command takes on so many cores."""
    wait_for_quiet()
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        start = perf_counter()
        call(folder, *command)
        return perf_counter() - start
    finally:
        os.sched_setaffinity(0, allowed)


def measure() -> dict[str, Any]:
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    results = set()
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        networks = set_parameters(folder / "params.yaml")
        for stage in ("simulate", "prepare"):
            call(folder, sys.executable, "-m", f"stages.{stage}")
        for _ in range(REPETITIONS):
            for way, (_, cores, command) in WAYS.items():
                taken = timed(folder, cores, command)
                print(f"{way:12} {taken:7.2f} s", flush=True)
                seconds[way].append(taken)
                results.add((folder / METRICS).read_text())
    medians = {way: median(taken) for way, taken in seconds.items()}
    ratio = medians["one_on_one"] / medians["two_on_two"]
    return {
        "machine": machine("torch"),
        "work": {**WORK, "networks": networks},
        "repetitions": REPETITIONS,
        "seconds": {way: [round(each, 3) for each in taken] for way, taken in seconds.items()},
        "throughput": {way: round(networks / taken, 3) for way, taken in medians.items()},
        "ratio": round(ratio, 2),
        "ratio_one_process": round(medians["one_on_two"] / medians["two_on_two"], 2),
        "same_bytes": len(results) == 1,
        "target": TARGET,
        "met": ratio >= TARGET and len(results) == 1,
    }


def set_parameters(path: Path) -> int:
    """Make the networks large enough to matter; how many there are to train."""
    parameters = yaml.safe_load(path.read_text(encoding="utf-8"))
    parameters["model"] |= {"layers": WORK["layers"], "hidden": WORK["hidden"]}
    parameters["train"] |= {"epochs": WORK["epochs"], "patience": 0}
    parameters["crossvalidate"]["by"] = None
    path.write_text(yaml.safe_dump(parameters), encoding="utf-8")
    how = parameters["crossvalidate"]
    return how["folds"] * how["repeats"] * parameters["model"]["members"]


def section(results: dict[str, Any]) -> str:
    work = results["work"]
    base = results["throughput"]["one_on_one"]
    rows = [
        [
            WAYS[way][0],
            f"{median(results['seconds'][way]):.1f} s",
            f"{rate:.2f}",
            f"{rate / base:.2f}",
        ]
        for way, rate in results["throughput"].items()
    ]
    same = "the same bytes" if results["same_bytes"] else "**different bytes**"
    return (
        f"{table(['', 'time', 'networks a second', 'times the first'], rows)}\n\n"
        f"Two processes on two cores: {results['ratio']:.2f} times the throughput of one on one "
        f"(target: {results['target']:g}, {verdict(results['met'])}), and "
        f"{results['ratio_one_process']:.2f} times that of one which has both. All three write "
        f"{same}. Whole stages, imports and launcher included, medians of "
        f"{results['repetitions']} interleaved repetitions: {work['networks']} networks of "
        f"{work['layers']} x {work['hidden']}, {work['epochs']} epochs each."
    )


if __name__ == "__main__":
    results = measure()
    write("processes", results, section(results), "scale.md")
