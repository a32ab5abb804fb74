"""stages.published: the published table, copied from where NEXTSEM_PUBLISHED says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = "data/raw/published.csv"


def run(folder: Path, copy: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.published"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NEXTSEM_PUBLISHED": str(copy)},
    )


def test_copies_the_table(published: Path, tmp_path: Path) -> None:
    done = run(tmp_path, published.resolve())
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / TABLE).read_bytes() == published.read_bytes()


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        (b"1st,2nd\n8,9\n", ("is not the published table", "allowed: 5d5a8b3d83db6b4c8509f2d2d1")),
        (None, ("NEXTSEM_PUBLISHED names", "No such file")),
    ],
    ids=["wrong bytes", "no such file"],
)
def test_refuses(tmp_path: Path, content: bytes | None, fragments: tuple[str, ...]) -> None:
    copy, old = tmp_path / "copy.csv", tmp_path / TABLE
    old.parent.mkdir(parents=True)
    old.write_bytes(b"what stood here before")
    if content is not None:
        copy.write_bytes(content)
    done = run(tmp_path, copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert 1 <= len(done.stderr.splitlines()) <= 2
    for fragment in (str(copy), *fragments):
        assert fragment in done.stderr
    assert [path.name for path in old.parent.iterdir()] == ["published.csv"]
    assert old.read_bytes() == b"what stood here before"
