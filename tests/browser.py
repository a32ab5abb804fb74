"""Headless Chromium without a network, by as much of its own protocol as the tests need."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


class Browser(contextlib.AbstractContextManager["Browser"]):
    """One page in Chromium, with whatever it complained about or asked the network for.

    Attributes
    ----------
    complaints : what stood on the console, exceptions, and whatever else the browser logged
    requests : addresses that were asked for
    """

    def __init__(self, profile: Path) -> None:
        program = shutil.which("chromium")
        if program is None:
            pytest.fail("chromium is missing; on Debian or Ubuntu: apt-get install chromium")
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._events: list[str] = []
        self._asked = 0
        # It reads commands at descriptor 3, and writes what happens at 4.
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]

        def place_ends() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [
                *(program, "--headless", "--remote-debugging-pipe", "--no-sandbox"),
                *("--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"),
            ],
            pass_fds=(3, 4),
            preexec_fn=place_ends,  # noqa: PLW1509 (no thread of ours is in the way)
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        self._write, self._read, self._received = os.fdopen(ours_out, "wb"), ours_in, b""
        self._session: dict[str, str] = {}
        target = self("Target.createTarget", url="about:blank")["targetId"]
        session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")
        self(
            "Network.emulateNetworkConditions",
            **{"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._write.close()
        os.close(self._read)

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method of the protocol returns."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters, **self._session}
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while (answer := self._next()).get("id") != self._asked:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page: Path) -> None:
        """Load a file, and wait until it is."""
        self._events.clear()
        self("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._next()

    def look(self, width: int, scheme: str, medium: str = "screen") -> None:
        """Be of a width, in a colour scheme, on a screen or in print."""
        self(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self("Emulation.setEmulatedMedia", media=medium, features=features)

    def run(self, script: str) -> Any:
        """The value of a script, awaited if it is a promise."""
        answer = self("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def _next(self) -> dict[str, Any]:
        """The next message; what it tells of the page is noted."""
        while b"\0" not in self._received:
            more = os.read(self._read, 1 << 20)
            assert more, "Chromium has ended"
            self._received += more
        written, _, self._received = self._received.partition(b"\0")
        message = json.loads(written)
        event, told = message.get("method", ""), message.get("params", {})
        self._events.append(event)
        if event in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(json.dumps(told))
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        return message
