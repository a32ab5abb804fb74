"""Write files whole or not at all."""

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

DECIMALS = 6


@contextmanager
def whole_files() -> Iterator[Callable[[str | Path], Path]]:
    """Give each output a path to write to, and put them all in place at the end.

    If anything fails before that, what stood there is left as it was.

    Yields
    ------
    A function from an output's path to the path to write to, in the same folder and with the same
    ending; the folder is made if need be.
    """
    partial: dict[Path, Path] = {}

    def place(path: str | Path) -> Path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial[path] = path.with_name(f".partial.{path.name}")
        return partial[path]

    try:
        yield place
        for path in partial:  # before the first one is put in place
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(path))
        for path, written in partial.items():
            written.replace(path)
    finally:
        for written in partial.values():
            written.unlink(missing_ok=True)


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
    if isinstance(value, Integral):  # NumPy's are, too
        return int(value)
    number = round(float(value), DECIMALS)
    return number + 0.0 if abs(number) < float("inf") else None
