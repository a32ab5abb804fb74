"""Checksums of code are those that DVC records."""

import subprocess
import sys
from pathlib import Path

import pytest

from nextsem.review.revisions import Revision
from tests.results import Results

STAGE = """
stages:
  one:
    cmd: 'true'
    deps: [nextsem/room]
"""


@pytest.mark.parametrize("committed", [True, False])
def test_the_checksum_of_a_room_is_that_of_dvc(results: Results, committed: bool) -> None:
    for name in ("b.py", "a.py", "inner/c.py", "inner/card.md", "notes.ipynb"):
        path = Path("nextsem/room") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name} ü\n")
    Path(".dvcignore").write_text(
        "/nextsem/**/*\n!/nextsem/**/\n!/nextsem/**/*.py\n!/nextsem/**/*.md\n"
    )
    Path("dvc.yaml").write_text(STAGE)
    Path("dvc.lock").unlink()
    for command in ("init", "--no-scm", "--quiet"), ("repro", "--quiet"):
        program = [sys.executable, "-m", "dvc", *command]
        subprocess.run(program, check=True, env={"PATH": "/usr/bin:/bin", "DVC_NO_ANALYTICS": "1"})
    results.git("add", "--all")
    results.git("commit", "--quiet", "-m", "room")
    revision = Revision.find("main" if committed else None)
    assert revision.checksum("nextsem/room") == revision.checksums("deps")["nextsem/room"]
