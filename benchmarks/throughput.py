"""Training many networks at once, against a loop of torch.nn over the same work, on one thread.

python -m benchmarks.throughput [REPETITIONS]
"""

import nextsem  # noqa: F401, I001 (first: it pins the kernels before torch loads)

import sys
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

from nextsem.network.network import Architecture, Inputs
from nextsem.network.training import Examples, Recipe, fit

NETWORKS, LOOP_NETWORKS = 100, 10
STUDENTS, STEPS, NUMBERS, EPOCHS = 108, 4, 9, 20
DROPOUT, LEARNING_RATE, WEIGHT_DECAY = 0.2, 0.001, 1e-5
SIZES = [(3, 64), (1, 16)]  # layers, hidden


def at_once(layers: int, hidden: int, inputs: Tensor, targets: Tensor) -> float:
    """Milliseconds for each network and epoch."""
    architecture = Architecture(NUMBERS, layers=layers, hidden=hidden, dropout=DROPOUT)
    recipe = Recipe(LEARNING_RATE, WEIGHT_DECAY, EPOCHS, patience=0)
    codes = torch.zeros(STEPS, STUDENTS, 0, dtype=torch.int64)
    examples = Examples(Inputs(inputs, codes, codes.float()), targets, torch.ones_like(targets), [])
    nobody = torch.zeros(NETWORKS, STUDENTS, dtype=torch.bool)
    start = perf_counter()
    fit(architecture, recipe, examples, nobody, seed=0)
    return 1000 * (perf_counter() - start) / (NETWORKS * EPOCHS)


class Network(nn.Module):
    """The same network in torch.nn."""

    def __init__(self, layers: int, hidden: int) -> None:
        super().__init__()
        between = DROPOUT if layers > 1 else 0.0
        self.recurrent = nn.RNN(NUMBERS, hidden, layers, dropout=between)
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.recurrent(inputs)
        return self.output(self.dropout(states))[..., 0]


def in_a_loop(layers: int, hidden: int, inputs: Tensor, targets: Tensor) -> float:
    """Milliseconds for each network and epoch."""
    start = perf_counter()
    for _ in range(LOOP_NETWORKS):
        network = Network(layers, hidden)
        weights = network.parameters()
        optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        for _ in range(EPOCHS):
            loss = nn.functional.mse_loss(network(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return 1000 * (perf_counter() - start) / (LOOP_NETWORKS * EPOCHS)


def main(repetitions: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inputs, targets = torch.randn(STEPS, STUDENTS, NUMBERS), torch.randn(STEPS, STUDENTS)
    print("| network | at once, ms | in a loop, ms | times as fast |\n|---|--:|--:|--:|")
    for layers, hidden in SIZES:
        work = (layers, hidden, inputs, targets)
        taken = [(at_once(*work), in_a_loop(*work)) for _ in range(repetitions + 1)]
        ours, loop = (median(each) for each in zip(*taken[1:], strict=True))  # the first warms up
        print(f"| {layers} x {hidden} | {ours:.3f} | {loop:.3f} | {loop / ours:.1f} |")
    print(
        f"\nTime for each network and epoch, medians of {repetitions} interleaved repetitions on one "
        f"thread; {STUDENTS} students, {STEPS} steps of {NUMBERS} numbers, {NETWORKS} networks at "
        f"once, {LOOP_NETWORKS} in the loop, torch {torch.__version__}."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
