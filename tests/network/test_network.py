"""The batched networks against torch.nn's own, network by network."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nextsem.network.network import LINEAR_SCALE, Architecture, Inputs, dropout_masks, forward

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
NETWORKS, STEPS, STUDENTS, NUMBERS = 3, 4, 20, 5


def some_inputs(columns: tuple[int, ...] = ()) -> Inputs:
    draw = torch.Generator().manual_seed(0)
    numbers = torch.randn(STEPS, STUDENTS, NUMBERS, generator=draw)
    first, codes = 0, []
    for column, size in enumerate(columns):
        own = torch.randint(size + 1, (STEPS, STUDENTS), generator=draw)
        codes.append(torch.where(own == size, sum(columns) + column, own + first))
        first += size
    empty = torch.zeros(STEPS, STUDENTS, 0, dtype=torch.int64)
    places = torch.stack(codes, dim=-1) if codes else empty
    return Inputs(numbers, places, torch.zeros(STEPS, STUDENTS, 0))


def some_weights(architecture: Architecture, seed: int = 1) -> Tensor:
    return architecture.initial_weights(NETWORKS, torch.Generator().manual_seed(seed))


def torch_networks(architecture: Architecture, weights: Tensor) -> list[nn.ModuleList]:
    """torch's own networks with our weights."""
    modules = []
    for number in range(NETWORKS):
        recurrent = CELLS[architecture.cell](NUMBERS, architecture.hidden, architecture.layers)
        output = nn.Linear(architecture.hidden, 1)
        own = {name: view[number] for name, view in architecture.views(weights).items()}
        with torch.no_grad():
            for layer in range(architecture.layers):
                getattr(recurrent, f"weight_ih_l{layer}").copy_(own[f"input_{layer}"].T)
                getattr(recurrent, f"weight_hh_l{layer}").copy_(own[f"recurrent_{layer}"].T)
                getattr(recurrent, f"bias_ih_l{layer}").copy_(own[f"input_bias_{layer}"][0])
                getattr(recurrent, f"bias_hh_l{layer}").copy_(own[f"recurrent_bias_{layer}"][0])
            output.weight.copy_(own["output"].T)
            output.bias.copy_(own["output_bias"][0])
        modules.append(nn.ModuleList([recurrent, output]))
    return modules


@pytest.mark.parametrize("output", ["linear", "relu"])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_equal_those_of_torch(cell: str, layers: int, output: str) -> None:
    architecture = Architecture(NUMBERS, cell=cell, layers=layers, hidden=16, output=output)
    weights = some_weights(architecture).requires_grad_()
    inputs = some_inputs()
    outputs = forward(architecture, weights, inputs, [])
    outputs.square().sum().backward()
    gradient = architecture.views(weights.grad)
    for number, (recurrent, last) in enumerate(torch_networks(architecture, weights.detach())):
        expected = last(recurrent(inputs.numbers)[0])[..., 0]
        expected = expected.relu() if output == "relu" else expected
        expected.square().sum().backward()
        torch.testing.assert_close(outputs[number], expected, atol=1e-5, rtol=1e-4)
        for layer in range(layers):
            for ours, theirs in (("input", "weight_ih"), ("recurrent", "weight_hh")):
                own = gradient[f"{ours}_{layer}"][number].T
                expected = getattr(recurrent, f"{theirs}_l{layer}").grad
                torch.testing.assert_close(own, expected, atol=1e-3, rtol=1e-3)


def test_a_category_looked_up_is_the_same_as_one_hot_inputs() -> None:
    """With slopes, and with the shares where a category is not known."""
    sizes = (3, 2)
    architecture = Architecture(NUMBERS, sizes, slopes=0.6, hidden=8, layers=1)
    weights, inputs = some_weights(architecture), some_inputs(sizes)
    shares = [torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.9, 0.1])]
    table = torch.zeros(sum(sizes) + len(sizes), sum(sizes))
    table[: sum(sizes)] = torch.eye(sum(sizes))
    table[5, :3], table[6, 3:] = shares
    one_hot = table[inputs.codes].sum(dim=2)
    grade = inputs.numbers[..., :1]
    numbers = torch.cat([inputs.numbers, one_hot, one_hot * grade * 0.6], dim=-1)
    wide = inputs._replace(numbers=numbers)
    plain = replace(architecture, numbers=NUMBERS + 2 * sum(sizes), categories=(), slopes=0.0)
    views = architecture.views(weights)
    plain_weights = torch.zeros(NETWORKS, plain.size)
    for name, view in plain.views(plain_weights).items():
        parts = ["input_0", "categories", "slopes"] if name == "input_0" else [name]
        view.copy_(torch.cat([views[part] for part in parts], dim=1))
    torch.testing.assert_close(
        forward(architecture, weights, inputs, shares), forward(plain, plain_weights, wide, [])
    )


def test_the_linear_path_sees_the_last_grades_the_other_numbers_and_the_categories() -> None:
    architecture = Architecture(NUMBERS, (3,), lags=2, steps=3, layers=1, hidden=4)
    weights, inputs = torch.zeros(NETWORKS, architecture.size), some_inputs((3,))
    views = architecture.views(weights)
    draw = torch.Generator().manual_seed(3)
    views["linear"].normal_(generator=draw)
    views["linear_categories"].normal_(generator=draw)
    share = torch.full((3,), 1 / 3)
    outputs = forward(architecture, weights, inputs, [share])
    for step, student in ((0, 0), (1, 4), (3, 7)):
        before = inputs.numbers[step - 1, student, :1] if step else torch.zeros(1)
        here = inputs.numbers[step, student]
        own = torch.cat([here[:1], before, here[1:], torch.ones(1)])
        code = int(inputs.codes[step, student, 0])
        level = views["linear_categories"][1, :, 0]
        expected = own @ views["linear"][1, min(step, 2)]
        expected = expected + (level[code] if code < 3 else level @ share)
        torch.testing.assert_close(outputs[1, step, student], LINEAR_SCALE * expected)


def test_dropout_drops_its_share_keeps_the_mean_and_spares_the_validation_set() -> None:
    architecture = Architecture(NUMBERS, hidden=64, layers=2, dropout=0.2)
    kept = torch.zeros(NETWORKS, STUDENTS, dtype=torch.bool)
    kept[:, 5:8] = True
    draw = torch.Generator().manual_seed(0)
    masks = torch.stack(dropout_masks(architecture, (NETWORKS, STEPS, STUDENTS), kept, draw))
    assert (masks[..., 5:8, :] == 1).all()
    others = masks[..., 8:, :]
    assert float((others == 0).float().mean()) == pytest.approx(0.2, abs=0.01)
    assert float(others.mean()) == pytest.approx(1, abs=0.01)
    assert not torch.equal(others[0], others[1])
