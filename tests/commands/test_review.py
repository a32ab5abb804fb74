"""The exit status of a review, by which a script decides."""

from pathlib import Path

import pytest

from commands import review
from tests.commands.conftest import Typed
from tests.results import Results


def test_exit_status(results: Results, typed: Typed) -> None:
    results.commit("good", better=0.1, noise=1)
    assert "**Better.**" in typed(review, "main", "good", "--fail-if-worse")
    with pytest.raises(SystemExit, match="1"):
        typed(review, "good", "main", "--fail-if-worse")
    results.write(for_b=0.03)
    with pytest.raises(SystemExit, match="1"):
        typed(review, "main", "--fail-if-worse")
    Path("accepted.yaml").write_text('"Group B: mean squared error": the others gain\n')
    assert "known and accepted" in typed(review, "main", "--fail-if-worse")
