"""Changes of which the verdict is known, retrained on the published table."""

from pathlib import Path

import pytest

from tests.conftest import Checkout, settings_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def defaults(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with the defaults' results on main, and on strict, which tolerates hardly a rise."""
    checkout = Checkout(tmp_path_factory.mktemp("verdicts") / "checkout")
    changed(checkout, {"data.table": str(published), "crossvalidate.by": None})
    checkout.commit("defaults")
    checkout.run("git", "checkout", "--quiet", "-b", "strict")
    checkout.change({"review.tolerance": 0.001})
    checkout.commit("strict")
    checkout.run("git", "checkout", "--quiet", "main")
    return checkout


def changed(checkout: Checkout, parameters: dict[str, object]) -> None:
    """Cross-validate anew with other parameters than those of the last commit."""
    checkout.run("git", "checkout", "--quiet", "--", ".")
    checkout.change(parameters)
    for stage in ("prepare", "crossvalidate", "compare"):
        checkout.stage(stage)


def review(checkout: Checkout, base: str) -> str:
    return checkout.run("python", "-m", "commands.review", base)


def test_to_learn_is_better_and_to_stop_before_is_worse(defaults: Checkout) -> None:
    """In a tenth of its epochs the reference's network learns hardly more than the mean."""
    changed(defaults, settings_of("REFERENCE") | {"model.members": 1, "train.epochs": 100})
    assert "**Worse.**" in review(defaults, "main")
    defaults.run("git", "checkout", "--quiet", "-b", "stopped")
    defaults.commit("stopped")
    defaults.run("git", "checkout", "--quiet", "main")
    assert "**Better.**" in review(defaults, "stopped")


def test_more_patience_is_no_worse(defaults: Checkout) -> None:
    changed(defaults, {"train.patience": 20})
    assert "**No worse than tolerated.**" in review(defaults, "main")


def test_another_seed_is_not_worse_by_what_these_data_can_tell(defaults: Checkout) -> None:
    changed(defaults, {"train.seed": 1})
    assert "**Worse.**" not in review(defaults, "main")
    assert "**These data can't tell.**" in review(defaults, "strict")
