"""How property tests draw their examples, and a bound for the whole run."""

import faulthandler
import os
import sys

import hypothesis
from hypothesis.internal.conjecture import providers

# The same examples each time, so that a pass and a failure mean something; `explore` draws others with each seed.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("explore", database=None, deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")

# Examples would also be constants from whatever modules have been imported: other ones where a test runs alone.
if hasattr(providers, "_get_local_constants"):
    _NONE = providers.Constants()
    providers._get_local_constants = lambda: _NONE


def pytest_configure(config):
    """End a run whose processes have stopped answering: pytest-timeout looks at the clock between tests only."""
    bound = config.getoption("session_timeout", None)
    if bound and not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(bound + 60, exit=True, file=os.dup(sys.__stderr__.fileno()))
