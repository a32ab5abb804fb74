"""Whatever kills a stage or DVC, nothing half-written is left, and the next run gives the same bytes."""

import hashlib
import itertools
import json
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

from tests.conftest import Checkout, environment

pytestmark = pytest.mark.slow

STAGES = ("simulate", "prepare", "correlate", "train", "evaluate", "forecast", "crossvalidate")
KILLS = 52
SEED = 6
CONFIGURATIONS = ("  seed: 42\n\n\n# Split", "  seed: 43\n\n\n# Split")  # of the simulated cohort
REPRO = ("dvc", "repro", "--no-run-cache")


def fresh(path: Path) -> Checkout:
    """A checkout whose pipeline takes seconds, and has not run."""
    checkout = Checkout(path)
    checkout.replace("params.yaml", "  epochs: 1000", "  epochs: 3")
    checkout.replace("params.yaml", "  members: 6", "  members: 2")
    checkout.replace("params.yaml", "  repeats: 2", "  repeats: 1")
    (checkout.path / "dvc.lock").unlink()
    shutil.rmtree(checkout.path / "metrics")
    checkout.commit("start")
    return checkout


def outputs(checkout: Checkout) -> dict[str, str]:
    """The md5 of each output that is there, by its path."""
    pipeline = yaml.safe_load(checkout.read("dvc.yaml"))["stages"]
    declared = [
        out if isinstance(out, str) else next(iter(out))
        for stage in pipeline.values()
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]
    ]
    paths = {name: checkout.path / name for name in declared}
    return {
        name: hashlib.md5(path.read_bytes()).hexdigest()
        for name, path in paths.items()
        if path.exists()
    }


def lock(checkout: Checkout) -> dict[str, str]:
    """What `dvc.lock` says of each stage; of the last one perhaps just the beginning."""
    path = checkout.path / "dvc.lock"
    _, *entries = re.split(r"^  (?=\w)", path.read_text() if path.exists() else "", flags=re.M)
    return {entry.partition(":")[0]: entry for entry in entries}


def half_written(checkout: Checkout) -> list[Path]:
    return list(checkout.path.rglob(".partial.*"))


class Undisturbed:
    """What a run that nothing disturbs gives, and the folder that it was given in."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        start = time.monotonic()
        checkout.run(*REPRO)
        self.seconds = time.monotonic() - start
        self.outputs, self.lock = outputs(checkout), lock(checkout)
        assert set(self.lock) == set(STAGES)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Undisturbed]:
    """Of each configuration."""
    folder = tmp_path_factory.mktemp("undisturbed")
    results = [Undisturbed(fresh(folder / "first"))]
    second = results[0].checkout.copy(folder / "second")
    second.replace("params.yaml", *CONFIGURATIONS)
    results.append(Undisturbed(second))
    differ = set(results[0].outputs.items()) ^ set(results[1].outputs.items())
    assert len(differ) > len(results[0].outputs)
    return results


def start(checkout: Checkout, *command: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        command,
        cwd=checkout.path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def running(checkout: Checkout) -> dict[int, str]:
    """Processes of the checkout, and the stage that each belongs to; none for DVC itself."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() != checkout.path:
                continue
            variables = (process / "environ").read_bytes().decode().split("\0")
        except OSError:  # It has just ended.
            continue
        stage = [each for each in variables if each.startswith("DVC_STAGE=")]
        found[int(process.name)] = stage[0].partition("=")[2] if stage else ""
    return found


