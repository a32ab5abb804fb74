"""What a forecaster does around the networks: scaling, categories, members, saving."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from nextsem import InputError, forecaster
from nextsem.forecaster import Forecaster, Training, _members, fit_many
from nextsem.params import Data, Model, Train
from nextsem.students import Students
from tests.conftest import PARAMETERS, simulated

DATA: Data = PARAMETERS.data
MODEL: Model = PARAMETERS.model.model_copy(update={"members": 3, "hidden": 8, "layers": 1})
TRAIN: Train = PARAMETERS.train.model_copy(update={"epochs": 20})
COLLEGES = ["115", "116", "165", "241"]
SEMESTERS = 5


@pytest.fixture(scope="module")
def trained() -> Forecaster:
    return Forecaster.fit(simulated(), DATA, MODEL, TRAIN).forecaster


@pytest.fixture(scope="module")
def halves() -> Training:
    """Four networks, each of which holds out one half: everyone is held out twice."""
    model = MODEL.model_copy(update={"members": 4})
    train = TRAIN.model_copy(update={"validation_size": 0.5, "epochs": 60})
    return Forecaster.fit(simulated(400), DATA, model, train)


@pytest.fixture(scope="module")
def calibrated(halves: Training) -> Forecaster:
    return halves.calibrated("College Code", gaps=True)


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


# Ranges and risks -------------------------------------------------------------


def test_intervals_come_from_forecasts_of_students_held_out(halves: Training) -> None:
    found = halves.calibrated("College Code").intervals
    residuals = halves.students.target - halves.held_out
    assert found.spread == pytest.approx(np.sqrt(np.mean(residuals**2)))
    college = halves.students.static[:, 0]
    scaled = residuals / np.array([found.spreads[each] for each in college])
    np.testing.assert_allclose(found.residuals, np.sort(scaled))
    assert found.by == "College Code"
    alike = halves.calibrated(None).intervals
    assert (alike.by, alike.spreads) == (None, {})
    np.testing.assert_allclose(alike.residuals, np.sort(residuals) / alike.spread)


def test_who_has_a_gap_does_not_tell_how_good_it_is(halves: Training) -> None:
    """Ranges are for complete students, and wider by a factor for others."""
    students = replace(halves.students, grades=halves.students.grades.copy())
    students.grades[::3, 1] = np.nan
    gappy = replace(halves, students=students)
    assert np.flatnonzero(~gappy.tried).tolist() == list(range(0, len(students), 3))
    assert len(gappy.calibrated(None).intervals.residuals) == gappy.tried.sum()


def test_ranges_hold_other_students_grades(calibrated: Forecaster) -> None:
    others = simulated(3000, seed=9)
    forecasts = calibrated.predict(others)
    low, high = calibrated.ranges(others, forecasts, 0.9).T
    within = (others.target >= low) & (others.target <= high)
    assert within.mean() == pytest.approx(0.9, abs=0.04)
    for college in COLLEGES:
        assert within[others.static[:, 0] == college].mean() > 0.83
    risk = calibrated.risk(others, forecasts, 6.0)
    assert risk.mean() == pytest.approx((others.target < 6).mean(), abs=0.03)


@pytest.mark.parametrize("known", ["1000", "0001", "0011", "1110", "1001"])
def test_ranges_hold_where_semesters_are_missing(calibrated: Forecaster, known: str) -> None:
    semesters = np.array([each == "1" for each in known])
    others = simulated(3000, seed=9)
    few = others.knowing(np.append(semesters, True))
    forecasts = calibrated.predict(few)
    low, high = calibrated.ranges(few, forecasts, 0.9).T
    within = (others.target >= low) & (others.target <= high)
    assert 0.85 <= within.mean() <= 0.96
    all_known = calibrated.ranges(others, forecasts, 0.9)
    assert ((high - low) >= (all_known[:, 1] - all_known[:, 0]) - 1e-9).all()


def test_without_held_out_students_there_is_no_range_and_no_risk() -> None:
    train = TRAIN.model_copy(update={"validation_size": 0.0, "epochs": 2})
    training = Forecaster.fit(simulated(), DATA, MODEL, train)
    assert not training.tried.any()
    assert np.isnan(training.held_out).all()
    bare = training.calibrated("College Code", gaps=True)
    assert bare.intervals is None
    students = simulated()
    forecasts = bare.predict(students)
    assert np.isnan(bare.spread(students)).all()
    assert np.isnan(bare.ranges(students, forecasts, 0.9)).all()
    assert np.isnan(bare.risk(students, forecasts, 6.0)).all()


def test_without_a_line_there_is_no_risk(calibrated: Forecaster) -> None:
    students = simulated()
    assert np.isnan(calibrated.risk(students, calibrated.predict(students), float("nan"))).all()


# Reasons ----------------------------------------------------------------------

GRADE = st.floats(0, 10) | st.just(float("nan"))
SOME_STUDENTS = st.lists(
    st.tuples(*[GRADE] * (SEMESTERS - 1), st.sampled_from([*COLLEGES, "999", ""])), max_size=8
)


@settings(max_examples=40, deadline=None)
@given(rows=SOME_STUDENTS)
def test_contributions_add_up_to_the_forecast(
    calibrated: Forecaster, rows: list[tuple[float, float, float, float, str]]
) -> None:
    students = Students(
        np.arange(len(rows)).astype(str),
        np.array([[*row[:-1], np.nan] for row in rows]).reshape(-1, SEMESTERS),
        np.array([[row[-1]] for row in rows], dtype=str).reshape(-1, 1),
        np.empty((len(rows), 0)),
        np.empty((len(rows), 0), dtype=str),
    )
    average, contributions = calibrated.explain(students)
    assert contributions.shape == (len(rows), SEMESTERS)
    forecasts = calibrated.predict(students)
    np.testing.assert_allclose(average + contributions.sum(axis=1), forecasts, atol=0.005)
    missing = np.isnan(students.grades[:, :-1])
    np.testing.assert_allclose(contributions[:, :-1][missing], 0, atol=1e-6)
    unknown = ~np.isin(students.static[:, 0], COLLEGES)
    np.testing.assert_allclose(contributions[unknown, -1], 0, atol=1e-6)


def test_the_average_student_is_the_same_for_all_whose_semesters_are_known(
    calibrated: Forecaster,
) -> None:
    average, _ = calibrated.explain(simulated())
    assert np.ptp(average) < 1e-5
    everyone = calibrated.predict(simulated(400)).mean()
    assert average[0] == pytest.approx(everyone, abs=0.3)


def test_a_semesters_contribution_has_the_sign_of_its_distance_from_the_mean(
    calibrated: Forecaster,
) -> None:
    students = simulated(400)
    _, contributions = calibrated.explain(students)
    distance = students.grades[:, 3] - students.grades[:, 3].mean()
    far = np.abs(distance) > 0.5
    assert (np.sign(contributions[far, 3]) == np.sign(distance[far])).mean() > 0.99


def test_many_inputs_add_up_too() -> None:
    names = [f"n{number}" for number in range(8)]
    students = simulated()
    draw = np.random.default_rng(0)
    numeric = draw.normal(50, 20, (len(students), len(names)))
    numeric[5, 3] = np.nan
    students = replace(students, numeric=numeric)
    data = DATA.model_copy(update={"numeric": names})
    own = Forecaster.fit(students, data, MODEL, TRAIN).forecaster
    average, contributions = own.explain(students)
    assert contributions.shape == (len(students), 4 + 1 + 8)
    total = average + contributions.sum(axis=1)
    np.testing.assert_allclose(total, own.predict(students), atol=0.005)
    assert contributions[5, 5 + 3] == pytest.approx(0, abs=1e-6)


def test_how_many_are_explained_at_a_time_changes_nothing(
    calibrated: Forecaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = calibrated.explain(simulated())
    monkeypatch.setattr(forecaster, "_EXPLAINED", 7)
    monkeypatch.setattr(forecaster, "_FORECAST", 50)
    for first, second in zip(whole, calibrated.explain(simulated()), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-9)


# Saving -----------------------------------------------------------------------


def test_a_saved_forecaster_is_the_same_one(calibrated: Forecaster, tmp_path: Path) -> None:
    first, again = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    calibrated.save(first)
    read = Forecaster.load(first)
    for _ in range(8):  # The library under it orders some things at random.
        read.save(again)
        assert first.read_bytes() == again.read_bytes()
    for name in ("data", "trained_on", "profile", "encoding", "architecture", "intervals"):
        assert getattr(read, name) == getattr(calibrated, name)
    students = simulated()
    forecasts = read.predict(students)
    np.testing.assert_array_equal(forecasts, calibrated.predict(students))
    ranges = read.ranges(students, forecasts, 0.9)
    np.testing.assert_array_equal(ranges, calibrated.ranges(students, forecasts, 0.9))


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
        "other intervals": whole.replace(b'\\"intervals\\": null', b'\\"intervals\\": 1234'),
    }


def _metadata(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return str(file.metadata()["nextsem"])


@pytest.mark.parametrize(
    "kind", ["empty", "cut", "text", "pickle", "other weights", "other version", "other intervals"]
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
