"""setup.toml ↔ Setup: reading, checking, merging and writing what an admin tunes. Pure, no files.

The way of `apply`: `read_file(text)`, `merge(base, written)`, `check(setup)`; `differences` shows
what would change and `warnings` what is allowed but probably not meant.
"""

from callrouter.setup_file.checks import check
from callrouter.setup_file.differences import differences
from callrouter.setup_file.merging import KEPT, allowed_prefixes, merge, read_setup
from callrouter.setup_file.problems import BadSetup, Problem
from callrouter.setup_file.reading import Written, read_file
from callrouter.setup_file.warnings import warnings
from callrouter.setup_file.writing import write_setup

__all__ = [
    "KEPT",
    "BadSetup",
    "Problem",
    "Written",
    "allowed_prefixes",
    "check",
    "differences",
    "merge",
    "read_file",
    "read_setup",
    "warnings",
    "write_setup",
]
