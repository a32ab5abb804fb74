"""Training spread over processes by torchrun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nextsem import ranks
from tests.conftest import ROOT

# Fits networks as a stage does, in every process; the first one writes.
PROGRAM = """
import os, signal, sys
from pathlib import Path
import stages, torch
from nextsem import ranks
from nextsem.checkpoint import Checkpoint
from nextsem.network import Architecture
from nextsem.training import Job, Lessons, Recipe, fit

networks, students, batch_size, dropout, epochs, dies, kept, out = sys.argv[1:]
team = ranks.join()
draw = torch.Generator().manual_seed(int(os.environ.get("OTHER_INPUTS_IN") == str(team.rank)))
inputs = torch.randn(int(students), 4, 3, generator=draw)
taught = Lessons(inputs, inputs.sum(2) / 2, torch.ones(int(students), 4))
rows = torch.arange(int(students))
parts = [rows % 5 == number % 5 for number in range(int(networks))]
jobs = [Job(taught, rows[~part], rows[part], number) for number, part in enumerate(parts)]
heard = 0

def on_epoch(progress):
    global heard
    heard += 1
    if dies == f"{team.rank} {heard}":
        os.kill(os.getpid(), signal.SIGKILL)

architecture = Architecture(3, "rnn", 1, 12, float(dropout))
recipe = Recipe(0.01, epochs=int(epochs), patience=6, batch_size=int(batch_size))
keeper = Checkpoint(Path(kept)) if kept else None
if keeper:
    keeper.pause = keeper._begin = 0
fitted = fit(architecture, recipe, jobs, "cpu", on_epoch, keeper)
if team.part():
    torch.save([fitted.weights, fitted.epochs, fitted.losses, fitted.validation_losses], out)
print("done by", team.rank)
"""
SPREAD = {"networks": 45, "students": 50, "batch_size": 8192}
SHARED = {"networks": 1, "students": 700, "batch_size": 100}


def launch(
    processes: int,
    out: Path,
    networks: int,
    students: int,
    batch_size: int,
    dropout: float = 0.2,
    epochs: int = 25,
    dies: str = "",
    kept: str = "",
    **environment: str,
) -> tuple[int, str]:
    """Run the program in so many processes: 0 is Python alone. Exit status, and what was printed."""
    launcher = [sys.executable]
    if processes:
        launcher += ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    given = (networks, students, batch_size, dropout, epochs, dies, kept, out)
    program = out.with_suffix(".py")
    program.write_text(PROGRAM)
    done = subprocess.run(
        [*launcher, str(program), *map(str, given)],
        cwd=out.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def fitted(processes: int, out: Path, **work: int | float | str) -> list[torch.Tensor]:
    status, said = launch(processes, out, **work)
    assert status == 0, said
    assert said.count("done by") == 1
    return torch.load(out)


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_networks_spread_over_processes_are_the_same(tmp_path: Path, processes: int) -> None:
    alone = fitted(0, tmp_path / "alone", **SPREAD)
    spread = fitted(processes, tmp_path / "spread", **SPREAD)
    for one, other in zip(alone, spread, strict=True):
        assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1))


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("dropout", [0, 0.2])
def test_a_network_whose_batches_are_shared_is_nearly_the_same(
    tmp_path: Path, processes: int, dropout: float
) -> None:
    alone = fitted(0, tmp_path / "alone", **SHARED, dropout=dropout)
    shared = fitted(processes, tmp_path / "shared", **SHARED, dropout=dropout)
    assert not torch.equal(alone[0], shared[0]), "nothing was shared"
    for one, other in zip(alone[2:], shared[2:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("work", [SPREAD, SHARED], ids=["spread", "shared"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_all_and_the_next_run_goes_on(
    tmp_path: Path, work: dict[str, int], rank: int
) -> None:
    kept = str(tmp_path / "kept")
    status, said = launch(2, tmp_path / "died", **work, dies=f"{rank} 9", kept=kept)
    assert status != 0
    assert not (tmp_path / "died").exists()
    assert list((tmp_path / "kept").glob("*.safetensors"))
    assert f"process {1 - rank} of 2: died: ended by SIGTERM, as torchrun ends all" in said or (
        "has lost the others" in said
    )
    whole = fitted(2, tmp_path / "whole", **work)
    again = fitted(2, tmp_path / "again", **work, kept=kept)
    for one, other in zip(whole, again, strict=True):
        assert torch.equal(one.nan_to_num(-1), other.nan_to_num(-1))


@pytest.mark.slow
def test_other_inputs_in_one_process_are_refused(tmp_path: Path) -> None:
    status, said = launch(2, tmp_path / "out", **SPREAD, OTHER_INPUTS_IN="1")
    assert status == 1
    assert "process 1 of 2 has other inputs than process 0" in said
    assert not (tmp_path / "out").exists()


def test_one_process_is_by_itself() -> None:
    team = ranks.join()
    assert (team.rank, team.size, team.part()) == (0, 1, True)
    assert ranks.joined() is team
    queue = team.queue([3, 4])
    assert [queue.popleft(), queue.popleft()] == [3, 4]
    with pytest.raises(IndexError):
        queue.popleft()
