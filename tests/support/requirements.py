"""What a test needs from the machine: found, or skipped with a plain reason.

On a developer's machine a missing component skips the test and says what to
install. In CI (``CI=true``) it fails, because a test that never runs proves
nothing.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

DATA_SETTING = "HARVESTLINE_DATA"
LACKING_SETTING = "HARVESTLINE_CI_LACKS"  # components that CI says aloud it runs without
_INSTALL = {
    "cc": "install Debian's gcc and libc6-dev",
    "chromium": "install Debian's chromium",
    "mosquitto": "install Debian's mosquitto",
    "postgresql": "install Debian's postgresql",
    "systemd-analyze": "install Debian's systemd",
    "data": f"set {DATA_SETTING} to the folder with the real data sets",
}
COMPONENTS = tuple(_INSTALL)


def require(component: str) -> Path:
    """The component's path: an executable, PostgreSQL's ``bin`` folder, or the data folder.

    Parameters
    ----------
    component
        ``cc``, ``chromium``, ``mosquitto``, ``postgresql``, ``systemd-analyze`` or ``data``.
    """
    found = find(component, os.environ)
    if found is None:
        lack(component, f"{component} is not on this machine: {_INSTALL[component]}")
    return found


def oracle(module: str) -> Any:
    """The package whose word our own calculation is held against."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        lack(module, f"the oracle {module} is not installed: run make setup")


def lack(component: str, reason: str) -> NoReturn:
    """Skip the test because the machine lacks something; in CI, fail it."""
    if refuses_skips(os.environ, component):
        pytest.fail(f"{reason} (CI runs every test)", pytrace=False)
    pytest.skip(reason)


def find(component: str, environ: Mapping[str, str]) -> Path | None:
    """Where the component is, if it is anywhere.

    Raises
    ------
    ValueError
        If no such component is known.
    """
    if component not in _INSTALL:
        raise ValueError(f"expected one of {', '.join(COMPONENTS)}, got {component!r}")
    if component == "data":
        folder = Path(environ.get(DATA_SETTING, "")).expanduser()
        return folder.resolve() if environ.get(DATA_SETTING) and folder.is_dir() else None
    if component == "postgresql":
        return _postgresql_folder(environ)
    # Debian puts daemons into sbin, which is not on an ordinary user's path.
    executable = shutil.which(component, path=f"{environ.get('PATH', '')}:/usr/sbin")
    return Path(executable) if executable else None


def refuses_skips(environ: Mapping[str, str], component: str) -> bool:
    """Whether it is a failure here that the component is missing."""
    stated = environ.get(LACKING_SETTING, "").split()
    return environ.get("CI", "").lower() in ("1", "true") and component not in stated


def _postgresql_folder(environ: Mapping[str, str]) -> Path | None:
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if versions:
        return versions[-1].parent
    initdb = shutil.which("initdb", path=environ.get("PATH"))
    return Path(initdb).resolve().parent if initdb else None
