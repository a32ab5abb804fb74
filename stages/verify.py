"""Check that dvc.lock and metrics/ of a commit are what its code gives.

    python -m stages.verify [REVISION]

A clone of the commit (HEAD, if none is named) runs the whole pipeline, and what comes out is held
against what is committed: numbers within what another processor may change, all else as it is. Exit
status 1 if they differ.
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from math import isclose, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nextsem import InputError
from stages.revisions import flat, git

LOCK = "dvc.lock"
# Kernels without AVX2 moved no number of the default pipeline by more than 0.000001.
RELATIVE, ABSOLUTE = 0.001, 0.0001
PICTURE = 0.001  # the share of its points that may clearly differ
SHOWN = 5  # differences of a file, at most
# What a stage that reads this writes has numbers of the network in it: their last bits, and so the
# checksums in dvc.lock, are the processor's.
NETWORK = "nextsem/network.py"

Flat = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.verify", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("revision", nargs="?", default="HEAD", metavar="REVISION")
    revision = parser.parse_args().revision
    commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="nextsem-verify-") as folder:
        clone = check_out(commit, Path(folder) / "clone")
        committed = results(clone)
        for name in committed:
            (clone / name).unlink()
        run(clone, "dvc", "repro", "--no-run-cache")
        given = results(clone)
    names = sorted(committed | given)
    found = {name: list(compare(name, committed.get(name), given.get(name))) for name in names}
    if not any(found.values()):
        print(f"{commit[:9]}: dvc.lock and metrics/ are what the code gives ({len(names)} files)")
        return
    print(
        f"{commit[:9]}: dvc.lock and metrics/ are not what the code gives; `dvc repro` makes them:\n"
    )
    for name, lines in found.items():
        for line in lines[:SHOWN]:
            print(f"- {name}: {line}")
        if len(lines) > SHOWN:
            print(f"- {name}: and {len(lines) - SHOWN} more")
    sys.exit(1)


def check_out(commit: str, clone: Path) -> Path:
    """A clone with just what is in Git, and the tables that `dvc add` keeps."""
    git("clone", "--quiet", "--shared", "--no-checkout", ".", str(clone))
    git("-C", str(clone), "checkout", "--quiet", "--detach", commit)
    tables = [str(path.relative_to(clone)) for path in clone.glob("data/**/*.dvc")]
    if tables:
        told = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=True)
        cache = Path(told.stdout.strip()).resolve()
        (clone / ".dvc/config.local").write_text(f"[cache]\n    dir = {cache}\n", encoding="utf-8")
        run(clone, "dvc", "checkout", "--quiet", *tables)
    return clone


def run(folder: Path, *command: str) -> None:
    """Run a command; what it says goes to stderr, as stdout is for the verdict."""
    if subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode:
        raise InputError(f"{' '.join(command)}: failed at this revision; the lines above say why")


def results(clone: Path) -> dict[str, bytes]:
    """dvc.lock and the files under metrics/, by their names."""
    paths = [clone / LOCK, *clone.glob("metrics/**/*")]
    return {str(path.relative_to(clone)): path.read_bytes() for path in paths if path.is_file()}


def compare(name: str, committed: bytes | None, given: bytes | None) -> Iterator[str]:
    """How a file differs from what the code gives, a line for each difference."""
    if given is None:
        yield "no stage makes it"
    elif committed is None:
        yield "is not committed"
    elif committed != given:
        try:
            yield from differences(name, committed, given)
        except (OSError, SyntaxError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
            yield f"cannot be read: {' '.join(str(error).split())}"


def differences(name: str, committed: bytes, given: bytes) -> Iterator[str]:
    """How two states of a file differ."""
    if name.endswith(".png"):
        share = points_that_differ(committed, given)
        if share > PICTURE:
            yield f"another picture: {share:.1%} of its points clearly differ"
        return
    before, after = content(name, committed), content(name, given)
    for place in before | after:
        pair = before.get(place, "missing"), after.get(place, "missing")
        if not same(*pair):
            yield f"{place} is {pair[0]}; the code gives {pair[1]}"


def same(committed: Any, given: Any) -> bool:
    """Whether two values agree; of numbers with decimals, as closely as another processor's do."""
    if isinstance(committed, float) and isinstance(given, float):
        return isclose(committed, given, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(committed == given)


def content(name: str, written: bytes) -> Flat:
    """Each value of a file, by where it stands."""
    text = written.decode("utf-8")
    if name == LOCK:
        return locked(yaml.safe_load(text)["stages"])
    if name.endswith(".json"):
        return dict(flat(json.loads(text)))
    if name.endswith(".csv"):
        rows = enumerate(csv.DictReader(io.StringIO(text)), 2)
        return {
            f"row {row}, {column}": number(cell)
            for row, cells in rows
            for column, cell in cells.items()
        }
    return {"its text": text}


def locked(stages: dict[str, Any]) -> Flat:
    """What dvc.lock says of each stage, less the checksums that are the processor's."""
    loose = {
        out["path"]
        for stage in stages.values()
        for out in stage.get("outs", [])
        if out["path"].startswith("metrics/") or NETWORK in (dep["path"] for dep in stage["deps"])
    }
    values: Flat = {}
    for name, stage in stages.items():
        values[f"{name}, cmd"] = stage["cmd"]
        for kind in ("deps", "outs"):
            for each in stage.get(kind, []):
                checksum = "(any)" if each["path"] in loose else each["md5"]
                values[f"{name}, {kind}, {each['path']}"] = checksum
        for place, value in flat(stage.get("params", {})):
            values[f"{name}, {place}"] = str(
                value
            )  # as text: a parameter is meant to the last digit
    return values


def number(cell: str | None) -> Any:
    """A number with decimals where the text is one."""
    try:
        value = float(cell or "")
    except ValueError:
        return cell
    return value if isfinite(value) else cell


def points_that_differ(committed: bytes, given: bytes) -> float:
    """The share of two pictures' points whose colours differ by more than a quarter of the scale."""
    import matplotlib.image  # here, because most files are no pictures

    first, second = (
        matplotlib.image.imread(io.BytesIO(each), "png") for each in (committed, given)
    )
    if first.shape != second.shape:
        return 1.0
    return float(np.mean(np.abs(first - second).max(axis=-1) > 0.25))


if __name__ == "__main__":
    main()
