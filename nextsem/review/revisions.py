"""Parameters, metrics and checksums of a commit in Git, or of the workspace."""

import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from nextsem.shared import params
from nextsem.shared.errors import InputError

ACCEPTED, CARD = "accepted.yaml", "metrics/model-card.md"


@dataclass(frozen=True)
class Revision:
    """A commit, or the workspace.

    Attributes
    ----------
    name : for people, such as a branch
    commit : its full hash; None for the workspace
    """

    name: str
    commit: str | None

    @classmethod
    def find(cls, name: str | None) -> Self:
        """A branch, tag, commit or experiment, or InputError; None for the workspace."""
        if name is None:
            return cls("the workspace", None)
        done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if done.returncode == 0:
            return cls(name, done.stdout.decode().strip())
        for experiment in experiments():
            if experiment.name == name:
                return cls(name, experiment.commit)
        raise InputError(
            f"{name}: no such revision here; allowed: a branch, a tag, a commit, or an experiment "
            "that `dvc exp list --all-commits` names"
        )

    def __str__(self) -> str:
        if self.commit is None:
            return self.name
        short = self.commit[:9]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"

    def content(self, path: str) -> bytes | None:
        """Content of a file, None if the revision has no such file."""
        if self.commit is None:
            return Path(path).read_bytes() if Path(path).is_file() else None
        done = _git("show", f"{self.commit}:./{path}")
        return None if done.returncode else done.stdout

    def cached(self, path: str) -> bytes | None:
        """An output not in Git, from the workspace or the DVC cache; None if in neither."""
        made = self.checksums("outs").get(path, "")
        for place in (Path(path), Path(".dvc/cache/files/md5", made[:2], made[2:])):
            if place.is_file() and md5(content := place.read_bytes()) == made:
                return content
        return None

    def text(self, path: str) -> str:
        """Text of a file, or InputError if the revision has no such file."""
        content = self.content(path)
        if content is None:
            raise InputError(f"{self}: has no {path}; `dvc repro` makes what belongs to the code")
        return content.decode("utf-8", errors="replace")

    def metrics(self, path: str) -> dict[str, Any]:
        """Content of a metrics file."""
        text = self.text(path)
        try:
            return dict(json.loads(text))
        except (TypeError, ValueError) as error:
            raise InputError(f"{self}: {path}: not a file of metrics: {error}") from None

    def table(self, path: str) -> pd.DataFrame:
        """Content of a .csv file; names of terms stay text."""
        return pd.read_csv(io.StringIO(self.text(path)), dtype={"term": str})

    @cached_property
    def groups(self) -> dict[str, dict[str, Any]]:
        """The groups of params.yaml, unchecked: an older revision may have other parameters."""
        content = params.parse(self.text("params.yaml"), f"{self}: params.yaml")
        return {name: group for name, group in content.items() if isinstance(group, dict)}

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters by their dotted names."""
        return {
            f"{group}.{key}": value
            for group, own in self.groups.items()
            for key, value in own.items()
        }

    @cached_property
    def accepted(self) -> dict[str, str]:
        """What accepted.yaml accepts as worse, and the reason; {} without that file."""
        if self.content(ACCEPTED) is None:
            return {}
        found = params.parse(self.text(ACCEPTED), f"{self}: {ACCEPTED}") or {}
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            allowed = '"all students: mean squared error": the reason'
            raise InputError(f"{self}: {ACCEPTED}: allowed are lines such as {allowed}")
        return found

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The stages of dvc.lock with their dependencies, parameters and outputs."""
        return dict(params.parse(self.text("dvc.lock"), f"{self}: dvc.lock").get("stages", {}))

    def checksums(self, kind: str) -> dict[str, str]:
        """MD5 of each dependency (`deps`) or output (`outs`) of the stages in dvc.lock."""
        return {
            each["path"]: each.get("md5", "")
            for stage in self.stages.values()
            for each in stage.get(kind, [])
        }

    def checksum(self, path: str) -> str:
        """MD5 of a file, or of a folder's Python files and templates, computed as DVC does."""
        if path.endswith(".py") or path.startswith("metrics/"):
            return md5(self.content(path) or b"")
        files = [
            {"md5": md5(self.content(name) or b""), "relpath": name.removeprefix(f"{path}/")}
            for name in self._files(path)
            if name.endswith((".py", ".md"))
        ]
        files.sort(key=lambda each: each["relpath"])
        return md5(json.dumps(files, sort_keys=True).encode()) + ".dir"

    def _files(self, folder: str) -> list[str]:
        if self.commit is None:
            return [str(path) for path in Path(folder).rglob("*") if path.is_file()]
        listed = git("ls-tree", "-r", "-z", "--name-only", self.commit, "--", f"{folder}/")
        return [name for name in listed.split("\0") if name]

    @property
    def table_checksum(self) -> str | None:
        """MD5 of the input table of the metrics."""
        return self.checksums("deps").get(str(self.parameters.get("data.table")))

    @property
    def simulated(self) -> bool:
        """Whether the input table is the output of the stage `simulate`, without real grades."""
        drawn = [out.get("md5") for out in self.stages.get("simulate", {}).get("outs", [])]
        return self.table_checksum is not None and self.table_checksum in drawn


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Differing values (before, after) by name; None where missing."""
    names = [*before, *(name for name in after if name not in before)]
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def changed_files(base: Revision, head: Revision) -> list[str]:
    """Files in Git that differ between two revisions."""
    commits = [each.commit for each in (base, head) if each.commit]
    return git("diff", "--name-only", *commits, "--").splitlines() if commits else []


def md5(content: bytes) -> str:
    """The checksum by which DVC identifies a file."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and value of each leaf of nested dicts and lists."""
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, value


def experiments() -> list[Revision]:
    """All finished experiments, the newest first: DVC keeps them as refs/exps/AB/CDEF.../NAME."""
    shown = ("--sort=-committerdate", "--format=%(objectname) %(refname)")
    refs = git("for-each-ref", *shown, "refs/exps/??/*/*").splitlines()
    return [Revision(name.rpartition("/")[2], commit) for commit, name in map(str.split, refs)]


def git(*arguments: str) -> str:
    """Output of a Git command, or InputError if it fails."""
    done = _git(*arguments)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip() or "failed").splitlines()[0]
        raise InputError(f"git {' '.join(arguments)}: {reason}")
    return done.stdout.decode().strip()


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)
