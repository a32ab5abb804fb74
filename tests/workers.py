"""Workers of Dask, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from nextsem.shared.kernels import PINS
from nextsem.shared.parallel import SCHEDULER
from tests.conftest import ROOT

OURS = ("--preload-nanny", "nextsem")  # so that the pins are set before the worker is started


@contextmanager
def dask(
    monkeypatch: pytest.MonkeyPatch,
    place: Path,
    *options: str,
    folder: Path = ROOT,
    workers: int = 2,
) -> Iterator[None]:
    """A scheduler, and workers as a person starts them in a folder; `place` is for their files."""
    from distributed import Client, LocalCluster

    unpinned = {name: value for name, value in os.environ.items() if name not in PINS}
    with ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(n_workers=0, dashboard_address=None))
        address = cluster.scheduler_address
        command = [sys.executable, "-m", "dask", "worker", address, "--nthreads", "1"]
        command += ["--local-directory", str(place), *options]
        for _ in range(workers):
            process = stack.enter_context(subprocess.Popen(command, cwd=folder, env=unpinned))
            stack.callback(process.terminate)
        with Client(address) as client:
            client.wait_for_workers(workers, timeout=60)
        monkeypatch.setenv(SCHEDULER, address)
        yield
