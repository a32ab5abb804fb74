"""One page, the same each time, that asks for nothing and gives no grade away."""

import re
from pathlib import Path

from commands import report as command
from nextsem.review import report
from nextsem.review.revisions import Revision, md5
from tests.commands.conftest import Typed
from tests.results import PLOTS, TABLE, Results


def page(base: str | None = "main", head: str | None = None, with_grades: bool = False) -> str:
    return report.page(Revision.find(base) if base else None, Revision.find(head), with_grades)


def test_the_same_bytes_twice_small_and_asking_for_nothing(results: Results, typed: Typed) -> None:
    results.write(better=0.1, noise=1, grades=True)
    for name in ("a.html", "b.html"):
        assert name in typed(command, "main", "--output", name)
    text = Path("a.html").read_text()
    assert text == Path("b.html").read_text()
    assert len(text) < 1e6
    assert "default-src 'none'" in text
    assert not re.search("<(script|link|iframe)", text)
    assert not re.search('src="(?!data:image/png;base64,)', text)


def test_every_picture_has_words_and_no_text_writes_html(results: Results) -> None:
    hostile = ["<script>", "</table><img src=x>"]
    results.write(better=0.1, noise=1, grades=True, data__static=hostile)
    pictures = re.findall(r'<img src="data:image/png;base64,[^"]+" [^>]*alt="([^"]{40,})">', page())
    # Those of the pipeline of both, the forecasts of the head, and the same loss of both.
    assert len(pictures) == page().count("<img") == 2 * len(PLOTS) + 2
    assert "<script" not in page()


def test_what_did_not_change_is_shown_once_or_not_at_all(results: Results) -> None:
    assert "<img" not in page()
    results.write(split__seed=1)
    assert page().count("<figcaption>the same in both") == len(PLOTS) + 1


def test_the_verdict_is_in_words_and_in_colour(results: Results) -> None:
    results.write(better=-0.1, noise=1)
    text = page()
    assert '<div class="verdict worse">' in text
    assert "<strong>Worse.</strong>" in text
    assert "The typical miss is 0.75 grade points" in page(base=None)


def test_grades_are_shown_of_the_simulated_cohort_or_when_asked_for(results: Results) -> None:
    results.write(grades=True, better=0.1)
    assert "2 forecasts; half of them" in page()
    results.write(grades=True, better=0.1, data__table="data/raw/mine.csv")
    assert "Left out: it would show grades" in page()
    assert "2 forecasts; half of them" not in page()
    assert "2 forecasts; half of them" in page(with_grades=True)


def test_a_table_that_only_has_the_name_of_the_simulated_cohort_is_not_it(results: Results) -> None:
    results.write(grades=True, better=0.1)
    path = results.folder / "dvc.lock"
    path.write_text(path.read_text().replace("  simulate:\n", "  other:\n"))
    assert TABLE in path.read_text()
    assert "Left out: it would show grades" in page()


def test_forecasts_that_are_not_of_this_run_are_not_shown(results: Results) -> None:
    results.write(grades=True, better=0.1)
    assert "Git has no grades" in page(None, "main")
    Path(report.PREDICTED).write_text("actual,forecast,low,high\n7,7,6,8\n")
    assert "Git has no grades" in page()
    Path(report.PREDICTED).unlink()
    assert "Git has no grades" in page()


def test_what_is_undefined_is_a_dash(results: Results) -> None:
    """A network that diverged, and one that holds no rows out."""
    results.write(grades=True)
    metrics, forecasts, lock = (
        Path(name) for name in ("metrics/crossvalidation.json", report.PREDICTED, "dvc.lock")
    )
    text = re.sub(r'"(mse|mae|coverage|brier)": [-\d.e]+', r'"\1": null', metrics.read_text())
    metrics.write_text(text)
    Path(report.LOSS).write_text("epoch,train,validation\n1,1.0,\n2,,\n")
    before = md5(forecasts.read_bytes())
    forecasts.write_text("actual,forecast,low,high\n7.25,7.0,,\n8.5,8.75,,\n")
    lock.write_text(lock.read_text().replace(before, md5(forecasts.read_bytes())))
    text = page()
    assert "network –; linear –" in text
    assert "2 forecasts; half of them" in text
