"""Results that are kept: what made them, and no more than aggregates."""

import json
from pathlib import Path

import pytest

from commands import publish
from nextsem.review.publish import text
from nextsem.shared.errors import InputError
from tests.commands.conftest import Typed
from tests.conftest import ROOT
from tests.results import Results


def test_an_experiment_is_kept_with_what_made_it(results: Results, typed: Typed) -> None:
    results.experiment("tried", better=0.1, noise=1, model__layers=1)
    base = results.git("rev-parse", "main")
    assert base[:9] in typed(publish, "tried", "shallow")
    kept = json.loads(Path("docs/published/shallow.json").read_text())
    assert kept["revision"] == base
    assert kept["parameters"] == {"model.layers": 1}
    assert kept["members"]["n"] == 6
    page = Path("docs/results.md").read_text()
    assert "## Shallow" in page
    assert "published/shallow.md" not in page  # as it has no model card
    assert "| network | 0.3601 |" in page


def test_a_model_card_is_kept_beside_the_results(results: Results, typed: Typed) -> None:
    results.write()
    Path("metrics/model-card.md").write_text("# Model card\n")
    results.experiment("tried", better=0.1, noise=1)
    typed(publish, "tried", "carded")
    assert Path("docs/published/carded.md").read_text() == "# Model card\n"
    assert "[Model card](published/carded.md)" in Path("docs/results.md").read_text()


def test_results_of_code_that_nobody_has_are_refused(results: Results, typed: Typed) -> None:
    results.experiment("tried", better=0.1, code="cell = 'gru'\n")
    with pytest.raises(InputError, match=r"not committed: nextsem/network/network\.py"):
        typed(publish, "tried", "new")


def test_the_page_of_results_belongs_to_what_is_kept() -> None:
    assert (ROOT / "docs/results.md").read_text() == text(ROOT / "docs/published")
