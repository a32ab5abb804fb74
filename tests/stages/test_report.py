"""stages.report: one page, the same each time, that asks for nothing and gives no grade away."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stages import report
from stages.revisions import Revision, md5
from tests.results import TABLE, Results


def page(base: str | None = "main", head: str | None = None, with_grades: bool = False) -> str:
    return report.page(Revision.find(base) if base else None, Revision.find(head), with_grades)


class Parts(HTMLParser):
    """Start tags of a page, and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))


def test_same_bytes_twice_and_small(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    results.write(better=0.1, noise=1, grades=True)
    for name in ("a.html", "b.html"):
        monkeypatch.setattr("sys.argv", ["report", "main", "--output", name])
        report.main()
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()
    assert Path("a.html").stat().st_size < 2e6
    assert "a.html" in capsys.readouterr().out


def test_nothing_is_asked_for_elsewhere(results: Results) -> None:
    results.write(better=0.1, noise=1, grades=True)
    text = page()
    assert "://" not in text
    assert {tag for tag, _ in Parts(text).tags}.isdisjoint({"script", "link", "iframe"})
    for tag, attributes in Parts(text).tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("data:image/png;base64,", "#")), tag


def test_headings_are_in_order_and_pictures_have_words(results: Results) -> None:
    results.write(better=0.1, noise=1, grades=True)
    tags = Parts(page()).tags
    levels = [tag for tag, _ in tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == "h1"
    assert set(levels[1:]) == {"h2"}
    words = [attributes["alt"] for tag, attributes in tags if tag == "img"]
    # Forecasts and the same loss of both; forecasters, groups, reliability and correlation, twice.
    assert len(words) == 10
    assert all(len(text) > 40 for text in words)
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    ids = {f"#{attributes['id']}" for _, attributes in tags if "id" in attributes}
    assert links == ids


def test_a_picture_that_did_not_change_is_shown_once(results: Results) -> None:
    assert page().count("<figcaption>the same in both") == 5


def test_one_revision_by_itself(results: Results) -> None:
    text = page(base=None)
    assert "Report of the workspace" in text
    assert "mean squared error, out of fold" in text
    assert "<main>" in text


def test_the_verdict_is_in_words_and_in_colour(results: Results) -> None:
    results.write(better=-0.1, noise=1)
    assert '<main class="worse">' in page()
    assert "<strong>Worse</strong>" in page()


def test_grades_are_shown_of_the_simulated_cohort(results: Results) -> None:
    results.write(grades=True)
    assert "2 students; half of the forecasts" in page()


def test_grades_of_others_are_shown_only_when_asked_for(results: Results) -> None:
    results.write(grades=True, data__table="data/raw/mine.csv")
    assert "Left out: it would show grades" in page()
    assert "2 students; half of the forecasts" not in page()
    assert "2 students; half of the forecasts" in page(with_grades=True)


def test_a_table_that_only_has_the_name_of_the_simulated_cohort_is_not_it(results: Results) -> None:
    results.write(grades=True)
    path = results.folder / "dvc.lock"
    path.write_text(path.read_text().replace("  simulate:\n", "  other:\n"))
    assert TABLE in path.read_text()
    assert "Left out: it would show grades" in page()


@pytest.mark.parametrize("what", ["gone", "of another run", "committed"])
def test_forecasts_that_are_not_of_this_run_are_not_shown(results: Results, what: str) -> None:
    results.write(grades=what != "committed")
    path = Path("data/predictions/test.csv")
    if what == "gone":
        path.unlink()
    elif what == "of another run":
        path.write_text(path.read_text() + "6.0,6.0,5.0,7.0\n")
    assert "Git has no grades" in page(head="main" if what == "committed" else None)


def test_texts_cannot_write_html(results: Results) -> None:
    results.write(data__static=["<script>alert(1)</script>", "</table><img src=x onerror=y>"])
    tags = Parts(page()).tags
    assert not [tag for tag, _ in tags if tag == "script"]
    assert not [attributes for _, attributes in tags if "onerror" in attributes]


def test_what_is_undefined_is_a_dash(results: Results) -> None:
    """A network that diverged, and one that holds no rows out."""
    results.write(grades=True)
    metrics = Path("metrics/crossvalidation.json")
    text = re.sub(r'"(mse|mae|coverage|brier)": [-\d.e]+', r'"\1": null', metrics.read_text())
    metrics.write_text(text)
    Path("metrics/plots/loss.csv").write_text("epoch,train,validation\n1,1.0,\n2,,\n")
    forecasts, lock = Path("data/predictions/test.csv"), Path("dvc.lock")
    before = md5(forecasts.read_bytes())
    forecasts.write_text("actual,forecast,low,high\n7.25,7.0,,\n8.5,8.75,,\n")
    lock.write_text(lock.read_text().replace(before, md5(forecasts.read_bytes())))
    text = page()
    assert "network –; linear –" in text
    assert "2 students; half of the forecasts" in text
