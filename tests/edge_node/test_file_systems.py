"""The doctor sees a folder whose file system does not keep what was synced."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_node.commands.file_systems import MOUNTS, file_system, mount_of
from edge_node.commands.findings import Verdict

BOARD = """\
22 1 179:2 / / rw,noatime - ext4 /dev/vda1 rw
30 22 0:24 / /run rw,nosuid - tmpfs tmpfs rw,size=94508k
31 22 8:1 / /srv/a\\040stick rw - vfat /dev/sda1 rw
32 22 0:40 / /srv/share rw - nfs4 centre:/share rw
33 22 8:2 / /srv/fast rw - ext4 /dev/sdb1 rw,barrier=0
34 22 8:3 / /srv/quick rw,nobarrier - xfs /dev/sdc1 rw
35 22 0:41 / /srv/base rw - overlay overlay rw,upperdir=/run/upper
36 22 8:4 / /srv/over rw - tmpfs tmpfs rw
37 22 8:5 / /srv/over rw - ext4 /dev/sdd1 rw
not a line of it
"""


@pytest.mark.parametrize(
    ("folder", "verdict", "words"),
    [
        ("/var/lib/harvestline-edge", Verdict.GOOD, "ext4 at /"),
        ("/run/station", Verdict.BAD, "tmpfs at /run"),
        ("/srv/a stick/station", Verdict.WARN, "vfat at /srv/a stick"),
        ("/srv/share/station", Verdict.BAD, "nfs4 at /srv/share"),
        ("/srv/shares", Verdict.GOOD, "ext4 at /"),
        ("/srv/fast/station", Verdict.BAD, "ext4 at /srv/fast, barrier=0"),
        ("/srv/quick/station", Verdict.BAD, "xfs at /srv/quick, nobarrier"),
        ("/srv/base/station", Verdict.WARN, "overlay at /srv/base"),
        ("/srv/over/station", Verdict.GOOD, "ext4 at /srv/over"),
    ],
)
def test_each_kind_is_judged(tmp_path, folder, verdict, words):
    table = tmp_path / "mountinfo"
    table.write_text(BOARD)
    found = file_system(Path(folder), table)
    assert (found.verdict, found.found) == (verdict, words)
    assert bool(found.do) == (verdict is not Verdict.GOOD)


def test_this_machine_is_read(tmp_path):
    if not MOUNTS.is_file():
        pytest.skip("not Linux: no table of mounts")
    mount = mount_of(Path("/proc/self"), MOUNTS.read_text())
    assert mount is not None
    assert (mount.point, mount.kind) == ("/proc", "proc")
    assert file_system(tmp_path, tmp_path / "no table").verdict is Verdict.WARN
