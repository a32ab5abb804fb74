"""How students become a network's inputs and targets, and how gaps are filled."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, RidgeCV

from nextsem import encoding
from nextsem.encoding import Encoding, Known
from nextsem.network import DIRECT_SCALE
from nextsem.params import Data, Model, Train
from nextsem.students import Numbers, Students
from tests.conftest import PARAMETERS, simulated

DATA: Data = PARAMETERS.data
MODEL: Model = PARAMETERS.model
TRAIN: Train = PARAMETERS.train
PLAIN = MODEL.model_copy(update={"linear_path": False, "category_slopes": 0})
FLAT = MODEL.model_copy(update={"layout": "flat"})
COLLEGES = ["115", "116", "165", "241"]


def inputs(students: Students, model: Model = MODEL, train: Train = TRAIN) -> Numbers:
    own = Encoding.of(students, model, train)
    return own.inputs(own.known(students)).double().numpy()


def scaled(students: Students) -> Numbers:
    return (students.grades - students.grades.mean(axis=0)) / students.grades.std(axis=0)


def with_gaps(semester: int = 2) -> Students:
    students = simulated(178)
    students.grades[::5, semester] = np.nan
    return students


# Inputs and targets -----------------------------------------------------------


def test_what_enters_at_each_step() -> None:
    students = simulated()
    own = Encoding.of(students, MODEL, TRAIN)
    entering = inputs(students)
    # A grade, four colleges, their slopes; directly: each step's grades and a 1, four colleges.
    assert own.direct == (2 + 3 + 4 + 5) + 4
    assert entering.shape == (len(students), 4, 1 + 4 + 4 + own.direct)
    grades, college = scaled(students), students.static == np.array(COLLEGES)
    slopes = MODEL.category_slopes
    for step in range(4):
        grade = grades[:, [step]]
        by_step = np.zeros((len(students), 14))
        place = sum(range(2, 2 + step))
        by_step[:, place : place + step + 2] = np.c_[grades[:, : step + 1], np.ones(len(students))]
        expected = np.hstack([grade, college, slopes * college * grade, by_step, college])
        np.testing.assert_allclose(entering[:, step], expected, atol=1e-5)
    lessons = own.lessons(students)
    np.testing.assert_allclose(lessons.targets.numpy(), grades[:, 1:], atol=1e-5)
    assert (lessons.weights == 1).all()


def test_without_its_additions_a_network_sees_grade_and_college() -> None:
    assert inputs(simulated(), PLAIN).shape[2] == 1 + 4
    assert Encoding.of(simulated(), PLAIN, TRAIN).direct == 0


def test_the_reference_sees_four_grades_in_one_step() -> None:
    model = PLAIN.model_copy(update={"layout": "flat"})
    train = TRAIN.model_copy(update={"standardize": False})
    students = simulated()
    bare = replace(students, static=students.static[:, :0])
    entering = inputs(bare, model, train)
    np.testing.assert_allclose(entering[:, 0], bare.grades[:, :-1], rtol=1e-6)
    assert entering.shape == (len(bare), 1, 4)
    lessons = Encoding.of(bare, model, train).lessons(bare)
    np.testing.assert_allclose(lessons.targets.numpy(), bare.grades[:, -1:], rtol=1e-6)


def test_only_the_last_semester_is_learnt_without_every_semester() -> None:
    train = TRAIN.model_copy(update={"every_semester": False})
    lessons = Encoding.of(simulated(), MODEL, train).lessons(simulated())
    assert lessons.weights[:, :-1].sum() == 0
    assert (lessons.weights[:, -1] == 1).all()


def test_the_last_semester_may_count_more() -> None:
    train = TRAIN.model_copy(update={"last_semester_weight": 3.0})
    lessons = Encoding.of(simulated(), MODEL, train).lessons(simulated())
    assert lessons.weights[0].tolist() == [1, 1, 1, 3]


def test_numeric_columns_enter_scaled() -> None:
    students = simulated()
    attendance = np.linspace(40, 100, len(students))[:, None]
    entering = inputs(replace(students, numeric=attendance), PLAIN)
    assert entering.shape[2] == 1 + 4 + 1
    assert entering[:, 2, -1].mean() == pytest.approx(0, abs=1e-5)
    assert entering[:, 2, -1].std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("strange", ["999", ""])
def test_a_category_that_is_new_or_missing_is_a_mixture_of_those_known(strange: str) -> None:
    students = simulated()
    own = Encoding.of(students, MODEL, TRAIN)
    shares = [(students.static == college).mean() for college in COLLEGES]
    asked = own.known(replace(students, static=np.full_like(students.static, strange)))
    np.testing.assert_allclose(asked.categories, [shares] * len(students))
    assert own.new_category(np.array([["115"], ["999"], [""]]))[:, 0].tolist() == [
        False,
        True,
        True,
    ]


# Gaps -------------------------------------------------------------------------


def test_a_gap_is_told_apart_from_the_grade_that_is_put_there() -> None:
    students = with_gaps()
    own = Encoding.of(students, MODEL, TRAIN)
    entering = inputs(students)
    # A grade, whether it is missing, ...
    missing = np.isnan(students.grades[:, :-1])
    np.testing.assert_array_equal(entering[:, :, 1] == 1, missing)
    assert np.isfinite(entering).all()
    lessons = own.lessons(students)
    assert lessons.weights[0].tolist() == [1, 0, 1, 1]  # the 3rd is what the 2nd step is to learn
    assert torch.isfinite(lessons.targets).all()


@pytest.mark.parametrize("layout", ["semesters", "flat"])
def test_a_gap_is_filled_with_what_a_regression_predicts(layout: str) -> None:
    students = with_gaps()
    model = PLAIN.model_copy(update={"layout": layout})
    train = TRAIN.model_copy(update={"standardize": False})
    gaps = np.isnan(students.grades[:, 2])
    others = students.grades[:, [0, 1, 3]]
    regression = LinearRegression().fit(others[~gaps], students.grades[~gaps, 2])
    entering = inputs(students, model, train)
    filled = entering[:, 0, 2] if layout == "flat" else entering[:, 2, 0]
    # The covariance's means are those of all that is known of a semester, the regression's those of
    # complete rows; and its slopes are a little ridged.
    np.testing.assert_allclose(filled[gaps], regression.predict(others[gaps]), atol=0.15)
    np.testing.assert_allclose(filled[~gaps], students.grades[~gaps, 2], rtol=1e-6)


def test_a_gap_that_only_the_asked_students_have_is_filled_as_exactly() -> None:
    """Trained on complete rows, means and covariance are just those of the regression."""
    students, train = simulated(178), TRAIN.model_copy(update={"standardize": False})
    own = Encoding.of(students, PLAIN, train)
    for known in ([0], [3], [0, 2], [1, 2, 3]):
        gap = [semester for semester in range(4) if semester not in known]
        mask = np.isin(np.arange(5), known)
        filled = own.inputs(own.known(students.knowing(mask)))[:, :, 0].double().numpy()
        regression = LinearRegression().fit(students.grades[:, known], students.grades[:, gap])
        expected = regression.predict(students.grades[:, known])
        np.testing.assert_allclose(filled[:, gap], expected, atol=2e-3)
        np.testing.assert_allclose(filled[:, known], students.grades[:, known], rtol=1e-6)


def test_with_nothing_known_every_semester_is_the_average() -> None:
    students = simulated()
    own = Encoding.of(students, PLAIN, TRAIN)
    filled = own.inputs(own.known(students.knowing(np.zeros(5, dtype=bool))))[:, :, 0]
    np.testing.assert_allclose(filled, 0, atol=1e-6)


def test_semesters_that_always_agree_fill_each_other() -> None:
    """Their covariance is singular."""
    students = simulated()
    students.grades[:, 1] = students.grades[:, 0]
    own = Encoding.of(students, PLAIN, TRAIN.model_copy(update={"standardize": False}))
    asked = own.known(students.knowing(np.array([True, True, False, False, False])))
    assert torch.isfinite(own.inputs(asked)).all()
    asked = own.known(students.knowing(np.array([True, False, False, False, False])))
    np.testing.assert_allclose(own.inputs(asked)[:, 1, 0], students.grades[:, 0], atol=1e-3)


def test_like_the_average_student_in_what_is_absent() -> None:
    students = replace(with_gaps(), numeric=np.full((len(with_gaps()), 1), 80.0))
    students.numeric[::2] = 60
    students.numeric[3] = np.nan
    own = Encoding.of(students, MODEL, TRAIN)
    known = own.known(students)
    nothing = np.zeros((len(students), 4 + 1 + 1), dtype=bool)
    for name, values in asdict(own.of_average(known, nothing)).items():
        np.testing.assert_array_equal(values, getattr(known, name))
    average = own.of_average(known, ~nothing)
    np.testing.assert_array_equal(np.isnan(average.grades), np.isnan(known.grades))
    np.testing.assert_allclose(np.nanmax(average.grades, axis=0), own.average)
    np.testing.assert_allclose(np.nanmin(average.grades, axis=0), own.average)
    np.testing.assert_allclose(average.categories, [own.shares[0]] * len(students))
    np.testing.assert_allclose(
        np.unique(average.numeric[~np.isnan(average.numeric)]), own.numeric_center
    )
    assert np.isnan(average.numeric[3]).all()
    college = nothing.copy()
    college[:, 4] = True
    part = own.of_average(known, college)
    np.testing.assert_array_equal(part.grades, known.grades)
    np.testing.assert_array_equal(part.numeric, known.numeric)
    np.testing.assert_allclose(part.categories, average.categories)


def test_known_students_can_be_cut() -> None:
    own = Encoding.of(simulated(), MODEL, TRAIN)
    known = own.known(simulated())
    cut = known[2:5]
    assert isinstance(cut, Known)
    assert len(cut) == 3
    np.testing.assert_array_equal(cut.grades, known.grades[2:5])


# The start of the direct path ---------------------------------------------------


def ridge(features: Numbers, target: Numbers) -> Numbers:
    """Weights of scikit-learn's ridge regression, its penalty that of least leave-one-out error."""
    return RidgeCV(encoding._PENALTIES, fit_intercept=False).fit(features, target).coef_


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
def test_the_direct_path_starts_as_a_ridge_regression(share: float) -> None:
    """Each earlier step as one of what the weights that it shares with the last one leave."""
    students = simulated(60)
    own = Encoding.of(students, MODEL, TRAIN)
    lessons = own.lessons(students)
    grades, college = scaled(students), (students.static == np.array(COLLEGES)).astype(float)
    direct = lessons.inputs[:, :, -own.direct :].double().numpy()
    start = own.linear_start(lessons, np.arange(len(students)), share).double().numpy()
    of_college = None
    for step in (3, 2, 1, 0):
        features = np.c_[grades[:, : step + 1], np.ones(len(students))]
        if of_college is None:
            weights = ridge(np.c_[features, college], grades[:, step + 1])
            of_college = college @ weights[-4:]
            weights = weights[:-4]
        else:
            weights = ridge(features, grades[:, step + 1] - of_college)
        expected = share * (features @ weights + of_college)
        np.testing.assert_allclose(direct[:, step] @ start * DIRECT_SCALE, expected, atol=1e-5)


