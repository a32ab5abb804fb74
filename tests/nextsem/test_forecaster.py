"""What a forecaster does around the networks: scaling, categories, members, saving."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nextsem import InputError, cohort, params
from nextsem.forecaster import Encoding, Forecaster, _members, fit_many
from nextsem.params import Data, Model, Train
from nextsem.students import Students

PARAMETERS = params.load(Path(__file__).parents[2] / "params.yaml")
DATA: Data = PARAMETERS.data
MODEL: Model = PARAMETERS.model.model_copy(update={"members": 3, "hidden": 8, "layers": 1})
TRAIN: Train = PARAMETERS.train.model_copy(update={"epochs": 20})


def simulated(number: int = 60) -> Students:
    frame = cohort.simulate(number, 1)
    frame = frame[frame[DATA.semesters].notna().all(axis=1)]
    return Students(
        np.arange(len(frame)).astype(str),
        frame[DATA.semesters].to_numpy().copy(),
        frame[["College Code"]].to_numpy().astype(str),
        np.empty((len(frame), 0)),
    )


@pytest.fixture(scope="module")
def trained() -> Forecaster:
    return Forecaster.fit(simulated(), DATA, MODEL, TRAIN).forecaster


def with_static(students: Students, category: str) -> Students:
    static = np.full_like(students.static, category)
    return Students(students.names, students.grades, static, students.numeric)


def test_what_enters_at_each_step() -> None:
    students = simulated()
    encoding = Encoding.of(students, MODEL, TRAIN)
    inputs = encoding.inputs(students).numpy()
    # A grade, four colleges, their slopes; directly: the grade, the mean so far, four colleges.
    assert inputs.shape == (len(students), 4, 1 + 4 + 4 + 6)
    assert encoding.direct == 6
    scaled = (students.grades - students.grades.mean(axis=0)) / students.grades.std(axis=0)
    college = students.static == np.array(["115", "116", "165", "241"])
    for step in range(4):
        grade = scaled[:, [step]]
        so_far = scaled[:, : step + 1].mean(axis=1, keepdims=True)
        expected = np.hstack([grade, college, 0.3 * college * grade, grade, so_far, college])
        np.testing.assert_allclose(inputs[:, step], expected, atol=1e-5)
    lessons = encoding.lessons(students)
    np.testing.assert_allclose(lessons.targets.numpy(), scaled[:, 1:], atol=1e-5)
    assert (lessons.weights == 1).all()


PLAIN = MODEL.model_copy(update={"linear_path": False, "category_slopes": 0})


def test_without_its_additions_a_network_sees_grade_and_college() -> None:
    inputs = Encoding.of(simulated(), PLAIN, TRAIN).inputs(simulated())
    assert inputs.shape[2] == 1 + 4
    assert Encoding.of(simulated(), PLAIN, TRAIN).direct == 0


def test_the_reference_sees_four_grades_in_one_step() -> None:
    model = PLAIN.model_copy(update={"layout": "flat"})
    train = TRAIN.model_copy(update={"standardize": False})
    data = DATA.model_copy(update={"static": []})
    students = simulated()
    bare = Students(students.names, students.grades, students.static[:, :0], students.numeric)
    encoding = Encoding.of(bare, model, train)
    np.testing.assert_allclose(encoding.inputs(bare)[:, 0].numpy(), bare.grades[:, :-1], rtol=1e-6)
    lessons = encoding.lessons(bare)
    np.testing.assert_allclose(lessons.targets.numpy(), bare.grades[:, -1:], rtol=1e-6)
    forecaster = Forecaster.fit(bare, data, model, train).forecaster
    assert forecaster.architecture.inputs == 4


@pytest.mark.parametrize("layout", ["semesters", "flat"])
def test_gaps_and_all_kinds_of_columns_go_together(layout: str) -> None:
    students = simulated()
    students.grades[::5, 2] = np.nan
    attendance = np.linspace(40, 100, len(students))[:, None]
    attendance[3] = np.nan
    students = Students(students.names, students.grades, students.static, attendance)
    model, data = (
        MODEL.model_copy(update={"layout": layout}),
        DATA.model_copy(update={"numeric": ["Attendance"]}),
    )
    forecaster = Forecaster.fit(students, data, model, TRAIN).forecaster
    assert np.isfinite(forecaster.predict(students)).all()


def test_only_the_last_semester_is_learnt_without_every_semester() -> None:
    train = TRAIN.model_copy(update={"every_semester": False})
    lessons = Encoding.of(simulated(), MODEL, train).lessons(simulated())
    assert lessons.weights[:, :-1].sum() == 0
    assert (lessons.weights[:, -1] == 1).all()


def test_the_last_semester_may_count_more() -> None:
    train = TRAIN.model_copy(update={"last_semester_weight": 3.0})
    lessons = Encoding.of(simulated(), MODEL, train).lessons(simulated())
    assert lessons.weights[0].tolist() == [1, 1, 1, 3]


def test_a_gap_is_told_apart_from_an_average_grade() -> None:
    students = simulated()
    students.grades[0, 1] = np.nan
    encoding = Encoding.of(students, MODEL, TRAIN)
    inputs = encoding.inputs(students)
    assert inputs[0, 1, :2].tolist() == [0, 0]
    so_far = inputs.shape[2] - 5
    assert inputs[0, 1, so_far] == inputs[0, 0, 0]
    assert inputs[1, 1, 1] == 1
    lessons = encoding.lessons(students)
    assert lessons.weights[0].tolist() == [0, 1, 1, 1]
    assert torch.isfinite(lessons.targets).all()


def test_numeric_columns_enter_scaled() -> None:
    students = simulated()
    attendance = np.linspace(40, 100, len(students))[:, None]
    students = Students(students.names, students.grades, students.static, attendance)
    inputs = Encoding.of(students, PLAIN, TRAIN).inputs(students)
    assert inputs.shape[2] == 1 + 4 + 1
    assert inputs[:, 2, -1].mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs[:, 2, -1].std().item() == pytest.approx(1, abs=0.01)


def test_an_unseen_category_is_harmless_and_counted(trained: Forecaster) -> None:
    students = simulated()
    strange = with_static(students, "999")
    assert trained.encoding.unseen(students) == 0
    assert trained.encoding.unseen(strange) == len(students)
    assert np.isfinite(trained.predict(strange)).all()
    assert np.abs(trained.predict(strange) - trained.predict(students)).max() < 3


def test_the_forecast_is_the_members_mean_within_the_range(trained: Forecaster) -> None:
    students = simulated()
    members = trained.predict_members(students)
    assert members.shape == (3, len(students))
    np.testing.assert_allclose(trained.predict(students), members.mean(axis=0))
    narrow = Forecaster(**{**vars(trained), "grade_range": [7.0, 7.1]})
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
