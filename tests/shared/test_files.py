"""Files are written whole or not at all; metrics are rounded."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nextsem.shared.errors import InputError
from nextsem.shared.files import whole_files, write_metrics


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def write(folder: Path, error: type[BaseException] | None = None) -> None:
    """Write two files, unless an error comes before they are in place."""
    with whole_files() as place:
        for name in ("a.csv", "b.csv"):
            place(folder / name).write_text("new")
        if error is not None:
            raise error


def test_puts_all_in_place_and_makes_folders(tmp_path: Path) -> None:
    with whole_files() as place:
        for name in ("a.csv", "b/c/d.csv"):
            written = place(tmp_path / name)
            written.write_text(name)
            assert written.suffix == ".csv"
        assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.csv").read_text() == "a.csv"
    assert (tmp_path / "b/c/d.csv").read_text() == "b/c/d.csv"
    assert names(tmp_path) == ["a.csv", "d.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.csv").write_text("old")

    with pytest.raises(error):
        write(tmp_path, error)
    assert (tmp_path / "a.csv").read_text() == "old"
    assert names(tmp_path) == ["a.csv"]


def test_a_folder_in_the_way_of_the_second_keeps_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / "b.csv").mkdir()

    with pytest.raises(IsADirectoryError) as told:
        write(tmp_path)
    assert told.value.filename == str(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == "old"
    assert names(tmp_path) == ["a.csv"]


def test_what_a_killed_process_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [f".partial.{dead.pid}.a.csv", f".partial.{dead.pid}.b.csv"]
    written = [f".partial.{os.getppid()}.a.csv", ".partial.99999999999999999999999.b.csv.csv"]
    for name in left + written:
        (tmp_path / name).write_text("half")
    with whole_files() as place:
        place(tmp_path / "a.csv").write_text("new")
    assert names(tmp_path) == sorted(["a.csv", left[1], *written])


def test_a_failure_names_the_output(tmp_path: Path) -> None:
    def fail(error: Callable[[Path], OSError]) -> str:
        try:
            with whole_files() as place:
                place(tmp_path / "a.csv")
                raise error(place(tmp_path / "b.csv"))
        except OSError as told:
            return told.filename

    full = "No space left on device"
    assert fail(lambda _: OSError(errno.ENOSPC, full)) == str(tmp_path / "b.csv")
    assert fail(lambda b: OSError(errno.ENOSPC, full, str(b))) == str(tmp_path / "b.csv")
    assert fail(lambda _: OSError(errno.ENOENT, "No such file", "c.csv")) == "c.csv"
    with pytest.raises(InputError) as told, whole_files() as place:
        raise InputError(f"{place(tmp_path / 'a.csv')}: a text is too long")
    assert str(told.value) == f"{tmp_path / 'a.csv'}: a text is too long"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_comes_before_all_outputs_or_after_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    heard = []
    before = signal.signal(number, lambda *_: heard.append(names(tmp_path)))
    replace = Path.replace

    def disturbed(self: Path, target: Path) -> Path:
        signal.raise_signal(number)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", disturbed)
    try:
        write(tmp_path)
    finally:
        signal.signal(number, before)
    assert heard == [["a.csv", "b.csv"]] * 2


def test_an_output_that_was_a_link_no_longer_is(tmp_path: Path) -> None:
    """DVC's cache may be linked into the working tree; it must not be written through."""
    (tmp_path / "cached").write_text("old")
    (tmp_path / "a.csv").symlink_to(tmp_path / "cached")
    with whole_files() as place:
        place(tmp_path / "a.csv").write_text("new")
    assert (tmp_path / "cached").read_text() == "old"
    assert (tmp_path / "a.csv").read_text() == "new"


def test_metrics_are_rounded_and_always_json(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    same = {"name": "network", "stopped": True, "none": None}
    metrics = {"mse": 0.12345678, "n": np.int64(34), "r2": np.float64("nan"), "zero": -1e-9}
    metrics |= {"width": float("inf"), "baselines": {"mean": np.float32(0.5)}}
    write_metrics(metrics | same, path)
    text = path.read_text()
    expected = {"mse": 0.123457, "n": 34, "r2": None, "zero": 0.0, "width": None}
    assert json.loads(text) == expected | {"baselines": {"mean": 0.5}} | same
    assert '"n": 34,' in text
    assert "-0" not in text
    assert text.endswith("}\n")
