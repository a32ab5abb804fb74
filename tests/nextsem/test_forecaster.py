"""What a forecaster does around the networks: scaling, categories, members, saving."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nextsem import InputError
from nextsem.forecaster import Forecaster, _members, fit_many
from nextsem.params import Data, Model, Train
from nextsem.students import Students
from tests.conftest import PARAMETERS, simulated

DATA: Data = PARAMETERS.data
MODEL: Model = PARAMETERS.model.model_copy(update={"members": 3, "hidden": 8, "layers": 1})
TRAIN: Train = PARAMETERS.train.model_copy(update={"epochs": 20})


@pytest.fixture(scope="module")
def trained() -> Forecaster:
    return Forecaster.fit(simulated(), DATA, MODEL, TRAIN).forecaster


def with_static(students: Students, category: str) -> Students:
    return replace(students, static=np.full_like(students.static, category))


@pytest.mark.parametrize("layout", ["semesters", "flat"])
def test_gaps_and_all_kinds_of_columns_go_together(layout: str) -> None:
    students = simulated()
    students.grades[::5, 2] = np.nan
    attendance = np.linspace(40, 100, len(students))[:, None]
    attendance[3] = np.nan
    students = replace(students, numeric=attendance)
    model, data = (
        MODEL.model_copy(update={"layout": layout}),
        DATA.model_copy(update={"numeric": ["Attendance"]}),
    )
    forecaster = Forecaster.fit(students, data, model, TRAIN).forecaster
    assert np.isfinite(forecaster.predict(students)).all()


def test_an_unseen_category_is_harmless_and_counted(trained: Forecaster) -> None:
    students = simulated()
    strange = with_static(students, "999")
    assert not trained.encoding.new_category(students.static).any()
    assert trained.encoding.new_category(strange.static).all()
    assert np.isfinite(trained.predict(strange)).all()
    assert np.abs(trained.predict(strange) - trained.predict(students)).max() < 3


def test_the_forecast_is_the_members_mean_within_the_range(trained: Forecaster) -> None:
    students = simulated()
    members = trained.predict_members(students)
    assert members.shape == (3, len(students))
    np.testing.assert_allclose(trained.predict(students), members.mean(axis=0))
    narrow = replace(trained, data=DATA.model_copy(update={"grade_range": [7.0, 7.1]}))
    assert set(np.clip(narrow.predict(students), 7.0, 7.1)) == set(narrow.predict(students))


def test_a_forecaster_does_not_depend_on_those_trained_beside_it(trained: Forecaster) -> None:
    students = simulated()
    half = students[np.arange(0, len(students), 2)]
    together = fit_many([half, students], [7, TRAIN.seed], DATA, MODEL, TRAIN)
    assert torch.equal(together[1].forecaster.weights, trained.weights)
    assert not torch.equal(together[0].forecaster.weights, trained.weights)


def test_members_hold_out_every_row_once() -> None:
    train = TRAIN.model_copy(update={"validation_size": 0.25, "epochs": 2})
    model = MODEL.model_copy(update={"members": 4})
    members = _members(33, 5, model, train)
    held = np.concatenate([stop_by for _, stop_by, *_ in members])
    assert sorted(held) == list(range(33))
    assert all(
        set(learn).isdisjoint(stop) and len(learn) + len(stop) == 33 for learn, stop, *_ in members
    )
    assert len({seed for _, _, seed, _ in members}) == 4


def test_held_out_forecasts_are_those_of_networks_that_did_not_learn_them() -> None:
    students = simulated()
    train = TRAIN.model_copy(update={"validation_size": 0.25})
    trained = Forecaster.fit(students, DATA, MODEL, train)
    members = trained.forecaster.predict_members(students)
    seen_by_all = np.ones(len(students), dtype=bool)
    for number, (_, held, *_) in enumerate(_members(len(students), train.seed, MODEL, train)):
        np.testing.assert_allclose(trained.held_out[held], members[number, held])
        seen_by_all[held] = False
    assert seen_by_all.any()
    assert np.isnan(trained.held_out[seen_by_all]).all()


def test_a_saved_forecaster_is_the_same_one(trained: Forecaster, tmp_path: Path) -> None:
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    trained.save(first)
    Forecaster.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    students = simulated()
    np.testing.assert_array_equal(
        Forecaster.load(first).predict(students), trained.predict(students)
    )


def tampered(trained: Forecaster, path: Path) -> dict[str, bytes]:
    trained.save(path)
    whole = path.read_bytes()
    save_file({"weights": trained.weights[:, 1:].contiguous()}, path, {"nextsem": _metadata(path)})
    return {
        "empty": b"",
        "cut": whole[:-10],
        "text": b"not a forecaster",
        "pickle": b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x05hello\x94.",
        "other weights": path.read_bytes(),
        "other version": whole.replace(b"nextsem forecaster", b"foreign forecaster"),
    }


def _metadata(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return str(file.metadata()["nextsem"])


@pytest.mark.parametrize(
    "kind", ["empty", "cut", "text", "pickle", "other weights", "other version"]
)
def test_what_is_no_forecaster_is_refused(trained: Forecaster, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "forecaster.safetensors"
    path.write_bytes(tampered(trained, path)[kind])
    with pytest.raises(InputError, match=r"forecaster\.safetensors: is no forecaster"):
        Forecaster.load(path)


def test_a_missing_forecaster_and_device_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Forecaster.load(tmp_path / "none.safetensors")
    if not torch.cuda.is_available():
        train = TRAIN.model_copy(update={"device": "cuda"})
        with pytest.raises(InputError, match=r"train.device is cuda; allowed: cpu or auto"):
            Forecaster.fit(simulated(), DATA, MODEL, train)
