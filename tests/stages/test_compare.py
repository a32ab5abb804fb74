"""The stage that compares: from out-of-fold forecasts to metrics, tables and pictures."""

import json
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest

from nextsem.shared.errors import InputError
from stages import compare
from tests.comparison import made

FILES = [
    "data/predictions/student_errors.csv",
    "metrics/crossvalidation.json",
    "metrics/plots/by_semester.csv",
    "metrics/plots/by_semester.png",
    "metrics/plots/fold_errors.csv",
    "metrics/plots/forecasters.png",
    "metrics/plots/forward.png",
    "metrics/plots/groups.png",
    "metrics/plots/reliability.csv",
    "metrics/plots/reliability.png",
    "metrics/summary.json",
]


def compared(path: Path, layout: str = "wide", calibrated: bool = True) -> Path:
    of = made.students(layout=layout)
    made.project(path, of, made.out_of_fold(of), calibrated)
    with chdir(path):
        compare.main()
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compared(tmp_path_factory.mktemp("compare") / "project")


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_the_same_forecasts_give_the_same_bytes(project: Path, tmp_path: Path) -> None:
    again = compared(tmp_path / "again")
    for file in FILES:
        assert (project / file).read_bytes() == (again / file).read_bytes(), file


def test_the_summary_is_short_and_agrees_with_the_rest(project: Path) -> None:
    summary, whole = (
        read(project / f"metrics/{name}.json") for name in ("summary", "crossvalidation")
    )
    assert len(summary) <= 15
    assert all(isinstance(value, float) for value in summary.values())
    assert summary["mse"] == whole["forecasters"]["network"]["mse"]
    assert summary["mse_linear"] == whole["forecasters"]["linear"]["mse"]
    assert summary["coverage"] == whole["intervals"]["coverage"]


def test_a_students_error_is_in_no_file_for_git(project: Path) -> None:
    names = set(made.students().names)
    for file in (project / "metrics").rglob("*.[cj]s*"):
        assert not names & set(file.read_text().replace('"', ",").split(",")), file
    own = pd.read_csv(project / "data/predictions/student_errors.csv")
    assert set(own["student"]) == names - {f"s{row}" for row in range(75, 80)}  # the complete ones


def test_transcripts_without_ranges_have_their_errors_compared(tmp_path: Path) -> None:
    summary = read(
        compared(tmp_path / "project", "long", calibrated=False) / "metrics/summary.json"
    )
    assert summary["mse"] > 0
    assert summary["coverage"] is summary["brier"] is None


def test_points_in_time_are_held_against_the_folds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = made.students(layout="long")
    made.project(tmp_path / "p", of, made.with_origins(made.out_of_fold(of), ["2019", "2020"]))
    with chdir(tmp_path / "p"):
        compare.main()
    found = read(tmp_path / "p/metrics/crossvalidation.json")["forward"]
    assert set(found["against"]) == set(made.FORECASTERS) - {"network"}
    assert set(found["origins"]["2020"]) == {"network", "linear", "boosted_trees", "n", "coverage"}
    *_, told = capsys.readouterr().out.splitlines()
    assert "over 2 points in time" in told
    assert f"than the {found['out_of_fold']:.4f} of the same grades in the folds" in told
    assert len(read(tmp_path / "p/metrics/summary.json")) <= 15


def test_so_few_students_are_refused(tmp_path: Path) -> None:
    of = made.students(4, layout="long")
    made.project(tmp_path / "project", of, made.out_of_fold(of, folds=2))
    with chdir(tmp_path / "project"), pytest.raises(InputError, match="4 students; allowed: 5"):
        compare.main()
