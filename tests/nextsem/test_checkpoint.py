"""Networks kept on disk while they are fitted."""

from pathlib import Path

import pytest
import torch

from nextsem import checkpoint
from nextsem.checkpoint import Checkpoint

STATE = {"weights": torch.arange(3.0), "epoch": torch.tensor(7), "losses": torch.empty(0)}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write from the start, not after a pause."""
    monkeypatch.setattr(checkpoint, "PAUSE", -1.0)


def test_what_is_kept_is_found_again(tmp_path: Path, at_once: None) -> None:
    Checkpoint(tmp_path / "kept").save("a", STATE)
    found = Checkpoint(tmp_path / "kept").load("a")
    assert found is not None
    assert all(torch.equal(found[name], part) for name, part in STATE.items())
    assert Checkpoint(tmp_path / "kept").load("b") is None


def test_a_short_run_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoint(tmp_path / "kept")
    kept.save("a", STATE)
    kept.expect(["a"])
    kept.remove()
    assert list(tmp_path.iterdir()) == []
    later = checkpoint.monotonic() + checkpoint.PAUSE + 1
    monkeypatch.setattr(checkpoint, "monotonic", lambda: later)
    kept.save("b", STATE)
    assert all(kept.load(key) for key in "ab"), "what came before the pause is written after it"


def test_it_says_what_it_finds(
    tmp_path: Path, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    Checkpoint(folder).expect(["a", "b"])
    assert capsys.readouterr().out == ""
    Checkpoint(folder).save("a", STATE)
    Checkpoint(folder).expect(["a", "b"])
    assert capsys.readouterr().out == f"{folder}: going on with 1 of 2 networks\n"
    other = Checkpoint(folder)
    for _ in range(2):
        other.expect(["c", "d"])
    said = f"{folder}: left by a run with other inputs, code or versions; ignored\n"
    assert capsys.readouterr().out == said


def test_what_cannot_be_read_is_said_and_ignored(
    tmp_path: Path, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Checkpoint(tmp_path)
    kept.save("a", STATE)
    whole = (tmp_path / "a.safetensors").read_bytes()
    for content in (b"", b"no", whole[:-3]):
        (tmp_path / "a.safetensors").write_bytes(content)
        assert kept.load("a") is None
        assert "a.safetensors: cannot be read" in capsys.readouterr().out


def test_a_run_goes_on_where_nothing_can_be_kept(
    tmp_path: Path, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("in the way")
    kept = Checkpoint(tmp_path / "kept")
    for key in "abc":
        kept.save(key, STATE)
    assert capsys.readouterr().out == f"{tmp_path / 'kept'}: File exists; going on without it\n"
