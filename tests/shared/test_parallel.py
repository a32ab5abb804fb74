"""Tasks side by side, on workers of Dask only where code, libraries and pins are ours."""

import shutil
from pathlib import Path

import pytest
from joblib import delayed

from nextsem.shared import parallel
from nextsem.shared.errors import InputError
from nextsem.shared.parallel import SCHEDULER, side_by_side
from tests.conftest import ROOT
from tests.workers import OURS, dask


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://here"])
def test_a_scheduler_that_is_silent_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(parallel, "PATIENCE", 1)
    monkeypatch.setenv(SCHEDULER, address)
    with pytest.raises(InputError, match=f"^{SCHEDULER}: no Dask scheduler answers at {address}"):
        side_by_side([delayed(pow)(1, 2)])


@pytest.mark.slow
def test_workers_of_dask_give_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whether one of them dies or not; what goes wrong in a task is told as it is."""
    done: list[None] = []
    with dask(monkeypatch, tmp_path, *OURS):
        tasks = [delayed(pow)(number, 2) for number in range(9)]
        assert side_by_side(tasks, 1, lambda: done.append(None)) == [n**2 for n in range(9)]
        assert len(done) == 9
        once = f"import os, pathlib; path = pathlib.Path({str(tmp_path / 'once')!r})\n"
        once += "path.exists() or path.touch() or os._exit(1)"
        assert side_by_side([delayed(exec)(once)]) == [None]
        with pytest.raises(ZeroDivisionError):
            side_by_side([delayed(pow)(0, -1)])
        with pytest.raises(InputError, match=r"workers of tcp://\S+ were lost: .*") as error:
            side_by_side([delayed(exec)("import os; os._exit(1)")])
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_worker_of_other_code_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "nextsem"
    shutil.copytree(ROOT / "nextsem", other, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "network/network.py").open("a") as file:
        file.write("# one line more\n")
    with (
        dask(monkeypatch, tmp_path, *OURS, folder=tmp_path, workers=1),
        pytest.raises(InputError, match=r"worker tcp://\S+ has other code of nextsem \(") as error,
    ):
        side_by_side([delayed(pow)(1, 2)])
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_worker_without_pins_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        dask(monkeypatch, tmp_path, workers=1),
        pytest.raises(InputError, match=r"worker tcp://\S+ has other pins \("),
    ):
        side_by_side([delayed(pow)(1, 2)])
