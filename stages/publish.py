"""Keep an experiment's metrics in docs/published/: aggregates, and the revision that made them.

python -m stages.publish EXPERIMENT NAME
"""

import argparse
import json
import subprocess
from typing import Any

import yaml

from nextsem import InputError
from nextsem.files import whole_files

# All that an experiment may change besides the parameters: what the pipeline makes.
MADE = ("params.yaml", "dvc.lock", "data/raw/dvc.lock", "metrics/")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.publish", description=__doc__)
    parser.add_argument("experiment", help="name of an experiment, as `dvc exp show` lists it")
    parser.add_argument("name", help="what to call the result")
    arguments = parser.parse_args()

    commit = find(arguments.experiment)
    base = git("rev-parse", f"{commit}^")
    changed = git("diff", "--name-only", base, commit).splitlines()
    foreign = [name for name in changed if not name.startswith(MADE)]
    if foreign:
        raise InputError(
            f"experiment {arguments.experiment}: made from files that are not committed: "
            f"{', '.join(foreign)}; commit them and run it again"
        )
    before, after = parameters(base), parameters(commit)
    result = {
        "revision": base,
        "parameters": {key: value for key, value in after.items() if before.get(key) != value},
        **{
            name: json.loads(git("show", f"{commit}:metrics/{name}.json"))
            for name in metrics(commit)
        },
    }
    path = f"docs/published/{arguments.name}.json"
    with whole_files() as place:
        place(path).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{path}: experiment {arguments.experiment} on {base[:9]}")


def find(experiment: str) -> str:
    """The commit of an experiment."""
    for line in git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines():
        commit, name = line.split()
        if name.endswith(f"/{experiment}"):
            return commit
    raise InputError(f"no experiment {experiment}; `dvc exp list --all-commits` lists them")


def metrics(commit: str) -> list[str]:
    """Names of the metrics files of a commit, without their ending."""
    names = git("ls-tree", "--name-only", f"{commit}:metrics").splitlines()
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def parameters(commit: str) -> dict[str, Any]:
    """The parameters of a commit, by their dotted names."""
    groups = yaml.safe_load(git("show", f"{commit}:params.yaml"))
    return {f"{group}.{key}": value for group in groups for key, value in groups[group].items()}


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"git {' '.join(arguments)}: {done.stderr.strip().splitlines()[0]}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
