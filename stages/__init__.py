"""Stages of the pipeline, each run as `python -m stages.NAME` from the repository root."""

import nextsem  # noqa: F401 (pins the numeric kernels before a stage imports a numeric library)
