"""Training many networks as one batch, against a loop of torch.nn over the same work.

python -m benchmarks.throughput
"""

import stages  # noqa: F401, I001 (first: it pins the kernels before torch loads)

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.report import cores, machine, table, verdict, write
from nextsem.network import Architecture
from nextsem.training import Job, Lessons, Recipe, fit

NETWORKS, LOOP_NETWORKS = 100, 10
STUDENTS, STEPS, FEATURES = 108, 4, 9
EPOCHS, REPETITIONS = 20, 5
DROPOUT, LEARNING_RATE, WEIGHT_DECAY = 0.2, 0.001, 1e-5
SIZES = {"3 x 64": (3, 64, 3.0), "1 x 16": (1, 16, 8.0)}  # layers, hidden, targeted ratio
PRODUCT, PRODUCT_CALLS = (10, 576, 64, 64), 400


def batched(layers: int, hidden: int, lessons: Lessons) -> float:
    """Seconds per network and epoch."""
    architecture = Architecture(FEATURES, "rnn", layers, hidden, DROPOUT)
    recipe = Recipe(LEARNING_RATE, WEIGHT_DECAY, EPOCHS, patience=0)
    everyone = torch.arange(STUDENTS)
    jobs = [Job(lessons, everyone, everyone[:0], seed) for seed in range(NETWORKS)]
    start = perf_counter()
    fit(architecture, recipe, jobs)
    return (perf_counter() - start) / (NETWORKS * EPOCHS)


