"""The pipeline launched by torchrun: the same bytes from one process, several, and two hosts."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Checkout, environment

pytestmark = pytest.mark.slow

LAUNCHED = ("train", "crossvalidate")
PORT = 29511


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the pipeline has run in one process, made quick."""
    checkout = Checkout(tmp_path_factory.mktemp("launch") / "checkout")
    checkout.replace("params.yaml", "  epochs: 1000", "  epochs: 20")
    checkout.replace("params.yaml", "  repeats: 2", "  repeats: 1")
    checkout.run("dvc", "repro")
    checkout.commit("ran")
    return checkout


def outputs(checkout: Checkout) -> dict[str, bytes]:
    folders = ("data", "metrics", "models")
    files = [path for name in folders for path in (checkout.path / name).rglob("*.*")]
    return {
        str(path.relative_to(checkout.path)): path.read_bytes()
        for path in files
        if path.is_file() and path.name != "dvc.lock"
    }


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_on_one_machine(done: Checkout, processes: int) -> None:
    before = outputs(done)
    launch = f'launch="torchrun --nproc-per-node={processes}"'
    said = done.run("dvc", "exp", "run", "-S", launch)
    for stage in LAUNCHED:
        assert f"> torchrun --nproc-per-node={processes} -m stages.{stage}\n" in said
    assert outputs(done) == before
    assert not (done.path / ".checkpoint").exists()


def test_what_is_wrong_is_told_in_a_line(done: Checkout) -> None:
    said = done.run(
        *("dvc", "exp", "run", "-S", "train.learning_rate=1e18", "-S"),
        'launch="torchrun --nproc-per-node=2"',
        check=False,
    )
    done.run("git", "checkout", "--quiet", "--", ".")
    done.run("dvc", "checkout", "--quiet")
    # torchrun ends the other process as soon as one has failed, at times before it says the same.
    assert "train.learning_rate is 1e+18: the loss grew past all bounds" in said
    assert "Traceback" not in said.partition("torch/distributed/elastic")[0]


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Two hosts on one network: network namespaces joined by a pair of virtual interfaces."""
    if not shutil.which("ip") or os.geteuid():
        reason = "two hosts take root and `ip` (package iproute2)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    names = [f"host{number}-{os.getpid()}" for number in (1, 2)]

    def ip(*command: str) -> None:
        subprocess.run(["ip", *command], check=True)

    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ends = ["wire", "netns", names[0], "type", "veth", "peer", "wire", "netns", names[1]]
        ip("link", "add", *ends)
        for number, name in enumerate(names, 1):
            ip("-n", name, "address", "add", f"10.77.0.{number}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


@pytest.fixture
def second(done: Checkout, tmp_path: Path) -> Checkout:
    """The second host's checkout: the same code, parameters and tables, and no results."""
    checkout = Checkout(tmp_path / "second")
    shutil.copy(done.path / "params.yaml", checkout.path)
    shutil.copytree(done.path / "data/prepared", checkout.path / "data/prepared")
    checkout.commit("ready")
    return checkout


def launcher(node: int) -> str:
    return (
        f"torchrun --nnodes=2 --nproc-per-node=1 --node-rank={node} --master-addr=10.77.0.1 "
        f"--master-port={PORT}"
    )


def start(host: str, checkout: Checkout, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["ip", "netns", "exec", host, *command],
        cwd=checkout.path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_hosts(done: Checkout, second: Checkout, hosts: list[str]) -> None:
    before = outputs(done)
    first = start(
        hosts[0], done, "dvc", "exp", "run", "--force", "-S", f'launch="{launcher(node=0)}"'
    )
    for stage in LAUNCHED:  # by hand, one after the other
        joined = start(hosts[1], second, *launcher(node=1).split(), "-m", f"stages.{stage}")
        said = joined.communicate(timeout=300)[0]
        assert joined.returncode == 0, said
    said = first.communicate(timeout=300)[0]
    assert first.returncode == 0, said
    assert said.count("--node-rank=0") == 2
    assert outputs(done) == before
    assert second.run("git", "status", "--short", "--ignored") == "!! data/prepared/\n"


def test_a_host_that_is_cut_off_fails_the_stage(
    done: Checkout, second: Checkout, hosts: list[str]
) -> None:
    before = outputs(done)
    for checkout in (done, second):
        checkout.replace("params.yaml", "  epochs: 20", "  epochs: 1000000")
        checkout.replace("params.yaml", "  patience: 15", "  patience: 0")
    both = [
        start(host, checkout, *launcher(node).split(), "-m", "stages.crossvalidate")
        for node, (host, checkout) in enumerate(zip(hosts, (done, second), strict=True))
    ]
    time.sleep(15)
    assert [each.poll() for each in both] == [None, None]
    subprocess.run(["ip", "-n", hosts[1], "link", "set", "wire", "down"], check=True)
    cut = time.monotonic()
    said = both[0].communicate(timeout=120)[0]
    assert time.monotonic() < cut + 60
    assert both[0].returncode != 0
    assert "process 0 of 2 has lost the others: process 1 has been silent for 20 s" in said
    both[1].kill()  # torchrun, which waits for the first host for minutes; its process has ended
    assert (
        "process 1 of 2 has lost the others: 10.77.0.1 has been silent for 20 s"
        in both[1].communicate(timeout=10)[0]
    )
    done.run("git", "checkout", "--quiet", "--", ".")
    assert outputs(done) == before
