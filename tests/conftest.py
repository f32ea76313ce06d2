"""Settings that all tests share."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.tools import skip_without

_COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("default", max_examples=150, derandomize=True, **_COMMON)
settings.register_profile("quick", max_examples=20, derandomize=True, **_COMMON)
settings.register_profile("explore", max_examples=3000, **_COMMON)


def pytest_configure(config: pytest.Config) -> None:
    """Try few examples of each property where only the quick tests are run, and let children be interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of what a shell starts in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    is_quick = config.option.markexpr == "quick"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick" if is_quick else "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as quick whatever is not marked as slow."""
    for item in items:
        if not item.get_closest_marker("slow") and not item.get_closest_marker("memory"):
            item.add_marker("quick")


class _Module(pytest.Module):
    """A module that is skipped where a library is missing that the small extra ``test`` does not bring."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        try:
            return list(super().collect())
        except self.CollectError as error:
            missing = error.__cause__
            while missing is not None and not isinstance(missing, ModuleNotFoundError):
                missing = missing.__cause__  # as of a MissingExtraError
            if missing is None:
                raise
            skip_without(missing)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    """Collect every module of tests as one that may lack a library."""
    module: pytest.Module = _Module.from_parent(parent, path=module_path)
    return module
