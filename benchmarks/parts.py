"""What single parts cost: imports, reading a table, a forecast and its reasons.

python -m benchmarks.parts [REPETITIONS]
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import yaml

from benchmarks.report import machine, table, verdict, write
from benchmarks.workplace import copy_project, environment, wait_for_quiet

REPETITIONS = 5
STUDENTS, ROWS = 10_000, 1_000_000
# The libraries that a stage cannot do without.
NEEDED = {
    "simulate": "pandas, pydantic, yaml",
    "prepare": "pandas, pydantic, yaml",
    "correlate": "pandas, pydantic, yaml, matplotlib.figure, matplotlib.backends.backend_agg",
    "train": "pandas, pydantic, yaml, torch, safetensors.torch, tqdm",
    "evaluate": "pandas, pydantic, yaml, torch, safetensors.torch",
    "forecast": "pandas, pydantic, yaml, torch, safetensors.torch, tqdm",
    "crossvalidate": (
        "pandas, pydantic, yaml, torch, safetensors.torch, tqdm, matplotlib.figure, "
        "matplotlib.backends.backend_agg"
    ),
}
FORECAST = """
import stages, time, torch
from pathlib import Path
from nextsem import tables
from nextsem.forecaster import Forecaster
torch.set_num_threads(1)
forecaster = Forecaster.load(Path("models/forecaster.safetensors"))
frame, _ = tables.read_students(Path("data/raw/simulated.csv"), forecaster.data)
students = tables.students(frame, forecaster.data)
inputs = forecaster.encoding.inputs(forecaster.encoding.known(students))
architecture = forecaster.architecture
plain = [
    torch.nn.RNN(architecture.inputs, architecture.hidden, architecture.layers, batch_first=True)
    for _ in forecaster.weights
]
entering = inputs[..., : architecture.inputs].contiguous()
with torch.no_grad():
    for _ in range(2):
        start = time.perf_counter()
        for network in plain:
            network(entering)
        torch_nn = time.perf_counter() - start
        start = time.perf_counter()
        forecaster.predict(students)
        ours = time.perf_counter() - start
start = time.perf_counter()
forecaster.explain(students[:1000])
print(ours, torch_nn, time.perf_counter() - start)
"""


def run(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Seconds, peak memory in MiB and output of a Python program."""
    wait_for_quiet()
    start = perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} failed, exit status {process.returncode}")
    return seconds, usage.ru_maxrss / 1024, printed


def simulate(folder: Path, students: int) -> None:
    parameters = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    parameters["simulate"]["students"] = students
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    run(folder, "-m", "stages.simulate")


def measure(repetitions: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {}
    peaks: dict[str, float] = {}

    def keep(name: str, taken: float) -> None:
        seconds.setdefault(name, []).append(round(taken, 4))
        print(f"{name:28} {taken:7.3f} s", flush=True)

    with TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        for stage in ("simulate", "prepare", "train"):
            run(folder, "-m", f"stages.{stage}")
        simulate(folder, STUDENTS)
        for _ in range(repetitions):
            for stage, libraries in NEEDED.items():
                keep(f"import {stage}", run(folder, "-c", f"import stages.{stage}")[0])
                keep(f"needed {stage}", run(folder, "-c", f"import {libraries}")[0])
            ours, torch_nn, reasons = map(float, run(folder, "-c", FORECAST)[2].split())
            keep("forecast", ours)
            keep("forecast by torch.nn", torch_nn)
            keep("reasons for 1000", reasons)
        simulate(folder, ROWS)
        read = "import pandas; pandas.read_csv('data/raw/simulated.csv')"
        for _ in range(max(2, repetitions // 2)):
            for part, arguments in {
                "prepare": ("-m", "stages.prepare"),
                "read_csv": ("-c", read),
            }.items():
                taken, peaks[part], _ = run(folder, *arguments)
                keep(part, taken)
    medians = {part: median(taken) for part, taken in seconds.items()}
    ratios = {
        f"import of {stage}": (medians[f"import {stage}"], medians[f"needed {stage}"], 1.3)
        for stage in NEEDED
    } | {
        f"forecast of {STUDENTS:,} students": (
            medians["forecast"],
            medians["forecast by torch.nn"],
            2.0,
        ),
        "reasons against forecast, a student": (
            medians["reasons for 1000"] / 1000,
            medians["forecast"] / STUDENTS,
            40.0,
        ),
        f"prepare of {ROWS:,} rows": (medians["prepare"], medians["read_csv"], 8.0),
        "peak memory of that, GiB": (peaks["prepare"] / 1024, peaks["read_csv"] / 1024, 2.0),
    }
    return {
        "machine": machine("torch", "pandas"),
        "repetitions": repetitions,
        "seconds": seconds,
        "comparisons": {
            what: {
                "value": round(value, 6),
                "against": round(against, 6),
                "ratio": round(value / against, 3),
                "target": target,
                "met": value / against <= target,
            }
            for what, (value, against, target) in ratios.items()
        },
    }


def section(results: dict[str, Any]) -> str:
    rows = [
        [
            what,
            f"{each['value']:.3g}",
            f"{each['against']:.3g}",
            f"{each['ratio']:.2f}",
            f"<= {each['target']:g}",
            verdict(each["met"]),
        ]
        for what, each in results["comparisons"].items()
    ]
    return (
        f"{table(['what', 'here', 'against', 'ratio', 'target', ''], rows)}\n\n"
        f"Seconds, medians of {results['repetitions']} interleaved repetitions. Against: for an import, "
        "that of the libraries alone that the stage cannot do without; for a forecast by six networks, "
        "as many `torch.nn.RNN` on one thread, which do no scaling and no reading of grades; for "
        "prepare, `pandas.read_csv` of the same file, which checks nothing and writes nothing."
    )


if __name__ == "__main__":
    results = measure(int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS)
    write("parts", results, section(results))
