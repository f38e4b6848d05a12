"""Write the golden bytes of wire documents that have none yet; never overwrite one."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.examples import golden

FOLDER = Path(__file__).parent.parent / "tests" / "wire" / "golden"


def main() -> int:
    """Write what is missing; report and fail where existing bytes differ."""
    changed = 0
    for name, data in sorted(golden().items()):
        path = FOLDER / name
        if not path.exists():
            path.write_bytes(data)
            sys.stdout.write(f"wrote {name} ({len(data)} bytes)\n")
        elif path.read_bytes() != data:
            sys.stdout.write(f"DIFFERS {name}: a wire change needs a new version\n")
            changed += 1
    return 1 if changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
