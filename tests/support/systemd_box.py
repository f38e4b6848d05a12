"""A real systemd as the first process of a box of its own, with the station's real unit.

Namespaces for processes, mounts, network and cgroups, as a container has them; systemd runs
with no units but the station's and the journal's. What it writes to /etc, /var/lib, /run and
/opt stays in memory. It needs root, util-linux, systemd and a Python that lies in /usr,
because the unit sees no home folder.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
PYTHON = Path("/usr/bin/python3")
STATION = Path("/var/lib/harvestline-edge")
PROGRAM = Path("/opt/harvestline/bin/harvestline-edge")
UNIT = "harvestline-edge"
WAIT_S_MAX = 180.0

# The whole of a machine that a service needs, and nothing that could touch the real one.
_BOX = """\
set -eu
echo $$ > {cgroup}/cgroup.procs
exec unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child bash -eu -c {inner}
"""
_INNER = """\
mount -t proc proc /proc
umount -R -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p {folder}/over
mount -t tmpfs tmpfs {folder}/over
for each in etc var/lib; do
  name=$(echo $each | tr / _)
  mkdir -p {folder}/over/$name.up {folder}/over/$name.work
  mount -t overlay overlay /$each \\
    -o lowerdir=/$each,upperdir={folder}/over/$name.up,workdir={folder}/over/$name.work
done
mount -t tmpfs tmpfs /opt
mkdir /opt/harvestline
mount --bind {folder}/opt /opt/harvestline
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /etc/systemd/system
mount -t tmpfs tmpfs /etc/systemd/system
useradd --system --home-dir {station} --create-home harvestline
ip link set lo up
cd /
for name in kijani centre; do
  runuser -u harvestline -- {program} init --name $name --site kijani --out {station}/$name
done
mv {station}/kijani/* {station}/
sed -i 's#^folder = .*#folder = "{station}"#' {station}/station.toml
cat >> {station}/station.toml <<END
server_identity_file = "{station}/centre/centre.pub.json"
server_url = "https://127.0.0.1:9"
END
{program} unit > /etc/systemd/system/{unit}.service
cd /etc/systemd/system
cp /lib/systemd/system/systemd-journald.service /lib/systemd/system/systemd-journald.socket \\
  /lib/systemd/system/systemd-journald-dev-log.socket .
for each in basic sysinit shutdown sockets timers paths slices local-fs network multi-user \\
  network-online time-sync; do
  printf '[Unit]\\nDescription=%s\\nDefaultDependencies=no\\n' $each > $each.target
done
printf '[Unit]\\nDefaultDependencies=no\\nWants=systemd-journald.service %s.service\\n' {unit} \\
  > box.target
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
exec env -i container=unshare SYSTEMD_UNIT_PATH=$PWD PATH=/usr/bin:/usr/sbin:/bin:/sbin \\
  {systemd} --system --unit=box.target --log-target=journal --show-status=no
"""


class SystemdBox:
    """A running systemd, and commands inside its box."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, *command: str) -> str:
        """What a command inside says."""
        spaces = ("-m", "-p", "-u", "-i", "-n", "-C", "--")
        inside = ["nsenter", "-t", str(self._first()), *spaces, *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=120)
        return done.stdout.strip()

    def show(self, fact: str) -> str:
        """A property of the station's unit."""
        return self.run("systemctl", "show", UNIT, "--property", fact, "--value")

    def wait_active(self, restarts: int) -> float:
        """Until the unit is active after so many restarts; how long it took [s]."""
        began_s = time.monotonic()
        while (self.show("ActiveState"), self.show("NRestarts")) != ("active", str(restarts)):
            assert time.monotonic() - began_s < WAIT_S_MAX, self.journal()
            assert self._process.poll() is None, "systemd has ended"
            time.sleep(0.25)
        return time.monotonic() - began_s

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the station's process."""
        self.run("kill", f"-{number.value}", self.show("MainPID"))

    def journal(self) -> str:
        """What the journal holds of the unit."""
        return self.run("journalctl", "--no-pager", "--unit", UNIT, "--output", "cat")

    def _first(self) -> int:
        """The number by which the machine knows the box's first process."""
        own, until_s = self._process.pid, time.monotonic() + WAIT_S_MAX
        while not (children := Path(f"/proc/{own}/task/{own}/children").read_text().split()):
            assert self._process.poll() is None, "the box has ended: see box.log"
            assert time.monotonic() < until_s, "the box does not begin"
            time.sleep(0.1)
        return int(children[0])


def install(folder: Path) -> None:
    """Install the edge alone into ``folder``/opt, which is /opt/harvestline in the box."""
    uv, place = str(ROOT / ".venv/bin/uv"), folder / "opt"
    place.mkdir()
    wheels = folder / "dist"
    python = str(ROOT / ".venv/bin/python")
    _do(uv, "build", "-q", "--wheel", "--no-build-isolation", "--python", python,
        "--out-dir", str(wheels), str(ROOT))  # fmt: skip
    (wheel,) = wheels.glob("*.whl")
    inside = "/opt/harvestline"
    pip = f"{shlex.quote(uv)} pip install -q --python {inside}/bin/python"
    _do("unshare", "--mount", "bash", "-eu", "-c", "; ".join((
        "mount -t tmpfs tmpfs /opt", f"mkdir {inside}", f"mount --bind {place} {inside}",
        f"{shlex.quote(uv)} venv -q --allow-existing --python {PYTHON} {inside}",
        f"{pip} --compile-bytecode --require-hashes -r {ROOT}/requirements/edge.txt",
        f"{pip} --compile-bytecode --no-deps {wheel}",
    )))  # fmt: skip


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def systemd_box(folder: Path) -> Iterator[SystemdBox]:
    """Start systemd with an installed station's unit; end both and leave nothing."""
    cgroup = _unified() / f"harvestline-{os.getpid()}"
    cgroup.mkdir()
    names = {"folder": folder, "station": STATION, "program": PROGRAM, "unit": UNIT}
    inner = _INNER.format(**names, systemd=SYSTEMD)
    outer = _BOX.format(cgroup=cgroup, inner=shlex.quote(inner))
    with (folder / "box.log").open("wb") as log:
        process = subprocess.Popen(["bash", "-c", outer], stdout=log, stderr=subprocess.STDOUT)
        try:
            yield SystemdBox(process)
        finally:
            process.kill()  # and by --kill-child all that lives in the box
            process.wait(60)
            _remove(cgroup)


def _unified() -> Path:
    """Where the second version of cgroups is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise AssertionError("expected cgroups of the second version to be mounted")


def _remove(cgroup: Path) -> None:
    until_s = time.monotonic() + 30
    for each in sorted((*cgroup.rglob("*/"), cgroup), reverse=True):
        while each.is_dir():
            try:
                each.rmdir()
            except OSError:  # its last process is being reaped
                assert time.monotonic() < until_s, f"{each} is still in use"
                time.sleep(0.1)
