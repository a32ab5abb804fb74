"""The pipeline's stages, each run as `python -m stages.NAME` from the root of the repository.

What holds for all of them is here: the numeric kernels are pinned, and what a person can mend is
told in a line or two, not in a traceback.
"""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType

if sys.version_info < (3, 11):  # noqa: UP036 (an older Python is to hear it, not to fail later)
    sys.exit(f"nextsem needs Python 3.11 or newer; this is {sys.version.split()[0]}")

# The last bits of a sum depend on the kernels that a library picks for the processor. These give
# the same bytes on every x86-64 processor with AVX2; see "Any checkout" in the README.
os.environ.update(
    ATEN_CPU_CAPABILITY="avx2",
    MKL_CBWR="AVX2",
    OPENBLAS_CORETYPE="Haswell",
    OPENBLAS_NUM_THREADS="1",
)


class Ended(KeyboardInterrupt):
    """A signal that asks this process to end."""


def _end(number: int, frame: FrameType | None) -> None:
    """Let a signal unwind the stage, so that nothing half-written is left; a later one at once."""
    global _signal, _heard
    if not _signal:
        _signal, _heard = number, time.monotonic()
        raise Ended
    if time.monotonic() > _heard + 1:  # torchrun sends every signal twice
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _starter() -> int:
    """The DVC that runs this stage: the nearest ancestor that is not itself part of a stage."""
    process = os.getppid()
    with suppress(OSError):  # of somebody else, or just gone
        while b"\0DVC_STAGE=" in b"\0" + Path(f"/proc/{process}/environ").read_bytes():
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process


def _end_with(starter: int) -> None:
    """End the stage when the DVC that runs it is gone: nobody would record what it writes."""
    while _starter() == starter:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an error that a person can mend in a line or two; others with their traceback."""
    if _signal:  # whatever it has become on its way
        name, launched = signal.Signals(_signal).name, "TORCHELASTIC_RUN_ID" in os.environ
        told = f"{Path(sys.argv[0]).stem}: ended by {name}"
        if launched:
            told = f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']}: {told}"
            if _signal == signal.SIGTERM:
                told += ", as torchrun ends all when one has failed"
        print(told, file=sys.__stderr__, flush=True)  # sys.stderr may be caught
        signal.signal(_signal, signal.SIG_DFL)
        signal.raise_signal(_signal)
    if line := _in_short(error):
        print(line, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _in_short(error: BaseException) -> str | None:
    from nextsem import InputError

    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name not in ("nextsem", "stages"):
        return (
            f"package {error.name} is missing in {sys.executable}; activate the environment that "
            "`make` sets up: . .venv/bin/activate"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return f"out of memory: {' '.join(str(error).split()) or 'too large for this machine'}"
    return None


sys.excepthook = _tell
_signal, _heard = 0, 0.0
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
if "DVC_STAGE" in os.environ:
    threading.Thread(target=_end_with, args=(_starter(),), daemon=True).start()