def batched_on_one_core(layers: int, hidden: int, lessons: Lessons) -> float:
    """The same, held to one core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        return batched(layers, hidden, lessons)
    finally:
        os.sched_setaffinity(0, allowed)


class Network(nn.Module):
    def __init__(self, layers: int, hidden: int) -> None:
        super().__init__()
        between = DROPOUT if layers > 1 else 0.0
        self.recurrent = nn.RNN(FEATURES, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.recurrent(inputs)
        return self.output(self.dropout(states))[..., 0]


def loop(layers: int, hidden: int, lessons: Lessons, threads: int) -> float:
    """Seconds per network and epoch, one network after the other."""
    torch.set_num_threads(threads)
    start = perf_counter()
    for seed in range(LOOP_NETWORKS):
        torch.manual_seed(seed)
        network = Network(layers, hidden)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        for _ in range(EPOCHS):
            loss = nn.functional.mse_loss(network(lessons.inputs), lessons.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return (perf_counter() - start) / (LOOP_NETWORKS * EPOCHS)


def matrix_products() -> float:
    """GFLOP/s of batched matrix products, one thread on each core."""
    networks, rows, inner, columns = PRODUCT

    def work(_: int) -> None:
        left, right = torch.rand(networks, rows, inner), torch.rand(networks, inner, columns)
        out = torch.empty(networks, rows, columns)
        for _ in range(PRODUCT_CALLS):
            torch.bmm(left, right, out=out)

    with ThreadPoolExecutor(cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(work, range(cores())))  # Threads and kernels are set up outside the count.
        start = perf_counter()
        list(pool.map(work, range(cores())))
        seconds = perf_counter() - start
    return cores() * PRODUCT_CALLS * 2 * networks * rows * inner * columns / seconds / 1e9


def operations(layers: int, hidden: int) -> float:
    """Floating-point operations of the matrix products of one epoch of one network."""
    steps = 2 * STUDENTS * STEPS * hidden
    recurrent = layers * 2 * STUDENTS * (STEPS - 1) * hidden * hidden
    first, between, output = steps * FEATURES, (layers - 1) * steps * hidden, steps
    # Forward, the weights' gradient, and the gradient that goes on down (not into the features).
    return 3 * (recurrent + between) + 2 * first + 2 * output


def measure() -> dict[str, Any]:
    torch.manual_seed(0)
    lessons = Lessons(
        torch.randn(STUDENTS, STEPS, FEATURES),
        torch.randn(STUDENTS, STEPS),
        torch.ones(STUDENTS, STEPS),
    )
    ways: dict[str, Callable[[int, int], float]] = {
        "batched": lambda layers, hidden: batched(layers, hidden, lessons),
        "batched_one_core": lambda layers, hidden: batched_on_one_core(layers, hidden, lessons),
    }
    for threads in sorted({1, cores()}):
        ways[f"loop_{threads}_threads"] = lambda layers, hidden, threads=threads: loop(
            layers, hidden, lessons, threads
        )
    seconds = {size: {way: [] for way in ways} for size in SIZES}
    products = []
    for repetition in range(REPETITIONS + 1):
        rate = matrix_products()
        for size, (layers, hidden, _) in SIZES.items():
            for way, run in ways.items():
                taken = run(layers, hidden)
                print(f"{size} {way:18} {1000 * taken:8.4f} ms", flush=True)
                if repetition:  # The first round warms up.
                    seconds[size][way].append(taken)
        if repetition:
            products.append(rate)
    return {
        "machine": machine("torch"),
        "work": {
            "networks": NETWORKS,
            "networks_in_loop": LOOP_NETWORKS,
            "students": STUDENTS,
            "steps": STEPS,
            "features": FEATURES,
            "epochs": EPOCHS,
            "dropout": DROPOUT,
            "repetitions": REPETITIONS,
        },
        "product_gflops": round(median(products), 1),
        "sizes": {
            size: summary(seconds[size], layers, hidden, target, median(products))
            for size, (layers, hidden, target) in SIZES.items()
        },
    }


def summary(
    seconds: dict[str, list[float]], layers: int, hidden: int, target: float, products: float
) -> dict[str, Any]:
    """Medians over the repetitions, and what they come to."""
    medians = {way: median(taken) for way, taken in seconds.items()}
    best = min((way for way in medians if way.startswith("loop")), key=medians.__getitem__)
    rate = operations(layers, hidden) / medians["batched"] / 1e9
    ratio = medians[best] / medians["batched"]
    return {
        "milliseconds": {way: round(1000 * taken, 4) for way, taken in medians.items()},
        "best_loop": best,
        "ratio": round(ratio, 2),
        "ratio_one_core": round(medians["loop_1_threads"] / medians["batched_one_core"], 2),
        "target": target,
        "met": ratio >= target,
        "gflops": round(rate, 1),
        "share_of_products": round(rate / products, 3),
    }


def section(results: dict[str, Any]) -> str:
    work = results["work"]
    header = ["network", "batched", "batched, one core"]
    header += [
        f"loop, {threads} thread{'s' * (threads > 1)}"
        for threads in sorted({1, results["machine"]["cores"]})
    ]
    header += ["ratio", "ratio, one core", "target", "", "GFLOP/s", "of products"]
    rows = [
        [
            size,
            *(f"{taken:.3f} ms" for taken in each["milliseconds"].values()),
            f"{each['ratio']:.1f}",
            f"{each['ratio_one_core']:.1f}",
            f">= {each['target']:g}",
            verdict(each["met"]),
            f"{each['gflops']:.0f}",
            f"{each['share_of_products']:.0%}",
        ]
        for size, each in results["sizes"].items()
    ]
    return (
        f"{table(header, rows)}\n\n"
        f"Time per network and epoch, medians of {work['repetitions']} interleaved repetitions: "
        f"{work['students']} students, {work['steps']} steps of {work['features']} features, dropout "
        f"{work['dropout']:g}, {work['epochs']} epochs. The batch trains {work['networks']} networks, "
        f"the loop {work['networks_in_loop']}, scaled by their number. Ratio: the faster loop over the "
        "batch on all cores; on one core: the loop on one thread over the batch held to one core. "
        f"Batched matrix products alone reach {results['product_gflops']:.0f} GFLOP/s here."
    )


if __name__ == "__main__":
    results = measure()
    write("throughput", results, section(results))