def test_with_all_grades_in_one_step_it_starts_as_one_regression() -> None:
    students = simulated(60)
    own = Encoding.of(students, FLAT, TRAIN)
    lessons = own.lessons(students)
    college = (students.static == np.array(COLLEGES)).astype(float)
    features = np.c_[scaled(students)[:, :-1], np.ones(len(students)), college]
    start = own.linear_start(lessons, np.arange(len(students)), 1.0).double().numpy()
    direct = lessons.inputs[:, 0, -own.direct :].double().numpy()
    expected = features @ ridge(features, scaled(students)[:, -1])
    np.testing.assert_allclose(direct @ start * DIRECT_SCALE, expected, atol=1e-5)


def test_only_what_it_may_learn_from_decides_the_start() -> None:
    students = simulated(178)
    own = Encoding.of(students, MODEL, TRAIN)
    lessons = own.lessons(students)
    rows = np.arange(0, len(students), 2)
    first = own.linear_start(lessons, rows, 0.5)
    lessons.targets[1::2] = 100
    lessons.inputs[1::2] = 100
    assert torch.equal(first, own.linear_start(lessons, rows, 0.5))
    assert first.abs().sum() > 0


def test_without_a_direct_path_there_is_nothing_to_start() -> None:
    own = Encoding.of(simulated(), PLAIN, TRAIN)
    assert own.linear_start(own.lessons(simulated()), np.arange(10), 0.5).shape == (0,)
