"""What kind of file system the station's folder lies on, and whether it keeps what was synced.

``synchronous=FULL`` is worth what lies below it. A root that a board keeps in memory
(overlayroot, a favourite against worn cards), a share of the network, barriers that were
switched off for speed: each of them says "synced" and means something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_node.commands.findings import Finding, Verdict, judged

MOUNTS = Path("/proc/self/mountinfo")  # proc_pid_mountinfo(5)
IN_MEMORY = ("tmpfs", "ramfs")
OVER_THE_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs")  # no shared memory for WAL
WITHOUT_JOURNAL = ("vfat", "exfat", "ntfs", "ntfs3")
UNSYNCED = ("nobarrier", "barrier=0")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_POINT, _OPTIONS, _FIELDS_MIN = 4, 5, 6


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a file system is seen, its kind, and its options."""

    point: str
    kind: str
    options: frozenset[str]


def mount_of(folder: Path, table: str) -> Mount | None:
    """The mount that a folder lies on, by a table as in :data:`MOUNTS`; None if it names none."""
    found = None
    for line in table.splitlines():
        mount = _read(line)
        if mount is None or not folder.is_relative_to(mount.point):
            continue
        if found is None or len(mount.point) >= len(found.point):  # a later one covers
            found = mount
    return found


def _read(line: str) -> Mount | None:
    seen, parted, behind = line.partition(" - ")
    fields, rest = seen.split(), behind.split()
    if not parted or len(fields) < _FIELDS_MIN or not rest:
        return None
    point = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[_POINT])
    options = ",".join((fields[_OPTIONS], *rest[2:3]))
    return Mount(point, rest[0], frozenset(options.split(",")))


def file_system(folder: Path, mounts: Path = MOUNTS) -> Finding:
    """Whether what is synced in a folder outlives a power cut."""
    expected = "a local disk with a journal, written through"
    table = mounts.read_text(encoding="utf-8", errors="replace") if mounts.is_file() else ""
    mount = mount_of(folder.resolve(), table)
    if mount is None:
        return Finding(
            "file_system", Verdict.WARN, expected, "the system does not say",
            "see to it that the folder lies on a local disk",
        )  # fmt: skip
    unsynced = sorted(mount.options.intersection(UNSYNCED))
    return judged(
        "file_system", expected, ", ".join((f"{mount.kind} at {mount.point}", *unsynced)),
        [
            (mount.kind in IN_MEMORY, Verdict.BAD,
             "move the folder to a disk: all of it is gone at the next power cut"),
            (mount.kind in OVER_THE_NETWORK, Verdict.BAD,
             "move the folder to a local disk: SQLite loses what it shares over a network"),
            (bool(unsynced), Verdict.BAD,
             "mount it with barriers: a power cut may take what was acknowledged"),
            (mount.kind == "overlay", Verdict.WARN,
             "see that its upper layer is no memory (overlayroot); better a partition of its own"),
            (mount.kind in WITHOUT_JOURNAL, Verdict.WARN,
             "move the folder to ext4 or another file system with a journal"),
        ],
    )  # fmt: skip