def listens(process: int) -> bool:
    """Whether Python has come as far as the stage, which catches what Python itself does not."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process}/status").read_text())
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


class Killer:
    """Kills DVC or a stage at random moments, and looks at what is left."""

    def __init__(self, checkout: Checkout, undisturbed: list[Undisturbed]) -> None:
        self.checkout, self.undisturbed = checkout, undisturbed
        self.draw = random.Random(SEED)
        self.configuration = 0
        self.hit: list[str] = []
        self.mended: list[str] = []

    def kill(self, stage: str | None) -> None:
        """Kill something once this stage has started, or at any moment."""
        if stage and lock(self.checkout).get(stage) == self.expected.lock[stage]:
            self.finish()
        whole = self.expected.seconds
        run = start(self.checkout, *REPRO)
        while stage and run.poll() is None and stage not in running(self.checkout).values():
            time.sleep(0.02)
        time.sleep(self.draw.uniform(0, whole / len(STAGES) if stage else whole))
        if run.poll() is not None:  # It was faster than that.
            said = run.communicate()[0]
            assert run.returncode == 0, (self.hit, said)
            return
        number = self.draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
        processes = running(self.checkout)
        stages = [process for process, name in processes.items() if name]
        target = self.draw.choice(["stage", "dvc", "all"]) if stages else "dvc"
        if target == "stage":
            for process in stages:
                os.kill(process, number)
        elif target == "all":
            os.killpg(run.pid, number)
        else:
            os.kill(run.pid, number)
        hit = processes[stages[0]] if stages else "between stages"
        self.hit.append(f"{hit}, {target} {number.name}")
        said = run.communicate(timeout=120)[0]
        self.await_end(said)
        if target != "stage":  # DVC does not write its own files whole or not at all.
            self.mended += self.checkout.run("make", "mend", "ACTIVATE=:").splitlines()
        self.inspect(said)

    def await_end(self, said: str) -> None:
        """No process is left over for long."""
        deadline = time.monotonic() + 20
        while running(self.checkout):
            assert time.monotonic() < deadline, (self.hit[-1], running(self.checkout), said)
            time.sleep(0.05)

    def inspect(self, said: str) -> None:
        """Nothing is half-written, nor another's than `dvc.lock` says."""
        known = [each.outputs for each in self.undisturbed]
        for name, found in outputs(self.checkout).items():
            assert found in [each[name] for each in known], (self.hit[-1], name, said)
        entries = lock(self.checkout)
        for stage, entry in entries.items():
            due = [each.lock.get(stage, "") for each in self.undisturbed]
            if stage == [*entries][-1]:  # Cut short, DVC runs the stage again.
                assert any(each.startswith(entry) for each in due), (self.hit[-1], stage, entry)
            else:
                assert entry in due, (self.hit[-1], stage, entry)

    @property
    def expected(self) -> Undisturbed:
        return self.undisturbed[self.configuration]

    def finish(self) -> None:
        """Run to the end, compare, and go on with the other configuration."""
        self.checkout.run(*REPRO)
        assert outputs(self.checkout) == self.expected.outputs, self.hit
        assert lock(self.checkout) == self.expected.lock, self.hit
        assert half_written(self.checkout) == []
        assert not (self.checkout.path / ".checkpoint").exists()
        self.configuration = 1 - self.configuration
        self.checkout.replace("params.yaml", *CONFIGURATIONS[:: 1 if self.configuration else -1])


def test_kills_at_random_moments(tmp_path: Path, undisturbed: list[Undisturbed]) -> None:
    killer = Killer(fresh(tmp_path / "checkout"), undisturbed)
    targets = itertools.cycle([*STAGES, None])
    while len(killer.hit) < KILLS:
        killer.kill(next(targets))
    killer.finish()
    print(*killer.hit, *killer.mended, sep="\n")
    for stage in STAGES:
        assert any(hit.startswith(f"{stage},") for hit in killer.hit), killer.hit


