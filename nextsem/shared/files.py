"""Write files atomically: whole or not at all."""

import errno
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd

from nextsem.shared.errors import InputError

DECIMALS = 6
PARTIAL = ".partial."  # followed by the process id and the name of the output


@contextmanager
def whole_files() -> Iterator[Callable[[str | Path], Path]]:
    """Give each output a temporary path to write to, and move them all into place at the end.

    If anything fails before that, existing files stay unchanged. A partial file left by a killed
    process is removed by the next process that writes the same output.

    Yields
    ------
    A function from an output's path to its temporary path, in the same folder and with the same
    extension. It creates the folder if necessary.
    """
    partial: dict[Path, Path] = {}

    def place(path: str | Path) -> Path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(path)
        partial[path] = path.with_name(f"{PARTIAL}{os.getpid()}.{path.name}")
        return partial[path]

    try:
        yield place
        for path in partial:  # before any file is moved
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(path))
        with _undisturbed():
            for path, written in partial.items():
                written.replace(path)
    except InputError as error:  # must name the output, not the temporary file
        told = str(error)
        for path, written in partial.items():
            told = told.replace(str(written), str(path))
        raise InputError(told) from None
    except OSError as error:  # must name the output, too
        names = {str(written): str(path) for path, written in partial.items()}
        last = next(reversed(names.values()), None)
        error.filename = names.get(error.filename, error.filename or last)
        raise
    finally:
        for written in partial.values():
            written.unlink(missing_ok=True)


def _remove_left_over(path: Path) -> None:
    """Remove partial files of an output whose processes no longer run."""
    for left in path.parent.glob(f"{PARTIAL}*"):
        process, _, name = left.name.removeprefix(PARTIAL).partition(".")
        if name == path.name and process.isdigit() and not _runs(int(process)):
            left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # It runs, as another user.
        return True
    return True


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the block has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only.
        return
    heard: list[int] = []
    ends: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, lambda number, _: heard.append(number)) for each in ends]
    try:
        yield
    finally:
        for number, handler in zip(ends, before, strict=True):
            signal.signal(number, handler)
        for number in heard:
            signal.raise_signal(number)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as UTF-8 with Unix line endings, the same bytes on every system."""
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def write_metrics(metrics: dict[str, Any], path: Path) -> None:
    """Write metrics as JSON, numbers rounded to six decimals; undefined ones become null."""
    path.write_text(json.dumps(_rounded(metrics), indent=2) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, Integral):  # also NumPy integers
        return int(value)
    number = round(float(value), DECIMALS)
    return number + 0.0 if abs(number) < float("inf") else None
