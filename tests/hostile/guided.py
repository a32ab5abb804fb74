"""Look for tables that break the reader, guided by the code that they reach.

    python -m tests.hostile.guided SECONDS FOLDER

FOLDER keeps the inputs that reached something new, to go on from another time, and the one that
broke the reader, if any did. Needs atheris, which is a coverage-guided fuzzer: `make test-all`
installs it.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nextsem", "openpyxl", "zipfile"]):
    from tests.hostile import of_tables, workbooks

# What the first byte of an input says that the rest is.
PARTS = ["table.csv", "table.xlsx", *of_tables.good_parts()]


def main(seconds: int, folder: Path) -> None:
    seeds = folder / "inputs"
    seeds.mkdir(parents=True, exist_ok=True)
    good = of_tables.good_parts()
    contents = [of_tables.GOOD, workbooks.packed(good), *(part.encode() for part in good.values())]
    for number, content in enumerate(contents):
        (seeds / PARTS[number].replace("/", "_")).write_bytes(bytes([number]) + content)
    options = [
        *(f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=4096", "-max_len=10000"),
        *(f"-artifact_prefix={folder}/", "-print_final_stats=1", "-verbosity=0", "-seed=1"),
    ]
    with tempfile.TemporaryDirectory() as scratch:

        def once(content: bytes) -> None:
            kind, rest = PARTS[content[0] % len(PARTS)] if content else PARTS[0], content[1:]
            if kind in good:
                kind, rest = "table.xlsx", workbooks.packed(good | {kind: rest})
            of_tables.read_or_refused(Path(scratch) / kind, rest)

        atheris.Setup([sys.argv[0], *options, str(seeds)], once)
        atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
