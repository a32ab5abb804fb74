"""The report page in a real browser: offline, on a phone and a desk, light and dark, accessible."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Checkout

pytestmark = pytest.mark.slow

PHONE, DESK = 390, 1280
# What the page, within a frame, tells of itself; an error of its own shows as one in the console.
PROBE = """<script>
addEventListener('load', async () => {
  const found = await axe.run()
  const pictures = [...document.images].map(each => [each.naturalWidth, each.width])
  const columns = getComputedStyle(document.querySelector('.pictures')).gridTemplateColumns
  parent.document.body.textContent = 'told ' + JSON.stringify({
    width: document.documentElement.scrollWidth, pictures, columns: columns.split(' ').length,
    paper: getComputedStyle(document.body).backgroundColor, passes: found.passes.length,
    wrong: found.violations.map(each => each.impact + ': ' + each.help) }) + ' end'
})
</script>"""


@pytest.fixture(scope="module")
def page(quick: Checkout, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page on an experiment against main."""
    checkout = quick.copy(tmp_path_factory.mktemp("page") / "checkout")
    checkout.run("dvc", "exp", "run", "-S", "model.layers=2")
    checkout.run("python", "-m", "commands.report", "main")
    return checkout.read("report.html")


@pytest.fixture(scope="module")
def axe(npm: Path) -> str:
    """axe-core, which checks how accessible a page is."""
    return (npm / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def seen(page: str, axe: str, width: int, scheme: str, folder: Path) -> dict[str, Any]:
    """What a browser without a network makes of a page, in a frame of a width in pixels."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.fail("chromium is missing; on Debian or Ubuntu: apt-get install chromium")
    page = re.sub("<meta http-equiv[^>]*>", "", page)  # it forbids scripts, and so the probe
    page = page.replace("</head>", f"<script>{axe}</script>{PROBE}</head>")
    frame = (
        f'<iframe style="border: 0; width: {width}px; height: 844px" srcdoc="{html.escape(page)}">'
    )
    (folder / "frame.html").write_text(f"<!doctype html><title>x</title>{frame}", encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1400,900"]
    command += ["--proxy-server=localhost:9", "--virtual-time-budget=30000", "--dump-dom"]
    command += ["--force-dark-mode"] if scheme == "dark" else []
    command.append((folder / "frame.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = re.search("told (.*) end", done.stdout)
    assert told, done.stdout[-500:]
    return json.loads(html.unescape(told[1]))


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (DESK, "dark")])
def test_it_fits_the_screen_and_is_accessible(
    page: str, axe: str, tmp_path: Path, width: int, scheme: str
) -> None:
    found = seen(page, axe, width, scheme, tmp_path)
    assert found["width"] == width
    assert len(found["pictures"]) >= 7
    assert all(natural > 0 and 200 < shown < width for natural, shown in found["pictures"])
    assert found["columns"] == (1 if width == PHONE else 2)
    assert found["paper"] == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(13, 17, 23)")
    assert found["passes"] > 5
    assert found["wrong"] == []


def test_the_probe_tells_of_what_is_wrong(axe: str, tmp_path: Path) -> None:
    """So that the silence above means something."""
    wrong = "<html><head></head><p style='color: #ddd' class='pictures'>pale</p></html>"
    found = seen(wrong, axe, PHONE, "light", tmp_path)
    assert any(each.startswith(("serious", "critical")) for each in found["wrong"])