@pytest.mark.parametrize("part", [0, 0.001, 0.5, 0.97])
def test_mend_puts_right_what_dvc_left_cut_short(
    tmp_path: Path, part: float, undisturbed: list[Undisturbed]
) -> None:
    checkout = undisturbed[0].checkout.copy(tmp_path / "checkout")
    held = json.dumps({"write": {"data/prepared": {"pid": 2**22 + 1, "cmd": "dvc repro"}}})
    cut_short = checkout.path / ".dvc/tmp/rwlock"
    for path, whole in ((cut_short, held), (checkout.path / "dvc.lock", checkout.read("dvc.lock"))):
        path.write_text(whole[: int(part * len(whole))])
    checkout.run("make", "mend", "ACTIVATE=:")
    checkout.run("dvc", "repro")
    assert outputs(checkout) == undisturbed[0].outputs
    assert lock(checkout) == undisturbed[0].lock
    cut_short.write_text(held)
    assert checkout.run("make", "mend", "ACTIVATE=:") == ""
    assert cut_short.read_text() == held


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_is_one_line(tmp_path: Path, stage: str, undisturbed: list[Undisturbed]) -> None:
    checkout = undisturbed[0].checkout.copy(tmp_path / "checkout")
    draw = random.Random(SEED)
    ended = 0
    for moment in (0, draw.uniform(0, 0.5), draw.uniform(0, undisturbed[0].seconds / len(STAGES))):
        run = start(checkout, sys.executable, "-m", f"stages.{stage}")
        while run.poll() is None and not listens(run.pid):
            time.sleep(0.01)
        time.sleep(moment)
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=60)[0]
        if run.returncode:
            assert run.returncode == -signal.SIGINT
            assert "Traceback" not in said
            told = said.splitlines()[-1:] == [f"{stage}: ended by SIGINT"]
            assert told or said, "neither done nor told"
            ended += told
        assert half_written(checkout) == []
        assert outputs(checkout) == undisturbed[0].outputs
    assert ended


