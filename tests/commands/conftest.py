"""Made-up results, and commands as a person types them, for the tests of this folder."""

from collections.abc import Callable
from types import ModuleType

import pytest

from tests.results import results  # noqa: F401 (a fixture)

Typed = Callable[..., str]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What a command prints, run in this very process."""

    def run(command: ModuleType, *arguments: str) -> str:
        monkeypatch.setattr("sys.argv", [command.__name__, *arguments])
        command.main()
        return capsys.readouterr().out

    return run
