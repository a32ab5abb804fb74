"""Time and memory of the stages on transcripts, by how many students and colleges there are.

    python -m benchmarks.scale [--folds] [STUDENTS[:COLLEGES] ...]

The parameters are those of `params.yaml`, for transcripts; the code is that of the last commit, in a
clone of its own. With --folds also cross-validation, which trains as often as there are folds.
Nothing heavy is imported here: what a stage needs at its peak would count what its parent holds.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import yaml

ROOT = Path(__file__).resolve().parent.parent
CASES = ["2700", "20000", "20000:300", "200000", "200000:1000", "810000"]
FEW = 4  # colleges of the simulated cohort
STAGES = ["prepare", "train", "evaluate", "forecast"]
WITH_FOLDS = ["prepare", "train", "evaluate", "crossvalidate", "compare", "forecast"]
LONG = {"layout": "long", "id": [], "numeric": ["Credits"]}


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


def simulate(folder: Path, students: int, colleges: int) -> int:
    """Simulate a table of transcripts; how many rows it has."""
    file = folder / "params.yaml"
    parameters = yaml.safe_load(file.read_text(encoding="utf-8"))
    parameters["simulate"] |= {"students": students, "layout": "long"}
    parameters["data"] |= LONG
    file.write_text(yaml.safe_dump(parameters), encoding="utf-8")
    run("simulate", folder)
    table, other = folder / "data/raw/simulated.csv", folder / "data/raw/more.csv"
    with table.open(newline="") as source, other.open("w", newline="") as target:
        reader, writer = csv.reader(source), csv.writer(target, lineterminator="\n")
        header = next(reader)
        student, college = header.index("Student"), header.index("College Code")
        writer.writerow(header)
        for row in reader:
            if colleges > FEW:  # each becomes many, by the student's number
                row[college] += f"-{int(row[student].split('-')[-1]) % (colleges // FEW)}"
            writer.writerow(row)
        rows = reader.line_num - 1
    other.replace(table)
    return rows


def main(cases: list[str], stages: list[str]) -> None:
    print(f"| students | colleges | rows | {' | '.join(stages)} |")
    print(f"|--:|--:|--:|{'--:|' * len(stages)}")
    with TemporaryDirectory() as name:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), name], check=True)
        for case in cases:
            students, colleges = map(int, (*case.split(":"), str(FEW))[:2])
            rows = simulate(Path(name), students, colleges)
            measured = [run(stage, Path(name)) for stage in stages]
            cells = [f"{taken:.1f} s, {peak:,.0f} MiB" for taken, peak in measured]
            print(f"| {students:,} | {colleges:,} | {rows:,} | {' | '.join(cells)} |", flush=True)
    print(f"\nEach stage with its imports, on {os.cpu_count()} cores.")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        [one for one in given if one != "--folds"] or CASES,
        WITH_FOLDS if "--folds" in given else STAGES,
    )
