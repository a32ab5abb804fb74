"""Try generated inputs of every kind, and write how many became what to docs/hostile-input.md.

python -m tests.hostile.count 100000
"""

import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.hostile import of_forecasters, of_parameters, of_tables
from tests.hostile.kinds import LONGEST, Kind

DOCUMENT = Path(__file__).parents[2] / "docs/hostile-input.md"
BEGIN, END = "<!-- counts: written by python -m tests.hostile.count -->", "<!-- /counts -->"
KINDS: dict[str, Kind] = {**of_tables.KINDS, **of_parameters.KINDS, **of_forecasters.KINDS}


def main(inputs: int) -> None:
    counts: dict[str, Counter[str]] = {}
    for number, (name, kind) in enumerate(KINDS.items()):
        wanted = -(-(inputs - sum(map(Counter.total, counts.values()))) // (len(KINDS) - number))
        with tempfile.TemporaryDirectory() as folder:
            counts[name] = kind.run(Path(folder), wanted)
        print(
            f"{name}: {', '.join(f'{n:,} {became}' for became, n in counts[name].items())}",
            flush=True,
        )
    counts = {"all kinds": sum(counts.values(), Counter())} | counts
    lines = ["| kind | inputs | read or written | refused in a line |", "| --- | --: | --: | --: |"]
    for name, became in counts.items():
        lines.append(
            f"| {name} | {became.total():,} | {became['accepted']:,} | {became['refused']:,} |"
        )
    text = DOCUMENT.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines += [
        "",
        f"None raised another error or took {LONGEST:g} s. Memory at most: {peak:,.0f} MiB.",
    ]
    section = "\n".join(lines)
    DOCUMENT.write_text(f"{text[:start]}\n{section}\n{text[stop:]}", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]))
