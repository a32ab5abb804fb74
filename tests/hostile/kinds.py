"""Kinds of hostile input: how to make one, and what must hold of what becomes of it.

Whatever comes in, there are two ends: a result that obeys its invariants, or an `InputError` of a
line. Anything else, such as another error, a long wait or a wrong result, fails.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nextsem import InputError

LONGEST = 20.0  # seconds of the processor that an input may take; they take milliseconds


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes
    ----------
    inputs : the strategy that makes them
    check : reads or writes one in an empty folder, checks the result, and gives what became of it
    """

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any, Path], str]

    def run(self, folder: Path, examples: int) -> Counter[str]:
        """Check so many examples, the same ones each time; what became of how many of them."""
        became: Counter[str] = Counter()

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(self.inputs)
        def check(made: Any) -> None:
            began = time.process_time()
            became[self.check(made, folder)] += 1
            assert time.process_time() - began < LONGEST

        check()
        return became


def refused(path: Path, read: Callable[[], object]) -> bool:
    """Whether a file is refused, in a line that names it."""
    try:
        read()
    except InputError as error:
        text = str(error)
        assert str(path) in text
        assert len(text.splitlines()) == 1
        assert len(text) < 1000
        return True
    return False


# Bytes ------------------------------------------------------------------------

_TOKENS = [
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xe9", b"\x1a", b"\x80\x04"),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b",", b";", b"\t", b'"', b"'", b'""', b"\\", b" ", b"#"),
    *(b"=1+1", b"@", b"nan", b"inf", b"-1", b"1e999", b"9" * 400, b"1,5", b"true", b"null"),
    *(b"[", b"{", b"}", b"]", b":", b"- ", b"&a", b"*a", b"!!int ", b"<", b">", b"/>", b"&amp;"),
]
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from([0, 0, 1, 1, 2, 10, 1000]),
        st.sampled_from(_TOKENS) | st.binary(max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Bytes of which some were cut out, and others put in."""
    for share, cut, put_in in edits:
        place = int(share * len(content))
        content = content[:place] + put_in + content[place + cut :]
    return content
