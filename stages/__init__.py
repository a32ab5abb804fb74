"""The pipeline's stages, each run as `python -m stages.NAME` from the root of the repository.

What holds for all of them is here: the numeric kernels are pinned, and what a person can mend is
told in a line or two, not in a traceback.
"""

import os
import sys
from types import TracebackType

if sys.version_info < (3, 11):  # noqa: UP036 (an older Python is to hear it, not to fail later)
    sys.exit(f"nextsem needs Python 3.11 or newer; this is {sys.version.split()[0]}")

# The last bits of a sum depend on the kernels that a library picks for the processor. These give
# the same bytes on every x86-64 processor with AVX2; see "Any checkout" in the README.
os.environ.update(
    ATEN_CPU_CAPABILITY="avx2",
    MKL_CBWR="AVX2",
    OPENBLAS_CORETYPE="Haswell",
    OPENBLAS_NUM_THREADS="1",
)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an error that a person can mend in a line or two; others with their traceback."""
    from nextsem import InputError

    if isinstance(error, InputError):
        print(error, file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and error.name not in ("nextsem", "stages"):
        print(
            f"package {error.name} is missing in {sys.executable}; activate the environment that "
            "`make` sets up: . .venv/bin/activate",
            file=sys.stderr,
        )
    elif isinstance(error, OSError) and error.strerror:
        print(f"{error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell
