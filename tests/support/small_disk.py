"""Real file systems of a few MiB, to be filled up or broken; only the superuser may mount one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.requirements import lack

MOUNT = "mount"


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A real file system of a few MiB; only the superuser may mount one."""
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        lack(MOUNT, "mounting a small file system needs the superuser")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode:
        lack(MOUNT, f"this machine mounts no small file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(path: Path) -> None:
    """Write a file until there is no more room; remove it to make room again."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


class BreakableDisk:
    """An ext4 file system in a file; it can fail as a worn-out card does, and be repaired."""

    def __init__(self, image: Path, folder: Path, mib: int) -> None:
        self.folder, self._image = folder, image
        with image.open("wb") as file:
            file.truncate(mib * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-e", "remount-ro", str(image))
        folder.mkdir()

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def fail(self) -> None:
        """The kernel finds an error in it and lets nobody write any more, files open or not."""
        device = _run("findmnt", "-no", "SOURCE", str(self.folder)).strip()
        trigger = Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
        if not trigger.exists():
            lack(MOUNT, "this kernel cannot be told that an ext4 file system has an error")
        trigger.write_text("1")

    def repair(self) -> None:
        """Take it off, check it and put it back, as an operator does."""
        self.unmount()
        found = subprocess.run(["e2fsck", "-p", str(self._image)], check=False, capture_output=True)
        assert found.returncode in (0, 1), found.stdout  # 1: faults were corrected
        self.mount()

    def unmount(self) -> None:
        _run("umount", str(self.folder))


@contextlib.contextmanager
def breakable_disk(folder: Path, mib: int) -> Iterator[BreakableDisk]:
    """A mounted ext4 of a few MiB."""
    if os.geteuid() != 0 or any(shutil.which(name) is None for name in ("mkfs.ext4", "e2fsck")):
        lack(MOUNT, "a file system that breaks needs the superuser and e2fsprogs")
    disk = BreakableDisk(folder / "card.img", folder / "card", mib)
    try:
        disk.mount()
    except subprocess.CalledProcessError as error:
        lack(MOUNT, f"this machine mounts no file in a loop: {error.stderr.strip()}")
    try:
        yield disk
    finally:
        _run("umount", "-l", str(disk.folder))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
