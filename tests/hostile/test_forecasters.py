"""Files that are no forecaster, or no longer the one that was saved."""

import io
import json
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from nextsem import InputError
from nextsem.forecaster import Forecaster
from tests.hostile.of_forecasters import described, good, saved, trained


class Deed:
    """Unpickled, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def told(folder: Path, content: bytes) -> str:
    path = folder / "forecaster.safetensors"
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(InputError) as error:
        Forecaster.load(path)
    assert time.process_time() - began < 5
    assert str(error.value).startswith(f"{path}: is no forecaster of this version (")
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.mark.parametrize("written_by", ["pickle", "torch"])
def test_a_pickle_is_not_opened(tmp_path: Path, written_by: str) -> None:
    deed, file = Deed(tmp_path / "deed"), io.BytesIO()
    if written_by == "pickle":
        pickle.dump(deed, file)
    else:
        torch.save({"weights": deed}, file)
    told(tmp_path, file.getvalue())
    assert not deed.path.exists()


def test_every_byte_counts(tmp_path: Path) -> None:
    """A changed byte is told; or it is a space of JSON, and the forecaster is the same."""
    path, content = tmp_path / "forecaster.safetensors", good()
    refused = 0
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert torch.equal(Forecaster.load(path).weights, trained()[0].weights)
        except InputError:
            refused += 1
    assert refused > 0.99 * len(range(0, len(content), 7))


@pytest.mark.parametrize("kept", [0, 7, 8, 100, -1])
def test_a_truncated_forecaster(tmp_path: Path, kept: int) -> None:
    told(tmp_path, good()[:kept])


@pytest.mark.parametrize("size", [10**8 + 1, 2**63, 2**64 - 1])
def test_a_header_that_says_it_is_huge(tmp_path: Path, size: int) -> None:
    told(tmp_path, size.to_bytes(8, "little") + b"{}")


def test_another_models_file(tmp_path: Path) -> None:
    assert "does not say" in told(tmp_path, save({"weights": torch.ones(2, 3)}, {"format": "pt"}))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(tmp_path: Path, wrong: float) -> None:
    weights = trained()[0].weights.clone()
    weights[1, 5] = wrong
    assert "weights are no numbers" in told(tmp_path, saved(described(), weights))


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (["architecture", "layers"], 10**18),
        (["architecture", "layers"], 0),
        (["architecture", "hidden"], -2),
        (["architecture", "cell"], "mlp"),
        (["architecture", "inputs"], "4"),
        (["architecture", "direct"], 3),
        (["encoding", "center"], [7.0]),
        (["encoding", "spread"], None),
        (["encoding", "spread"], [float("nan")] * 5),
        (["encoding", "categories"], [["115", "116"]]),
        (["encoding", "gaps"], 1),
        (["trained_on"], "many"),
        (["data", "semesters"], ["1st", "2nd"]),
        (["data", "grade_range"], [10, 0]),
        (["data", "header_row"], -1),
        (["format"], "nextsem forecaster 0"),
        (["format"], None),
    ],
    ids=str,
)
def test_a_description_that_cannot_be(tmp_path: Path, place: list[str], wrong: object) -> None:
    said = described()
    inner = said
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = wrong
    told(tmp_path, saved(said, trained()[0].weights))


def test_a_description_without_an_end(tmp_path: Path) -> None:
    weights = trained()[0].weights
    told(tmp_path, save({"weights": weights}, {"nextsem": "[" * 10**6}))
    told(tmp_path, save({"weights": weights}, {"nextsem": json.dumps(["a"])}))


def test_what_these_tests_break_is_good(tmp_path: Path) -> None:
    path = tmp_path / "forecaster.safetensors"
    path.write_bytes(saved(described(), trained()[0].weights))
    assert path.read_bytes() == good()
    for _ in range(20):
        Forecaster.load(path).save(path)
        assert path.read_bytes() == good()
    assert Forecaster.load(path).data == trained()[0].data
