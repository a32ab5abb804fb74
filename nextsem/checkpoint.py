"""Networks kept on disk while they are fitted, so that a run that was ended goes on where it was.

Each network has a file of its own, named by a digest of all that it depends on: whatever a later
run finds under the name that it looks for is its own.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from time import monotonic

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nextsem.files import whole_files

PAUSE = 30.0  # seconds that are lost at most; what takes less time than that writes nothing


class Checkpoint:
    """A folder of networks that are being fitted: a `nextsem.training.Keeper`.

    Nothing is written in the first ``pause`` seconds. Networks that are finished by then are
    written with the first that is finished or kept after.
    """

    def __init__(self, folder: Path) -> None:
        self.pause = PAUSE
        self._folder = folder
        self._begin = monotonic() + self.pause
        self._early: dict[str, dict[str, Tensor]] = {}
        self._lock = Lock()
        self._writes = True
        self._told = not folder.is_dir()

    def expect(self, keys: Sequence[str]) -> None:
        """Say once whether there is something to go on from."""
        if self._told:
            return
        self._told = True
        kept = sum(self._file(key).is_file() for key in keys)
        if kept:
            print(f"{self._folder}: going on with {kept} of {len(keys)} networks")
        else:
            print(f"{self._folder}: left by a run with other inputs, code or versions; ignored")

    def load(self, key: str) -> dict[str, Tensor] | None:
        """What was last kept of a network; None if nothing was, or nothing that can be read."""
        try:
            return load(self._file(key).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            print(f"{self._file(key)}: cannot be read ({error}); ignored")
            return None

    def save(self, key: str, state: dict[str, Tensor]) -> None:
        """Keep a network. Where that fails, as on a full disk, the run goes on without."""
        with self._lock:
            if not self._writes:
                return
            self._early[key] = state
            if monotonic() < self._begin:
                return
            try:
                for each in list(self._early):
                    self._write(each, self._early.pop(each))
            except OSError as error:
                self._writes = False
                print(f"{self._folder}: {error.strerror}; going on without it")

    def remove(self) -> None:
        """Remove it all: the run has come to its end."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, key: str, state: dict[str, Tensor]) -> None:
        content = save({name: part.cpu().contiguous() for name, part in state.items()})
        with whole_files() as place:
            place(self._file(key)).write_bytes(content)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"
