"""The simulated cohort against the published aggregates, and the quirks of its table."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from nextsem.simulation import transcripts
from nextsem.simulation.cohort import BLOCK_STUDENTS, blocks, simulate

SEMESTERS = ["1st", "2nd", "3rd", "4th", "5th"]
COLUMNS = [*SEMESTERS, "College Code", "Gender", "Roll", "Roll no.", "Subject Code"]

# Of the 169 complete rows of the published table, in grade points.
MEAN = [7.090, 6.964, 6.642, 7.046, 7.470]
DEVIATION = [0.792, 0.853, 0.918, 1.037, 1.021]
CORRELATION = [  # of the 1st, 2nd, 3rd and 4th with those that come later
    *(0.774, 0.766, 0.736, 0.657),
    *(0.764, 0.769, 0.739),
    *(0.819, 0.777),
    0.861,
]
# By college: the mean of the 1st semester and of the 5th, and what the linear regression of the 5th
# on the four before it leaves, its mean and its standard deviation.
COLLEGES = {
    115: (7.40, 7.575, -0.03, 0.36),
    116: (6.97, 7.575, 0.09, 0.41),
    165: (6.97, 7.575, 0.17, 0.56),
    241: (6.97, 7.13, -0.30, 0.55),
}


@pytest.fixture(scope="module", params=[1, 2])
def complete(request: pytest.FixtureRequest) -> pd.DataFrame:
    return simulate(20_000, seed=request.param).dropna(subset=SEMESTERS)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return simulate(178, seed=0)


def test_semesters_are_distributed_and_correlated_as_published(complete: pd.DataFrame) -> None:
    assert complete[SEMESTERS].mean().to_numpy() == pytest.approx(MEAN, abs=0.05)
    assert complete[SEMESTERS].std().to_numpy() == pytest.approx(DEVIATION, abs=0.05)
    correlation = complete[SEMESTERS].corr()
    measured = [correlation.loc[pair] for pair in itertools.combinations(SEMESTERS, 2)]
    assert measured == pytest.approx(CORRELATION, abs=0.03)


def test_colleges_differ_as_published(complete: pd.DataFrame) -> None:
    before, last = complete[SEMESTERS[:-1]], complete["5th"]
    residual = last - LinearRegression().fit(before, last).predict(before)
    assert residual.std() == pytest.approx(0.49, abs=0.03)
    for college, own in complete.groupby("College Code"):
        first, fifth, mean, deviation = COLLEGES[college]
        assert own["1st"].mean() == pytest.approx(first, abs=0.05 if college == 115 else 0.12)
        assert own["5th"].mean() == pytest.approx(fifth, abs=0.05 if college == 241 else 0.145)
        assert residual[own.index].mean() == pytest.approx(mean, abs=0.06)
        assert residual[own.index].std() == pytest.approx(deviation, abs=0.06)


def test_default_cohort_has_the_published_gaps(cohort: pd.DataFrame) -> None:
    known = cohort[SEMESTERS].notna()
    earlier = known[SEMESTERS[:-1]].sum(axis=1)
    assert len(cohort) == 178
    assert known.all(axis=1).sum() == 169
    assert (~known["5th"]).sum() == 6
    assert ((earlier == 4) & ~known["5th"]).sum() == 3
    assert ((earlier == 3) & known["5th"]).sum() == 3
    next_to_nothing = known[earlier < 3].apply(lambda row: list(row[row].index), axis=1)
    assert sorted(next_to_nothing) == [[], ["1st"], ["3rd"]]


def test_default_cohort_is_written_as_published(cohort: pd.DataFrame) -> None:
    assert list(cohort.columns) == COLUMNS
    sizes = cohort["College Code"].value_counts().to_dict()
    assert sizes == {115: 46, 165: 46, 116: 51, 241: 35}
    assert cohort["College Code"].ne(cohort["College Code"].shift()).sum() == 4

    is_115, is_241 = cohort["College Code"].eq(115), cohort["College Code"].eq(241)
    assert cohort["Subject Code"].eq(np.where(is_241, 28, 16)).all()
    assert cohort["Roll no."].notna().eq(is_115).all()
    assert cohort["Roll"].notna().eq(~is_115).all()

    spelled_out = cohort["College Code"].isin([115, 116])
    assert set(cohort["Gender"][spelled_out].dropna()) == {"Male", "Female"}
    assert set(cohort["Gender"][~spelled_out].dropna()) == {"M", "F"}

    second = cohort.to_csv(index=False, lineterminator="\n").splitlines()[1]
    assert second.endswith(",,17001.0,16")


def test_roll_and_college_name_a_student() -> None:
    cohort = simulate(20_000, seed=0)
    roll = cohort["Roll"].fillna(cohort["Roll no."])
    assert roll.notna().all()
    assert not pd.DataFrame({"college": cohort["College Code"], "roll": roll}).duplicated().any()


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert simulate(178, seed=3).to_csv() == simulate(178, seed=3).to_csv()
    assert simulate(178, seed=3)["5th"].corr(simulate(178, seed=4)["5th"]) < 0.5


def test_blocks_are_the_cohort_in_pieces() -> None:
    students = BLOCK_STUDENTS + 178
    pieces = list(blocks(students, seed=5))
    assert [len(piece) for piece in pieces] == [BLOCK_STUDENTS, 178]
    assert BLOCK_STUDENTS <= 100_000
    joined = pd.concat(pieces)
    pd.testing.assert_frame_equal(joined, simulate(students, seed=5))
    assert joined.index.equals(pd.RangeIndex(students))
    assert len(joined.dropna(subset=SEMESTERS)) == students * 169 // 178
    # Each block has a stream of its own.
    assert not np.isin(pieces[1]["1st"], pieces[0]["1st"].iloc[:178]).all()


@settings(max_examples=60, deadline=None)
@given(students=st.integers(1, 500), seed=st.integers(0, 2**32))
def test_any_small_cohort_is_sound(students: int, seed: int) -> None:
    cohort = simulate(students, seed)
    assert list(cohort.columns) == COLUMNS
    assert len(cohort) == students

    grades = cohort[SEMESTERS].to_numpy()
    known = grades[~np.isnan(grades)]
    assert ((known >= 0) & (known <= 10)).all()
    assert (known == np.round(known, 2)).all()

    def share(count: int) -> int:
        return int(count * students / 178 + 0.5)

    gaps = cohort[SEMESTERS].isna()
    kinds = gaps[gaps.any(axis=1)].value_counts().sort_values().to_list()
    assert kinds == sorted(share(count) for count in (3, 2, 1, 1, 1, 1) if share(count))
    assert cohort["Gender"].isna().sum() == share(1)
    assert cohort["Gender"].isin(["F", "Female"]).sum() == share(28)
    shares = [cohort["College Code"].eq(code).sum() for code in (115, 116, 165, 241)]
    assert shares == pytest.approx([students * n / 178 for n in (46, 51, 46, 35)], abs=1)


# As transcripts: the same grades, students at every point of their studies.


@settings(max_examples=40, deadline=None)
@given(students=st.integers(1, 400), seed=st.integers(0, 2**32 - 1))
def test_any_transcripts_are_sound(students: int, seed: int) -> None:
    rows = transcripts.simulate(students, seed)
    assert rows["Student"].nunique() == students
    assert not rows.duplicated(["Student", "Term"]).any()
    # Terms follow one another, from one of entry on; after the last grade there is no row.
    place = rows["Term"].map(transcripts.TERMS.index)
    assert (place.groupby(rows["Student"]).diff().dropna() == 1).all()
    assert rows.groupby("Student").size().max() <= len(SEMESTERS)
    last = rows.groupby("Student").tail(1)
    assert last["Grade"].notna().sum() == rows.dropna(subset="Grade")["Student"].nunique()


def test_grades_are_those_of_the_wide_cohort() -> None:
    wide, rows = simulate(500, 3), transcripts.simulate(500, 3)
    semester = rows.groupby("Student").cumcount()
    long = rows.assign(semester=semester).pivot(index="Student", columns="semester", values="Grade")
    roll = wide["Roll"].fillna(wide["Roll no."]).astype(int).astype(str)
    grades = wide[SEMESTERS].set_axis(wide["College Code"].astype(str) + "-" + roll)
    found = long.to_numpy()
    expected = grades.loc[long.index].to_numpy()
    known = np.isfinite(found)
    assert (found[known] == expected[known]).all()


def test_students_are_at_every_point_of_their_studies() -> None:
    rows = transcripts.simulate(2_000, 1)
    done = rows.dropna(subset="Grade").groupby("Student").size()
    assert set(done) == {1, 2, 3, 4, 5}
    assert done.value_counts(normalize=True).min() > 0.05
    newest = rows.loc[rows["Term"] == transcripts.TERMS[-1], "Student"]
    assert 0.3 < len(newest) / 2_000 < 0.7  # the others have ended or left
    assert rows["Grade"].isna().any()
    assert set(rows["Credits"]) == {20, 22, 24, 26}


def test_the_same_seed_gives_the_same_transcripts() -> None:
    first, again = (transcripts.simulate(178, 5) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
