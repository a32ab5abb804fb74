"""The report page in a real browser: offline, on a phone and a desk, light, dark and printed."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from tests.browser import Browser
from tests.conftest import Checkout

pytestmark = pytest.mark.slow

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def page(quick: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on an experiment against main."""
    checkout = quick.copy(tmp_path_factory.mktemp("page") / "checkout")
    checkout.run("dvc", "exp", "run", "-S", "model.layers=1")
    checkout.stage("report", "main")
    return checkout.path / "report.html"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as browser:
        yield browser


@pytest.fixture(scope="module")
def axe(npm: Path) -> str:
    return (npm / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def violations(browser: Browser, axe: str) -> list[str]:
    """What axe-core, which checks how accessible a page is, finds wrong."""
    browser.run(f"{axe}; 0")
    found = browser.run("axe.run()")
    assert found["passes"]
    return [f"{each['impact']}: {each['help']}" for each in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_it_renders_offline_and_is_accessible(
    page: Path, browser: Browser, axe: str, tmp_path: Path, width: int, scheme: str
) -> None:
    browser.look(width, scheme)
    browser.open(page)
    assert browser.complaints == []
    assert browser.requests[0] == page.as_uri()
    assert all(address.startswith("data:image/png") for address in browser.requests[1:])
    assert browser.run("document.documentElement.scrollWidth") == width
    sizes = browser.run("[...document.images].map(each => [each.naturalWidth, each.width])")
    assert len(sizes) >= 7
    assert all(natural > 0 and shown >= 300 for natural, shown in sizes)
    (tmp_path / "page.png").write_bytes(browser.screenshot())
    picture = matplotlib.image.imread(tmp_path / "page.png")
    corner = picture[:8, :8, :3]
    assert np.all(corner > 0.9) if scheme == "light" else np.all(corner < 0.1)
    assert len(np.unique(picture[::4, ::4, :3].reshape(-1, 3), axis=0)) > 200
    assert violations(browser, axe) == []


def test_in_print_it_is_black_on_white_and_nothing_is_cut(page: Path, browser: Browser) -> None:
    browser.look(794, "dark", "print")
    browser.open(page)
    style = "getComputedStyle(document.body)"
    assert browser.run(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("document.documentElement.scrollWidth") == 794
    widths = browser.run("[...document.querySelectorAll('img, table')].map(e => e.offsetWidth)")
    assert max(widths) <= 794


def test_the_browser_and_axe_tell_of_what_is_wrong(
    browser: Browser, axe: str, tmp_path: Path
) -> None:
    """So that the silence above means something."""
    wrong = tmp_path / "wrong.html"
    wrong.write_text(
        "<!doctype html><title>x</title><p style='color: #ddd'>pale</p><img src='https://example.org/x.png'>"
        "<script>console.error('wrong')</script>"
    )
    browser.look(DESK, "light")
    browser.open(wrong)
    assert any('"wrong"' in each for each in browser.complaints)
    assert "https://example.org/x.png" in browser.requests
    assert any("ERR_INTERNET_DISCONNECTED" in each for each in browser.complaints)
    found = violations(browser, axe)
    assert any(each.startswith(("serious", "critical")) for each in found)


def test_better_worse_and_neither_have_colours_of_their_own(page: Path, browser: Browser) -> None:
    browser.look(DESK, "light")
    browser.open(page)
    colours = {
        browser.run(
            f"document.querySelector('main').className = '{verdict}';"
            "getComputedStyle(document.querySelector('h1 + p')).borderLeftColor"
        )
        for verdict in ("better", "worse", "cannot-be-told-apart")
    }
    assert len(colours) == 3
