"""Run a stage or a command; print errors that a user can fix in a line or two."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from nextsem.shared.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Run a program's `main` and end the process with exit status 0, or 1 after an error.

    Ctrl-C and SIGTERM end it by that signal, after partial files have been removed.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        main()
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        print(f"{_name()}: ended by {signal.Signals(number).name}", file=sys.stderr, flush=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    except BrokenPipeError:  # the reader of our output has closed it, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        line = _in_short(error)
        if line is None:
            raise
        print(line, file=sys.stderr)
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _name() -> str:
    return Path(sys.argv[0]).stem


def _in_short(error: Exception) -> str | None:
    """One or two lines for an error that a user can fix; None for any other."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("nextsem"):
        return (
            f"package {error.name} is missing in {sys.executable}; activate the environment that "
            "`make` sets up: . .venv/bin/activate"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return f"out of memory: {' '.join(str(error).split()) or 'too large for this machine'}"
    return None
