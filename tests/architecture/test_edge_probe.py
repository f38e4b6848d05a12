"""The probe that ``.ci/edge`` trusts is able to say no."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.tree import REPOSITORY
from tools.edge_probe import refuse_unlocked

LOCK = REPOSITORY / "requirements" / "edge.txt"


def test_probe_refuses_an_environment_with_the_science_stack():
    """This environment has all of it."""
    result = subprocess.run(
        [sys.executable, REPOSITORY / "tools" / "edge_probe.py", LOCK],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "expected no science stack at the edge, got these" in result.stderr


def test_probe_refuses_what_the_lock_does_not_name():
    with pytest.raises(SystemExit, match=r"expected [a-z0-9-]+ not at all, got "):
        refuse_unlocked("click==8.0.0\n")


def test_a_station_loads_only_the_broker_that_it_runs():
    """amqtt and X.509 take ten megabytes each of a small board's memory."""
    script = (
        "import sys; sys.modules['numpy'] = sys.modules['pandas'] = None\n"
        "import edge_node.intake\n"
        "print(sorted({'amqtt', 'asyncio', 'cryptography.x509', 'websockets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
