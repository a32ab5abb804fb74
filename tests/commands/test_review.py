"""The exit status of a review, by which a script decides."""

from pathlib import Path

import pytest

from commands import review
from tests.results import Results


def test_exit_status(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    results.commit("good", better=0.1, noise=1)
    monkeypatch.setattr("sys.argv", ["review", "main", "good", "--fail-if-worse"])
    review.main()
    assert "**Better.**" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["review", "good", "main", "--fail-if-worse"])
    with pytest.raises(SystemExit, match="1"):
        review.main()
    monkeypatch.setattr("sys.argv", ["review", "main", "--fail-if-worse"])
    results.write(for_b=0.03)
    with pytest.raises(SystemExit, match="1"):
        review.main()
    Path("accepted.yaml").write_text('"Group B: mean squared error": the others gain\n')
    review.main()
