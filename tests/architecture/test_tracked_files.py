"""Nothing in the tree speaks of one machine or of where packages come from."""

from __future__ import annotations

import re

import pytest

from tests.support.tree import tracked_texts

# Put together here, so that this file does not hold what it looks for.
MACHINE = re.compile("/(?:" + "|".join(["work", "root", "home/[a-z]+", "Users/[A-Z]"]) + ")/")
REGISTRY = re.compile(
    r"\b(?:"
    + "|".join(rf"{name}\.{tld}" for name, tld in [
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"),
        ("yarnpkg", "com"), ("debian", "org/debian"),
    ])
    + r")\b"
)  # fmt: skip
# LICENSE and locks of vendored files may name where a project lives, not a registry.


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine paths", "registry hosts"])
def test_no_tracked_file_names(pattern: re.Pattern[str]):
    found = [
        f"{name}:{number}: {match[0]}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert found == []


def test_patterns_see_what_they_look_for():
    assert MACHINE.search("/".join(["", "home", "ann", "x"]))
    assert MACHINE.search("/".join(["", "root", "x"]))
    assert not MACHINE.search("/usr/bin/chromium")
    assert REGISTRY.search(".".join(["https://files", "pythonhosted", "org"]))
    assert not REGISTRY.search("the package is on PyPI")
