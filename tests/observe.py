"""Run a stage of the folder that we are in, and write down what it reads.

    python observe.py STAGE NOTES

NOTES gets, as JSON, the modules of the project that were loaded and the parameters that were read.
"""

import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, ".")

from nextsem.shared import params

parameters: set[str] = set()
load = params.load


def fields(group: type[params._Group], prefix: str = "") -> Iterator[tuple[type, str, str]]:
    """Every key of a group and of those within it: the group, its name there and from the root."""
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, params._Group):
            yield from fields(field.annotation, f"{prefix}{name}.")
        else:
            yield group, name, prefix + name


FIELDS = {(group, name): key for group, name, key in fields(params.Params)}


def observed(group: params._Group, name: str) -> object:
    if (type(group), name) in FIELDS:
        parameters.add(FIELDS[type(group), name])
    elif name in ("__dict__", "__iter__", "model_dump"):  # all of them at once
        parameters.update(key for (own, _), key in FIELDS.items() if own is type(group))
    return object.__getattribute__(group, name)


def load_and_observe(*arguments: Path) -> params.Params:
    loaded = load(*arguments)
    params._Group.__getattribute__ = observed  # from now on, as checking them reads them all
    return loaded


def main(stage: str, notes: Path) -> None:
    params.load = load_and_observe
    sys.argv = [stage]
    try:
        runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)
    finally:
        named = [name for name in sys.modules if name.split(".")[0] in ("nextsem", "stages")]
        files = {file for name in named if (file := sys.modules[name].__file__)}
        modules = [str(Path(file).relative_to(Path.cwd())) for file in files]
        told = {"modules": [f"stages/{stage}.py", *modules], "parameters": list(parameters)}
        notes.write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
