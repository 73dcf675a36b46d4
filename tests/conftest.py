"""How the tests are dealt to processes: a file's to one, and all that share one run to one."""

import pytest

SHARED = "first_run"
"""The fixture that runs a whole pipeline once for tests in several files."""


# First: pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = SHARED if SHARED in getattr(item, "fixturenames", ()) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
