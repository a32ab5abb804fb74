"""Changes of which the verdict is known, retrained on the published table."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Checkout, reference_recipe

pytestmark = pytest.mark.slow

BETTER, WORSE, UNSURE = "**Better**", "**Worse**", "**Cannot be told apart**"


@pytest.fixture(scope="module")
def defaults(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with the defaults' results on the published table, on main."""
    checkout = Checkout(tmp_path_factory.mktemp("verdicts") / "checkout")
    reproduce(checkout, published, {"data.table": "data/raw/published.csv"}, "main")
    return checkout


def reproduce(checkout: Checkout, published: Path, changes: dict[str, object], branch: str) -> None:
    """Change parameters, run the pipeline, and commit what comes of it on a branch."""
    if branch != "main":
        checkout.run("git", "checkout", "--quiet", "-b", branch, "main")
    checkout.change(changes)
    checkout.run("dvc", "repro", NEXTSEM_PUBLISHED=str(published.resolve()))
    checkout.commit(branch)


def test_the_four_kinds_of_change_and_one_too_small_to_show(
    defaults: Checkout, published: Path
) -> None:
    fewer = pd.read_csv(published).drop(index=0)
    for branch, changes in {
        "reference": reference_recipe() | {"model.members": 1},
        "noise": {"train.seed": 1},
        "college": {"data.static": []},
        "row": {"data.table": "data/raw/fewer.csv"},
    }.items():
        if branch == "row":
            defaults.run("git", "checkout", "--quiet", "main")
            fewer.to_csv(defaults.path / "data/raw/fewer.csv", index=False)
            defaults.run("dvc", "add", "data/raw/fewer.csv")
        reproduce(defaults, published, changes, branch)

    def review(base: str, head: str) -> str:
        return defaults.stage("review", base, head)

    assert BETTER in review("reference", "main")
    assert WORSE in review("main", "reference")
    assert "model.layout | semesters | flat" in review("main", "reference")
    assert UNSURE in review("main", "noise")
    college = review("main", "college")
    assert UNSURE in college
    assert "more would have shown in four tries of five" in college
    row = review("main", "row")
    assert "**Not comparable**: the students were 169 and are 168" in row
    assert "| rows.read | 178 | 177 |" in row
    defaults.run("git", "checkout", "--quiet", "main")


def test_of_twenty_other_seeds_two_at_most_look_better_or_worse(
    defaults: Checkout, tmp_path: Path
) -> None:
    checkout = defaults.copy(tmp_path / "checkout")
    checkout.run("dvc", "checkout", "--force")  # what Git has not
    sure = []
    for seed in range(1, 21):
        checkout.change({"train.seed": seed, "crossvalidate.by": None})
        checkout.stage("crossvalidate")
        told = checkout.stage("review", "main")
        assert any(verdict in told for verdict in (BETTER, WORSE, UNSURE))
        if UNSURE not in told:
            sure.append(seed)
    assert len(sure) <= 2, sure
