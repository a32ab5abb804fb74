"""Pin the numeric kernels, so that the same inputs give the same bytes on any x86-64 processor.

The last bits of a sum depend on the kernels that a library picks for the processor. Those pinned
here run on every processor with AVX2. Some pins have no effect once a numeric library is loaded.
"""

import os
import sys
from importlib.util import find_spec

if sys.version_info < (3, 11):  # noqa: UP036 (a clear message for an older Python)
    sys.exit(f"nextsem needs Python 3.11 or newer; this is {sys.version.split()[0]}")

if find_spec("numpy") is None:
    sys.exit(
        f"package numpy is missing in {sys.executable}; activate the environment that `make` sets up: "
        ". .venv/bin/activate"
    )

PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
}
# Whether the pins are in effect in this process.
HELD = PINS.items() <= os.environ.items() or sys.modules.keys().isdisjoint({"numpy", "torch"})
os.environ.update(PINS)
