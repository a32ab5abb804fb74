"""All benchmarks, their ratios in one table and one picture, held against the last ones kept in Git.

python -m benchmarks.together

Exit status 1 if a ratio is worse than the last one by more than noise: NOISE times.
"""

import json
import subprocess
import sys
from typing import Any

from matplotlib.figure import Figure

from benchmarks.report import DOCUMENTS, RESULTS, ROOT, table

SCRIPTS = ("throughput", "parts", "cost", "scale")
NOISE = 1.3
BEGIN, END = "<!-- together: written by make bench -->\n", "<!-- /together -->"


def ratios(results: dict[str, dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Every ratio and the most that it is to be; less is better."""
    found = {
        f"batch of {size} against a loop of torch.nn": (1 / each["ratio"], 1 / each["target"])
        for size, each in results["throughput"]["sizes"].items()
    }
    for script in ("parts", "cost"):
        found |= {
            what: (each["ratio"], each["target"])
            for what, each in results[script]["comparisons"].items()
        }
    growth = results["scale"]["growth"]
    for measured, of in (("seconds", "time"), ("peak_mib", "memory")):
        found[f"growth of {of} with the rows"] = (growth[measured]["together"], 1.15)
    return found


def committed() -> dict[str, dict[str, Any]]:
    """The results of the last commit, of those scripts that have any."""
    results = {}
    for script in SCRIPTS:
        name = f"HEAD:benchmarks/results/{script}.json"
        done = subprocess.run(
            ["git", "show", name], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            results[script] = json.loads(done.stdout)
    return results


def draw(now: dict[str, tuple[float, float]]) -> None:
    """Each ratio over its target: left of the line is better."""
    figure = Figure(figsize=(8.5, 1 + 0.32 * len(now)), layout="constrained")
    axes = figure.add_subplot()
    shares = [ratio / target for ratio, target in now.values()]
    colors = ["#2166ac" if share <= 1 else "#b2182b" for share in shares]
    axes.barh(range(len(now)), shares, color=colors, height=0.6)
    axes.axvline(1, color="#222222", lw=1)
    axes.set_yticks(range(len(now)), now)
    axes.invert_yaxis()
    axes.set_xlabel("Ratio over its target; 1 is as much as it is to be")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "together.png", dpi=110, metadata={"Software": None})


def main() -> None:
    before = committed()
    for script in SCRIPTS:
        subprocess.run([sys.executable, "-m", f"benchmarks.{script}"], cwd=ROOT, check=True)
    read = {script: json.loads((RESULTS / f"{script}.json").read_text()) for script in SCRIPTS}
    now, earlier = ratios(read), ratios(before) if len(before) == len(SCRIPTS) else {}
    worse = [what for what in now if what in earlier and now[what][0] > NOISE * earlier[what][0]]
    rows = [
        [
            what,
            f"{ratio:.2f}",
            f"<= {target:.3g}",
            f"{earlier[what][0]:.2f}" if what in earlier else "",
            "**worse**" if what in worse else "met" if ratio <= target else "**missed**",
        ]
        for what, (ratio, target) in now.items()
    ]
    draw(now)
    section = (
        f"{table(['what', 'ratio', 'target', 'before', ''], rows)}\n\n"
        f"Worse: more than {NOISE:g} times what the last commit had.\n\n"
        "![Each ratio over its target](../benchmarks/results/together.png)\n"
    )
    page = DOCUMENTS / "benchmarks.md"
    document = page.read_text(encoding="utf-8")
    start, stop = document.index(BEGIN) + len(BEGIN), document.index(END)
    page.write_text(document[:start] + section + document[stop:], encoding="utf-8")
    if worse:
        sys.exit(f"worse than before by more than noise: {'; '.join(worse)}")


if __name__ == "__main__":
    main()
