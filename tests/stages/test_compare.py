"""The stage that compares: from out-of-fold forecasts to metrics, tables and pictures."""

import json
import re
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest

from nextsem.review.revisions import flat
from nextsem.shared.errors import InputError
from stages import compare
from tests.comparison import made
from tests.test_pipeline import outputs


def compared(
    path: Path,
    layout: str = "wide",
    calibrated: bool = True,
    count: int = 80,
    folds: int = 5,
    origins: Sequence[str] = (),
) -> Path:
    of = made.students(count, layout)
    forecasts = made.with_origins(made.out_of_fold(of, folds), [*origins])
    made.project(path, of, forecasts, calibrated)
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
    for file in outputs("compare"):
        assert (project / file).read_bytes() == (again / file).read_bytes(), file


def test_the_summary_is_short_and_agrees_with_the_rest(project: Path) -> None:
    summary = read(project / "metrics/summary.json")
    whole = read(project / "metrics/crossvalidation.json")
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
    project = compared(tmp_path / "project", "long", calibrated=False)
    summary = read(project / "metrics/summary.json")
    assert summary["mse"] > 0
    assert summary["coverage"] is summary["brier"] is None


def test_points_in_time_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared(tmp_path / "p", "long", origins=["2019", "2020"])
    found = read(tmp_path / "p/metrics/crossvalidation.json")["forward"]
    assert set(found["against"]) == set(made.FORECASTERS) - {"network"}
    assert set(found["origins"]["2020"]) == {"network", "linear", "boosted_trees", "n", "coverage"}
    *_, told, of_list = capsys.readouterr().out.splitlines()
    assert of_list.startswith("list, forward in time: of the 20 at the highest risk ")
    assert "over 2 points in time" in told
    assert f"than the {found['out_of_fold']:.4f} of the same grades in the folds" in told
    assert len(read(tmp_path / "p/metrics/summary.json")) <= 15


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_every_figure_of_the_model_card_is_in_a_file(layout: str, tmp_path: Path) -> None:
    compared(tmp_path / "p", layout, origins=["2019", "2020"] if layout == "long" else [])
    card = (tmp_path / "p/metrics/model-card.md").read_text()
    card, limits = card.split("- A difference in MSE")  # that one is computed from what is there
    values = [
        abs(value)
        for name in ("crossvalidation", "data")
        for _, value in flat(read(tmp_path / f"p/metrics/{name}.json"))
        if isinstance(value, float | int)
    ]
    values.append(20 / values[0])  # the share of a list that is on another by chance
    written = {f"{value:.4f}" for value in values} | {f"{100 * value:.0f} %" for value in values}
    told = set(re.findall(r"\d+\.\d{4}|\d+ %", card)) - {"95 %"}
    assert len(told) > 50
    assert told <= written
    assert "None" not in card + limits
    assert ("| 2020 |" in card) == (layout == "long")
    assert "Tiny | fewer than 5 | fewer than 5 | too few to tell | – |" in card


def test_so_few_students_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 students; allowed: 5"):
        compared(tmp_path / "project", "long", count=4, folds=2)
