"""What tests of stages share: a repository with results that are made up."""

from pathlib import Path

import pytest

from tests.results import Results


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """A repository with results on main, in whose folder we are."""
    results = Results(tmp_path / "repository")
    results.commit()
    monkeypatch.chdir(results.folder)
    return results
