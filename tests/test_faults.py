"""Whatever ends a stage, nothing half-written is left, and the next run gives the same bytes."""

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import QUICK, Checkout, environment
from tests.test_pipeline import STAGES, outputs

pytestmark = pytest.mark.slow

KILLS = 24
SEED = 6
REPRO = ("dvc", "repro", "--no-run-cache")


def fresh(path: Path) -> Checkout:
    """A checkout whose pipeline takes seconds, and has not run."""
    checkout = Checkout(path)
    quick = QUICK | {"train_epochs": 3}
    checkout.change({name.replace("_", ".", 1): value for name, value in quick.items()})
    (checkout.path / "dvc.lock").unlink(missing_ok=True)
    shutil.rmtree(checkout.path / "metrics", ignore_errors=True)
    checkout.commit("start")
    return checkout


def written(checkout: Checkout) -> dict[str, bytes]:
    """Each output that is there."""
    paths = {name: checkout.path / name for stage in STAGES for name in outputs(stage)}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def half_written(checkout: Checkout) -> list[Path]:
    return list(checkout.path.rglob(".partial.*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run, and nothing disturbed it."""
    checkout = fresh(tmp_path_factory.mktemp("undisturbed") / "checkout")
    checkout.run(*REPRO)
    return checkout


def same(checkout: Checkout, undisturbed: Checkout) -> bool:
    locks = [yaml.safe_load(each.read("dvc.lock")) for each in (checkout, undisturbed)]
    return locks[0] == locks[1] and written(checkout) == written(undisturbed)


def start(checkout: Checkout, *command: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, which hears Ctrl-C in any case."""
    command = ("env", "--default-signal=INT", *command)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(
        command, cwd=checkout.path, env=environment(), text=True, start_new_session=True, **pipes
    )


def running(checkout: Checkout) -> dict[int, str]:
    """Processes of the checkout, and the stage that each belongs to; "" for DVC itself."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == checkout.path:
                variables = (process / "environ").read_bytes().decode()
                stage = re.search("DVC_STAGE=([^\0]+)", variables)
                found[int(process.name)] = stage[1] if stage else ""
        except OSError:  # it has just ended
            continue
    return found


def listens(process: int) -> bool:
    """Whether a stage has begun, and so handles signals, which Python by itself does not."""
    handled = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process}/status").read_text())
    return handled is not None and bool(int(handled[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_kills_at_random_moments(tmp_path: Path, undisturbed: Checkout) -> None:
    checkout, draw, hit = fresh(tmp_path / "checkout"), random.Random(SEED), set()
    due = written(undisturbed)
    for stage in itertools.islice(itertools.cycle(STAGES), KILLS):
        run = start(checkout, *REPRO, "--force", "--single-item", stage)
        while run.poll() is None and stage not in running(checkout).values():
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 1.5))
        number = draw.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
        processes = running(checkout)
        hit |= {name for name in processes.values() if name}
        for process in processes:
            if processes[process] or draw.random() < 0.5:  # the stage, or DVC as well
                os.kill(process, number)
        said = run.communicate(timeout=120)[0]
        assert all(content == due[name] for name, content in written(checkout).items()), said
        # DVC itself does not write its own files whole or not at all.
        (checkout.path / ".dvc/tmp/rwlock").unlink(missing_ok=True)
        if checkout.run("dvc", "stage", "list", check=False).count("dvc.lock"):
            (checkout.path / "dvc.lock").unlink()
        checkout.run(*REPRO)
        assert same(checkout, undisturbed)
        assert half_written(checkout) == []
    assert len(hit) > len(STAGES) / 2


@pytest.mark.parametrize("stage", ["prepare", "train"])
def test_ctrl_c_is_one_line(tmp_path: Path, stage: str, undisturbed: Checkout) -> None:
    checkout = undisturbed.copy(tmp_path / "checkout")
    checkout.change({"train.epochs": 100_000, "train.patience": 0, "simulate.students": 200_000})
    if stage == "prepare":
        checkout.stage("simulate")
    before = written(checkout)
    run = start(checkout, sys.executable, "-m", f"stages.{stage}")
    while run.poll() is None and not listens(run.pid):
        time.sleep(0.1)
    time.sleep(1)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[0]
    assert (run.returncode, said.splitlines()[-1]) == (-signal.SIGINT, f"{stage}: ended by SIGINT")
    assert "Traceback" not in said
    assert written(checkout) == before
    assert half_written(checkout) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_one_line(small_disk: Path, stage: str, undisturbed: Checkout) -> None:
    checkout = undisturbed.copy(small_disk / "checkout")
    (small_disk / "filler").write_bytes(b"\0" * shutil.disk_usage(small_disk).free)
    said = checkout.run("python", "-m", f"stages.{stage}", check=False, PYTHONDONTWRITEBYTECODE="1")
    line = said.splitlines()[-1]
    assert re.fullmatch(r"(data|metrics|models)/\S+: .*No space left on device", line), said
    assert "Traceback" not in said
    assert written(checkout) == written(undisturbed)
    assert half_written(checkout) == []


def test_too_little_memory_is_one_line(tmp_path: Path, undisturbed: Checkout) -> None:
    checkout = undisturbed.copy(tmp_path / "checkout")
    checkout.change({"model.hidden": 40_000})
    said = checkout.run("sh", "-c", "ulimit -v 6000000; python -m stages.train", check=False)
    assert re.fullmatch(r"out of memory: .*\n", said), said


def test_two_runs_at_once(tmp_path: Path, undisturbed: Checkout) -> None:
    checkout = fresh(tmp_path / "checkout")
    both = [start(checkout, *REPRO)]
    time.sleep(1)
    both.append(start(checkout, *REPRO))
    said = [run.communicate(timeout=300)[0] for run in both]
    assert 0 in [run.returncode for run in both], said
    assert "Traceback" not in "".join(said)
    checkout.run(*REPRO)
    assert same(checkout, undisturbed)


def test_a_queue_on_two_workers_gives_what_single_runs_give(tmp_path: Path) -> None:
    queued = fresh(tmp_path / "queued")
    queued.run(*REPRO)
    queued.commit("ran")
    single = queued.copy(tmp_path / "single")
    settings = [
        {"model.cell": cell, "model.layers": layers, "model.hidden": hidden}
        for cell, layers, hidden in itertools.product(("rnn", "gru"), (1, 2), (8, 12))
    ]
    for number, setting in enumerate(settings):
        turned = [f"-S={key}={value}" for key, value in setting.items()]
        queued.run("dvc", "exp", "run", "--queue", "--name", f"exp-{number}", *turned)
    queued.run("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 900
    while (status := queued.run("dvc", "queue", "status")).count("Success") < len(settings):
        assert "Failed" not in status, status
        assert time.monotonic() < deadline, status
        time.sleep(2)
    refs = queued.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    of_name = {ref.rpartition("/")[2]: ref for ref in refs}
    for number in (0, 3, 7):
        single.change(settings[number])
        single.run("dvc", "repro")
        found = queued.run("git", "show", f"{of_name[f'exp-{number}']}:dvc.lock")
        assert yaml.safe_load(found) == yaml.safe_load(single.read("dvc.lock"))
