"""Renews the printed output on docs/products.md: each command is run and its answer written.

Run as ``python -m tools.products_page`` after a change of a pack or of what a command
prints; a test holds the page to the commands.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "products.md"
SHOWN = re.compile(r"^```console\n\$ (.*?)\n```\n+```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def renewed(text: str) -> str:
    """The page with what its commands print now."""

    def block(found: re.Match[str]) -> str:
        program, *words = shlex.split(found[1])
        path = str(Path(sys.executable).parent / program)
        result = subprocess.run(
            [path, *words], capture_output=True, text=True, check=False, cwd=REPOSITORY
        )
        said = result.stdout if result.returncode == 0 else result.stderr
        return f"```console\n$ {found[1]}\n```\n\n```text\n{said}```"

    return SHOWN.sub(block, text)


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(REPOSITORY)}: {len(SHOWN.findall(PAGE.read_text()))}\n")


if __name__ == "__main__":
    main()
