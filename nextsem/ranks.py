"""Training spread over processes, on one machine or several, by PyTorch's launcher `torchrun`.

Each process, or rank, runs the same stage on the same inputs. The ranks take networks from one
queue and then tell each other what they fitted, so that all hold the same; the first one writes.
Where there are too few networks to go round, the ranks share the students of each batch instead,
and add their gradients up.
"""

import fcntl
import os
import re
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from typing import Protocol

import torch
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from nextsem import InputError

JOIN = 120  # seconds to wait for the others at the start
BEAT = 1  # seconds between two signs of life
SILENCE = 20  # seconds without one after which a rank counts as dead
PARTED = "parted"  # the last sign

_SIOCGIFADDR = 0x8915  # Linux: the address of an interface


class Queue(Protocol):
    """Jobs still to be done; an IndexError says that there are none."""

    def popleft(self) -> int: ...


class Ranks:
    """The ranks of this run: here, one process by itself.

    ``rank`` of ``size``; ``local`` of the ``here`` ranks on this machine.
    """

    rank, size, local, here = 0, 1, 0, 1

    def queue(self, jobs: Iterable[int]) -> Queue:
        """One queue that all ranks take from."""
        return deque(jobs)

    def each(self, number: int) -> list[int]:
        """Every rank's number, in the order of the ranks."""
        return [number]

    def unite(self, part: Tensor) -> Tensor:
        """A tensor of which each rank has a part, and zeros elsewhere; bit by bit."""
        return part

    def add_up(self, part: Tensor) -> None:
        """Replace a tensor by the sum of every rank's."""

    def finished(self, networks: int) -> int:
        """How many networks all ranks have finished, as far as is known, when this one has so many."""
        return networks

    def part(self) -> bool:
        """Go on without the others, who have nothing more to do. True for the one that writes."""
        return True


_ranks = Ranks()


def join() -> Ranks:
    """Find the others, if `torchrun` started this process.

    Raises
    ------
    InputError
        The others have not come, or cannot be reached.
    """
    global _ranks  # noqa: PLW0603 (there is one such group in a process, as in torch.distributed)
    if distributed.is_torchelastic_launched():
        _ranks = _Launched()
    return _ranks


def joined() -> Ranks:
    """The ranks that this process has joined, or itself alone."""
    return _ranks


class _Launched(Ranks):
    """Ranks that `torchrun` started, who talk by Gloo."""

    def __init__(self) -> None:
        self.local, self.here = (int(os.environ[f"LOCAL_{n}"]) for n in ("RANK", "WORLD_SIZE"))
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        if self.rank:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (for good)
        wait = timedelta(seconds=JOIN)
        self._queues = 0
        self._finished = [0] * self.size
        self._parted = Event()
        if interface := _interface(os.environ["MASTER_ADDR"]):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        with self._told():
            store, *_ = next(rendezvous("env://", timeout=wait))
            store.set_timeout(timedelta(seconds=SILENCE))
            attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
            self._store = PrefixStore(f"nextsem {attempt}", store)
            self._store.set(f"sign {self.rank}", "")
            self._await_others()
            self._heard = [time.monotonic()] * self.size
            self._talker = Thread(target=self._talk, daemon=True)
            for thread in (self._talker, Thread(target=self._watch, daemon=True)):
                thread.start()
            distributed.init_process_group(
                "gloo",
                store=PrefixStore("gloo", self._store),
                rank=self.rank,
                world_size=self.size,
                timeout=timedelta(days=365),  # A rank may train long; a dead one is found below.
            )

    def queue(self, jobs: Iterable[int]) -> Queue:
        self._queues += 1
        return _SharedQueue(self, f"queue {self._queues}", list(jobs))

    def each(self, number: int) -> list[int]:
        own = torch.zeros(self.size, dtype=torch.int64)
        own[self.rank] = number
        return self.unite(own).tolist()

    def unite(self, part: Tensor) -> Tensor:
        whole = part.cpu().flatten()
        bits = whole.view(torch.int32)
        with self._told():
            work = distributed.all_reduce(bits, async_op=True)
            while not work.is_completed():  # Python hears of signals between two naps.
                time.sleep(0.01)
            work.wait()
        return whole.view(part.shape).to(part.device)

    def add_up(self, part: Tensor) -> None:
        with self._told():
            distributed.all_reduce(part)

    def finished(self, networks: int) -> int:
        self._finished[self.rank] = networks
        return sum(self._finished)

    def part(self) -> bool:
        self._parted.set()
        self._talker.join(SILENCE)
        return self.rank == 0

    def count(self, name: str, step: int = 1) -> int:
        """A count that all ranks share, after this step."""
        with self._told():
            return self._store.add(name, step)

    def _await_others(self) -> None:
        end = time.monotonic() + JOIN
        came = self.count("came")
        while came < self.size:
            if time.monotonic() > end:
                raise InputError(
                    f"process {self.rank}: {came} of {self.size} processes came within {JOIN} s; "
                    "start the others, or launch fewer"
                )
            time.sleep(0.05)
            came = self.count("came", 0)

    def _talk(self) -> None:
        """Give signs of life, and note the others'. They are not just slow: they give them at work."""
        names = [f"sign {rank}" for rank in range(self.size)]
        signs = [b""] * self.size
        beat = 0
        with suppress(RuntimeError):  # The connection is gone: no more is heard.
            while not self._parted.wait(BEAT):
                beat += 1
                self._store.set(names[self.rank], f"{beat} {self._finished[self.rank]}")
                found = self._store.multi_get(names)
                for rank, sign in enumerate(found):
                    if sign != signs[rank] or sign == PARTED.encode():
                        self._heard[rank] = time.monotonic()
                    if rank != self.rank and b" " in sign:
                        self._finished[rank] = int(sign.split()[1])
                signs = found
            self._store.set(names[self.rank], PARTED)

    def _watch(self) -> None:
        """End this process when another one has fallen silent, whatever it is waiting for."""
        while not self._parted.wait(BEAT):
            silent = [time.monotonic() - heard > SILENCE for heard in self._heard]
            if any(silent):
                who = os.environ["MASTER_ADDR"] if all(silent) else f"process {silent.index(True)}"
                lost = self._lost(f"{who} has been silent for {SILENCE} s")
                print(lost, file=sys.stderr, flush=True)
                os._exit(1)

    def _lost(self, reason: str) -> str:
        return (
            f"process {self.rank} of {self.size} has lost the others: {reason}; nothing is written"
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise InputError(self._lost(_reason(error))) from None


class _SharedQueue:
    """Jobs that all ranks know, and a count of those that were taken."""

    def __init__(self, ranks: _Launched, name: str, jobs: list[int]) -> None:
        self._ranks, self._name, self._jobs = ranks, name, jobs

    def popleft(self) -> int:
        return self._jobs[self._ranks.count(self._name) - 1]


def _interface(address: str) -> str | None:
    """The network interface by which an address is reached; Gloo by itself may take another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, suppress(OSError):
        asking.connect((address, 9))  # Nothing is sent.
        own = socket.inet_aton(asking.getsockname()[0])
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # It has no address.
                found = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("256s", name.encode()))
                if found[20:24] == own:
                    return name
    return None


def _reason(error: RuntimeError) -> str:
    """The heart of what PyTorch says."""
    text = " ".join(re.sub(r"\[[^]]*\.cc:\d+\]", "", str(error)).split())
    return text.split(". ")[0][:200]
