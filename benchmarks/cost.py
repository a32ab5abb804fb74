"""What the pipeline costs: against the reference's plain script, and against DVC alone.

python -m benchmarks.cost [REPETITIONS]
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import yaml

from benchmarks.report import ROOT, machine, table, verdict, write
from benchmarks.workplace import call, copy_project, make_repository, wait_for_quiet

REPETITIONS = 3
SHORT = 5  # times as many repetitions of what takes a second
BASIC = ("train", "evaluate", "correlate")  # and what they need: simulate and prepare
TABLE = "data/raw/simulated.csv"
# What is measured, what it is held against, how many times that it may take, and what it is.
COMPARISONS = {
    "crossvalidate": ("reference", 1.5, "`python -m stages.crossvalidate`"),
    "cold_basic": ("reference", 1.8, f"cold `dvc repro {' '.join(BASIC)}`"),
    "cold_all": ("reference", 3.0, "cold `dvc repro`, all stages"),
    "nothing_to_do": ("nothing_to_do_trivial", 1.15, "`dvc repro` with nothing to do"),
}
AGAINST = {
    "reference": "`python benchmarks/reference.py`",
    "nothing_to_do_trivial": "the same graph of trivial stages",
}


def timed(folder: Path, *command: str) -> float:
    wait_for_quiet()
    start = perf_counter()
    call(folder, *command)
    return perf_counter() - start


def cold(place: Path, *targets: str) -> float:
    """Seconds to run stages in a fresh repository: no data, no results, an empty cache."""
    place.mkdir()
    copy_project(place)
    make_repository(place)
    return timed(place, "dvc", "repro", "--no-run-cache", *targets)


def make_trivial(folder: Path) -> None:
    """Make a repository with the pipeline's graph, its stages doing nothing, its files all small."""
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

    def named(entry: str | dict[str, Any]) -> str:
        path = entry if isinstance(entry, str) else next(iter(entry))
        return path.replace("${data.table}", parameters["data"]["table"])

    made, needed = set(), set()
    for file in ("dvc.yaml", "data/raw/dvc.yaml"):
        stages = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["stages"]
        trivial = {}
        for name, stage in stages.items():
            written = [named(each) for kind in ("outs", "metrics") for each in stage.get(kind, [])]
            read = [named(each) for each in stage.get("deps", [])]
            trivial[name] = {
                "cmd": f"touch {' '.join(written)}",
                "wdir": stage.get("wdir", "."),
                "deps": read,
                "params": stage.get("params", []),
                "outs": written,
            }
            made.update(written)
            needed.update(read)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(yaml.safe_dump({"stages": trivial}, sort_keys=False))
    for path in made | needed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    for path in needed - made:
        (folder / path).write_text(path)
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    make_repository(folder)
    call(folder, "dvc", "repro")


def measure(repetitions: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {}
    with TemporaryDirectory() as name:
        place = Path(name)
        prepared, trivial = place / "prepared", place / "trivial"
        for folder in (prepared, trivial, place / "reference"):
            folder.mkdir()
        copy_project(prepared)
        for stage in ("simulate", "prepare"):
            call(prepared, sys.executable, "-m", f"stages.{stage}")
        make_trivial(trivial)
        reference = (sys.executable, str(ROOT / "benchmarks/reference.py"))
        ways: dict[str, Callable[[int], float]] = {
            "reference": lambda _: timed(
                prepared, *reference, str(prepared / TABLE), str(place / "reference")
            ),
            "crossvalidate": lambda _: timed(
                prepared, sys.executable, "-m", "stages.crossvalidate"
            ),
            "cold_basic": lambda turn: cold(place / f"basic_{turn}", *BASIC),
            "cold_all": lambda turn: cold(place / f"all_{turn}"),
        }
        short: dict[str, Callable[[int], float]] = {
            "nothing_to_do": lambda turn: timed(place / f"all_{turn}", "dvc", "repro"),
            "nothing_to_do_trivial": lambda _: timed(trivial, "dvc", "repro"),
        }

        def keep(way: str, taken: float) -> None:
            print(f"{way:24} {taken:6.2f} s", flush=True)
            seconds.setdefault(way, []).append(taken)

        for turn in range(repetitions):
            for way, run in ways.items():
                keep(way, run(turn))
            for run in short.values():
                run(turn)  # the trivial one has run before, too
            for _ in range(SHORT):
                for way, run in short.items():
                    keep(way, run(turn))
    medians = {way: median(taken) for way, taken in seconds.items()}
    ratios = {way: medians[way] / medians[against] for way, (against, *_) in COMPARISONS.items()}
    return {
        "machine": machine("dvc", "torch"),
        "repetitions": repetitions,
        "stages": len(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]),
        "seconds": {way: [round(each, 3) for each in taken] for way, taken in seconds.items()},
        "comparisons": {
            way: {
                "seconds": round(medians[way], 3),
                "against": against,
                "against_seconds": round(medians[against], 3),
                "ratio": round(ratios[way], 3),
                "target": target,
                "met": ratios[way] <= target,
            }
            for way, (against, target, _) in COMPARISONS.items()
        },
    }


def section(results: dict[str, Any]) -> str:
    rows = [
        [
            COMPARISONS[way][2],
            f"{each['seconds']:.2f} s",
            AGAINST[each["against"]],
            f"{each['against_seconds']:.2f} s",
            f"{each['ratio']:.2f}",
            f"<= {each['target']:g}",
            verdict(each["met"]),
        ]
        for way, each in results["comparisons"].items()
    ]
    return (
        f"{table(['what', 'time', 'against', 'time', 'ratio', 'target', ''], rows)}\n\n"
        f"Medians of {results['repetitions']} interleaved repetitions ({SHORT} times as many with nothing "
        "to do), on the simulated table with "
        f"the default parameters; the pipeline has {results['stages']} stages. Cold: a fresh "
        "repository without data, results, lock file or cache, so that every stage runs. The trivial "
        "pipeline has as many stages with the same files and parameters as dependencies, and does "
        "nothing."
    )


if __name__ == "__main__":
    results = measure(int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS)
    write("cost", results, section(results))
