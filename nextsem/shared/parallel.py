"""Run tasks in parallel: on this machine, or on the workers of a Dask scheduler.

A Dask worker runs the code and the environment that it was started with. So each worker is checked
to have the same ones as this process before it runs a task.
"""

import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblib import Parallel

from nextsem.shared.errors import InputError
from nextsem.shared.kernels import HELD, PINS

SCHEDULER = "NEXTSEM_SCHEDULER"  # holds its address, such as tcp://10.0.0.1:8786
LIBRARIES = ("joblib", "numpy", "pandas", "scikit-learn", "scipy", "torch")
REMEDY = "restart it in our folder: dask worker ADDRESS --preload-nanny nextsem"
PATIENCE = 10  # seconds to wait for the scheduler

Task = tuple[Callable[..., Any], Sequence[Any], dict[str, Any]]  # as joblib's `delayed` makes it


@cache
def identity() -> dict[str, str]:
    """Versions of all that affects the bytes of a result, as of the first call."""
    package, code = Path(__file__).parents[1], sha256()
    for file in sorted(package.rglob("*.py")):
        code.update(f"{file.relative_to(package).as_posix()}\0".encode() + file.read_bytes())
    pins = " ".join(f"{name}={value}" for name, value in PINS.items())
    return {
        "code of nextsem": code.hexdigest()[:12],
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "pins": pins if HELD else "set after numpy was loaded",
    }


if "distributed" in sys.modules:  # On a worker, files may change after it has started.
    identity()


def scheduler() -> str | None:
    """The address of the Dask scheduler, None if the environment names none."""
    return os.environ.get(SCHEDULER) or None


def side_by_side(
    tasks: Sequence[Task],
    workers: int = 1,
    on_done: Callable[[], None] = lambda: None,
    threads: bool = False,
) -> list[Any]:
    """Run tasks, made by joblib's `delayed`, and return their results in the same order.

    Parameters
    ----------
    workers : how many tasks run at a time on this machine; 0 for one per processor core. Ignored
        with a scheduler, which has its own workers.
    on_done : called after each task
    threads : whether to run them in threads on this machine, not in processes

    Raises
    ------
    InputError
        The scheduler cannot be reached or has no worker, a worker has different code, libraries or
        pins, or workers died repeatedly.
    """
    address = scheduler()
    if address is not None:
        return _on_dask(address, tasks, on_done)
    results = []
    backend = "threading" if threads else "loky"
    parallel = Parallel(n_jobs=workers or -1, backend=backend, return_as="generator")
    for result in parallel(tasks):
        results.append(result)
        on_done()
    return results


def _on_dask(address: str, tasks: Sequence[Task], on_done: Callable[[], None]) -> list[Any]:
    from distributed import CancelledError, Client, KilledWorker, as_completed
    from distributed.comm.core import CommClosedError

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        told = f"{SCHEDULER}: no Dask scheduler answers at {address}"
        raise InputError(f"{told}: {' '.join(str(error).split())}") from None
    with client:
        found = client.run(identity, on_error="return")
        if not found:
            raise InputError(f"{SCHEDULER}: the scheduler at {address} has no worker")
        for worker, theirs in found.items():
            _refuse_other(worker, theirs, identity())
        try:
            # Arguments that all tasks share are sent to each worker once.
            sent = {
                id(one): client.scatter([one], broadcast=True, hash=False)[0]
                for one in tasks[0][1]
                if all(any(one is other for other in given) for _, given, _ in tasks)
            }
            futures = [
                client.submit(
                    _proven,
                    identity(),
                    function,
                    *(sent.get(id(one), one) for one in given),
                    pure=False,
                    **named,
                )
                for function, given, named in tasks
            ]
            for future in as_completed(futures, loop=client.loop):
                future.result()  # raises what went wrong in the task
                on_done()
            return list(client.gather(futures))
        except (KilledWorker, CancelledError, CommClosedError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{SCHEDULER}: workers of {address} were lost: {reason}") from None


def _proven(
    expected: dict[str, str], function: Callable[..., Any], *given: Any, **named: Any
) -> Any:
    """Run a task on a worker, after checking it: it may have joined later than the others."""
    from distributed import get_worker

    _refuse_other(get_worker().address, identity(), expected)
    return function(*given, **named)


def _refuse_other(worker: str, theirs: object, ours: dict[str, str]) -> None:
    if not isinstance(theirs, dict):
        raise InputError(f"{SCHEDULER}: worker {worker} has no nextsem ({theirs}); {REMEDY}")
    for what, own in ours.items():
        if theirs.get(what) != own:
            raise InputError(
                f"{SCHEDULER}: worker {worker} has other {what} ({theirs.get(what)}; here {own}); {REMEDY}"
            )
