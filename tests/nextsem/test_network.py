"""The batched networks against torch.nn's own, network by network."""

import pytest
import torch
from torch import Tensor, nn

from nextsem.network import Architecture, Networks, initial_weights, random_bits, stream

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
NETWORKS, STUDENTS, FEATURES = 3, 20, 7


def torch_network(architecture: Architecture, weights: Tensor) -> tuple[nn.Module, nn.Linear]:
    """torch's own network with the weights of one of ours."""
    recurrent = CELLS[architecture.cell](
        architecture.inputs, architecture.hidden, architecture.layers
    )
    output = nn.Linear(architecture.hidden, 1)
    own = {name: value[0] for name, value in architecture.views(weights[None]).items()}
    with torch.no_grad():
        for layer in range(architecture.layers):
            getattr(recurrent, f"weight_ih_l{layer}").copy_(own[f"input_{layer}"].T)
            getattr(recurrent, f"weight_hh_l{layer}").copy_(own[f"recurrent_{layer}"].T)
            getattr(recurrent, f"bias_ih_l{layer}").copy_(own[f"input_bias_{layer}"][0])
            getattr(recurrent, f"bias_hh_l{layer}").copy_(own[f"recurrent_bias_{layer}"][0])
        output.weight.copy_(own["output"].T)
        output.bias.copy_(own["output_bias"][0])
    return recurrent, output


def torch_gradient(architecture: Architecture, recurrent: nn.Module, output: nn.Linear) -> Tensor:
    parts = []
    for layer in range(architecture.layers):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            parts.append(getattr(recurrent, f"{name}_l{layer}").grad.t().flatten())
    return torch.cat([*parts, output.weight.grad.t().flatten(), output.bias.grad])


@pytest.mark.parametrize("output", ["linear", "relu"])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_and_backward_equal_torch(cell: str, layers: int, steps: int, output: str) -> None:
    architecture = Architecture(FEATURES, cell, layers, 16, dropout=0.0, output=output)
    weights = initial_weights(architecture, torch.arange(NETWORKS))
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(NETWORKS, steps, STUDENTS, FEATURES, generator=draw)
    slope = torch.randn(NETWORKS, steps, STUDENTS, generator=draw)
    networks = Networks(architecture, weights, steps, STUDENTS)

    forecast = networks.forward(inputs, keys=torch.arange(NETWORKS)).clone()
    gradient = networks.backward(slope)

    for number in range(NETWORKS):
        recurrent, last = torch_network(architecture, weights[number])
        expected = last(recurrent(inputs[number])[0])[..., 0]
        expected = expected.relu() if output == "relu" else expected
        (expected * slope[number]).sum().backward()
        torch.testing.assert_close(forecast[number], expected.detach(), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            gradient[number], torch_gradient(architecture, recurrent, last), atol=1e-4, rtol=1e-4
        )


def test_a_second_pass_does_not_remember_the_first() -> None:
    architecture = Architecture(FEATURES, "lstm", 2, 8)
    weights = initial_weights(architecture, torch.arange(NETWORKS))
    inputs = torch.randn(NETWORKS, 3, STUDENTS, FEATURES)
    networks = Networks(architecture, weights, 3, STUDENTS)
    first = networks.forward(inputs).clone()
    networks.forward(inputs * 100, keys=torch.arange(NETWORKS))
    networks.backward(torch.ones(NETWORKS, 3, STUDENTS))
    assert torch.equal(networks.forward(inputs), first)


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    share = 0.2
    architecture = Architecture(FEATURES, "rnn", 1, 64, dropout=share)
    weights = initial_weights(architecture, torch.zeros(1, dtype=torch.int64))
    views = architecture.views(weights)
    # Every unit is tanh(1), and the output is their mean.
    for name, view in views.items():
        view.fill_({"input_bias_0": 1.0, "output": 1 / 64}.get(name, 0.0))
    networks = Networks(architecture, weights, 1, 4000)
    inputs = torch.zeros(1, 1, 4000, FEATURES)
    kept = networks.forward(inputs)[0, 0].mean().item()
    dropped = networks.forward(inputs, keys=torch.tensor([5]))[0, 0]
    units = 4000 * 64
    assert dropped.mean().item() == pytest.approx(kept, abs=5 * (share / units) ** 0.5)
    assert len(dropped.unique()) > 10


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_through_dropout_and_direct_path_by_finite_differences(cell: str) -> None:
    architecture = Architecture(2, cell, 2, 8, dropout=0.5, direct=3)
    weights = initial_weights(architecture, torch.tensor([3]))
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(1, 3, 50, 2 + 3, generator=draw)
    direction = torch.randn(weights.shape, generator=draw)
    keys = torch.tensor([9])

    def mean_output(weights: Tensor) -> float:
        return Networks(architecture, weights, 3, 50).forward(inputs, keys).mean().item()

    networks = Networks(architecture, weights, 3, 50)
    networks.forward(inputs, keys)
    gradient = networks.backward(torch.full((1, 3, 50), 1 / 150))
    rise = mean_output(weights + 1e-2 * direction) - mean_output(weights - 1e-2 * direction)
    assert (gradient * direction).sum().item() == pytest.approx(rise / 2e-2, rel=0.01)


def test_random_bits_are_splitmix64() -> None:
    def splitmix64(key: int, number: int) -> int:
        bits = (key + number * 0x9E3779B97F4A7C15) % 2**64
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
        return bits ^ (bits >> 31)

    keys = [0, 1, 2**62 + 12345]
    found = random_bits(torch.tensor(keys), 5)
    assert [[bits % 2**64 for bits in row] for row in found.tolist()] == [
        [splitmix64(key, number) for number in range(5)] for key in keys
    ]


def test_streams_differ_by_seed_and_path() -> None:
    seeds = torch.arange(100)
    streams = [stream(seeds, *path) for path in ((0,), (1,), (1, 0), (1, 1), (0, 1), (2, 7))]
    assert len(torch.cat(streams).unique()) == 600


@pytest.mark.parametrize("cell", CELLS)
def test_starting_weights_are_spread_as_in_torch(cell: str) -> None:
    architecture = Architecture(FEATURES, cell, 2, 64)
    weights = initial_weights(architecture, torch.arange(4)) * 8
    assert weights.abs().max() <= 1
    assert weights.mean().item() == pytest.approx(0, abs=0.01)
    assert weights.std().item() == pytest.approx(3**-0.5, abs=0.01)
