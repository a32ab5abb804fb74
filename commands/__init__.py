"""Commands for users besides `dvc`: `python -m commands.NAME`."""

import nextsem  # noqa: F401 (pins the numeric kernels before a command imports a numeric library)
