"""The hand of the virtual clock: one small file, replaced whole."""

from __future__ import annotations

from pathlib import Path

from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text


class ClockFile:
    """Writes the virtual instant [ms UTC]; time never runs backwards here."""

    def __init__(self, path: Path, at_ms: int) -> None:
        self.path = path
        self.at_ms = at_ms
        self._write()

    def environment(self) -> dict[str, str]:
        """The settings that put a child process on this clock."""
        return {CLOCK_SETTING: str(self.path), DEMO_SETTING: "1"}

    def advance(self, to_ms: int) -> None:
        """Move the hand forward; an earlier instant is passed over."""
        if to_ms > self.at_ms:
            self.at_ms = to_ms
            self._write()

    def set_wrong(self, to_ms: int) -> None:
        """Let the clock lie, as a dead battery does; :meth:`advance` goes on from the truth."""
        self._replace(to_ms)

    def set_right(self) -> None:
        """Show the true instant again."""
        self._write()

    def _write(self) -> None:
        self._replace(self.at_ms)

    def _replace(self, at_ms: int) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(clock_text(at_ms), encoding="ascii")
        fresh.replace(self.path)
