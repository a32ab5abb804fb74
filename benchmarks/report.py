"""What every benchmark tells: the machine, a JSON file, and its own section of the document."""

import json
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = ROOT / "docs"


def machine(*packages: str) -> dict[str, Any]:
    """The processor, how many of its cores may be used, and versions; nothing that names a host."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.is_file() else None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": found[1].strip() if found else platform.machine(),
        "cores": cores(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def write(name: str, results: dict[str, Any], section: str, page: str = "benchmarks.md") -> None:
    """Write the results as JSON, put the section into a page of docs/, and print it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    begin, end = f"<!-- {name}: written by python -m benchmarks.{name} -->", f"<!-- /{name} -->"
    document = (DOCUMENTS / page).read_text(encoding="utf-8")
    start, stop = document.index(begin) + len(begin), document.index(end)
    section = f"{section}\n\n{sentence(results['machine'])}"
    document = f"{document[:start]}\n{section}\n{document[stop:]}"
    (DOCUMENTS / page).write_text(document, encoding="utf-8")
    print(section)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column flush left, the others flush right."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def sentence(described: dict[str, Any]) -> str:
    """The machine in a sentence."""
    versions = [
        f"{name} {value}"
        for name, value in described.items()
        if name not in ("processor", "cores", "memory_gib", "system")
    ]
    return (
        f"Measured on {described['processor']}, {described['cores']} cores, "
        f"{described['memory_gib']} GiB, {described['system']}; {', '.join(versions)}."
    )