@pytest.mark.parametrize("stage", ["train", "crossvalidate"])
def test_long_training_goes_on_where_it_was_killed(tmp_path: Path, stage: str) -> None:
    checkout = fresh(tmp_path / "checkout")
    checkout.replace("params.yaml", "  epochs: 3", "  epochs: 400")
    checkout.replace("params.yaml", "  patience: 15", "  patience: 0")
    for needed in ("simulate", "prepare", stage):
        checkout.stage(needed)
    whole = outputs(checkout)
    impatient = (
        "from nextsem import checkpoint; checkpoint.PAUSE = 0.2; "
        f"from stages import {stage}; {stage}.main()"
    )
    kept = checkout.path / ".checkpoint" / stage
    draw = random.Random(SEED)
    said = ""
    for _ in range(3):
        run = start(checkout, sys.executable, "-c", impatient)
        while run.poll() is None and not list(kept.glob("*.safetensors")):
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 2))
        run.kill()
        said = run.communicate()[0]
        if run.returncode == 0:
            break
        assert outputs(checkout) == whole
    for name in whole:
        if name.startswith(("models/", f"metrics/{stage}")):
            (checkout.path / name).unlink()
    said += checkout.run(sys.executable, "-c", impatient)
    assert f".checkpoint/{stage}: going on with " in said
    assert outputs(checkout) == whole
    assert not kept.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], capture_output=True, check=False
    )
    if done.returncode:
        pytest.fail(f"a small file system takes root: {done.stderr.decode()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_up(small_disk: Path, undisturbed: list[Undisturbed]) -> None:
    """With more and more room, each run gets further; with enough, to the bytes that are due."""
    checkout = fresh(small_disk / "checkout")
    checkout.run("dvc", "status")
    filler = small_disk / "filler"
    steps, failed = [4, 8, 12, 16, 24, 32, 16, 24, 48, 64, 128, 256, 64, 4096], set()
    for room in steps:  # KiB
        filler.unlink(missing_ok=True)
        with filler.open("wb") as file:
            file.truncate(0)
            free = shutil.disk_usage(small_disk).free - room * 1024
            file.write(b"\0" * max(free, 0))
        said = checkout.run(*REPRO, check=False, PYTHONDONTWRITEBYTECODE="1")
        assert "Traceback" not in said
        assert half_written(checkout) == []
        for name, found in outputs(checkout).items():
            assert found == undisturbed[0].outputs[name]
        for stage, entry in lock(checkout).items():
            assert entry == undisturbed[0].lock[stage]
        failed |= set(re.findall(r"failed to reproduce '(\w+)'", said))
    assert len(failed) >= 3, failed
    assert outputs(checkout) == undisturbed[0].outputs
    assert lock(checkout) == undisturbed[0].lock


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_one_line(
    small_disk: Path, stage: str, undisturbed: list[Undisturbed]
) -> None:
    checkout = undisturbed[0].checkout.copy(small_disk / "checkout")
    (small_disk / "filler").write_bytes(b"\0" * shutil.disk_usage(small_disk).free)
    said = checkout.run(
        sys.executable, "-m", f"stages.{stage}", check=False, PYTHONDONTWRITEBYTECODE="1"
    )
    assert re.fullmatch(r"(data|metrics|models)/\S+: No space left on device\n", said), said
    assert outputs(checkout) == undisturbed[0].outputs
    assert half_written(checkout) == []


def test_too_little_memory_is_one_line(tmp_path: Path) -> None:
    checkout = fresh(tmp_path / "checkout")
    checkout.replace("params.yaml", "  hidden: 64", "  hidden: 20000")
    for stage in ("simulate", "prepare"):
        checkout.stage(stage)
    said = checkout.run("sh", "-c", "ulimit -v 6000000; python -m stages.train", check=False)
    assert re.fullmatch(r"out of memory: .*\n", said), said
    assert not (checkout.path / "models/forecaster.safetensors").exists()


def test_two_runs_at_once(tmp_path: Path, undisturbed: list[Undisturbed]) -> None:
    checkout = fresh(tmp_path / "checkout")
    for wait in (0, 1, 3):
        checkout.run("git", "checkout", "--quiet", "--", ".")
        (checkout.path / "dvc.lock").unlink(missing_ok=True)
        both = [start(checkout, *REPRO)]
        time.sleep(wait)
        both.append(start(checkout, *REPRO))
        said = [run.communicate(timeout=300)[0] for run in both]
        assert 0 in [run.returncode for run in both], said
        assert "Traceback" not in "".join(said)
        checkout.run(*REPRO)
        assert outputs(checkout) == undisturbed[0].outputs
        assert lock(checkout) == undisturbed[0].lock


def test_a_queue_on_two_workers_gives_what_one_run_after_the_other_gives(tmp_path: Path) -> None:
    queued, single = fresh(tmp_path / "queued"), fresh(tmp_path / "single")
    settings = {
        f"{cell}-{layers}-{hidden}": [
            *("-S", f"model.cell={cell}", "-S", f"model.layers={layers}"),
            *("-S", f"model.hidden={hidden}"),
        ]
        for cell in ("rnn", "gru")
        for layers in (1, 2)
        for hidden in (8, 12)
    }
    for checkout in (queued, single):
        checkout.run(*REPRO)
        checkout.commit("ran")
    for name, setting in settings.items():
        queued.run("dvc", "exp", "run", "--queue", "--name", name, *setting)
    queued.run("dvc", "queue", "start", "--jobs", "2")
    for name, setting in settings.items():
        single.run("dvc", "exp", "run", "--name", name, *setting)
    deadline = time.monotonic() + 600
    while (status := queued.run("dvc", "queue", "status")).count("Success") < len(settings):
        assert "Failed" not in status, status
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert results(queued) == results(single)
    assert len(set(results(single).values())) == len(settings)


def results(checkout: Checkout) -> dict[str, str]:
    """Of each experiment the digests of its files: metrics, and `dvc.lock` with all others'.

    Not of params.yaml, in which DVC keeps or loses comments, and of which `dvc.lock` has the values.
    """
    refs = checkout.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/??/*/*").split()
    files = {ref: checkout.run("git", "ls-tree", "-r", ref).splitlines() for ref in refs}
    return {
        ref.rpartition("/")[2]: "\n".join(each for each in listed if "params.yaml" not in each)
        for ref, listed in files.items()
    }
