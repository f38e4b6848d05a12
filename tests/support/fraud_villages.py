"""Villages with planted frauds through the real commands: which flags come, which are true."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from satellite.integrity.flags import CODES
from satellite.integrity.rates import Counted, base_rate_ppm, wilson

COMMAND_S_MAX = 300
PPM = 1e6
# What else happens in the villages, in turns: true losses that are honestly claimed, seed
# that rots and late sowing, which all look a little like fraud.
PERILS = ("", "hail,failed_emergence", "drought,late_sowing")

HEADER = (
    "flag                  planted found  sensitivity         honest false  "
    "specificity              precision"
)


@dataclass(frozen=True, slots=True)
class Told:
    """One plot of one village: what is false about it, and its flags' codes."""

    seed: int
    plot_id: str
    fraud: str
    how: str
    share: float
    codes: frozenset[str]


def village(seed: int, folder: Path, each: int = 6) -> list[Told]:
    """Simulate, ingest and judge one village; its folder is deleted afterwards.

    Its scenes are as blurred and as badly placed as real ones.
    """
    out, truth = folder / "village", folder / "truth.json"
    _run("sim", "frauds", "--seed", seed, "--out", out, "--truth", truth, "--each", each,
         "--real-edges", "--perils", PERILS[seed % len(PERILS)])  # fmt: skip
    plots, catalog, seen = out / "plots.geojson", out / "scenes" / "catalog.json", folder / "seen"
    _run("satellite", "ingest", catalog, "--plots", plots, "--out", seen, "--no-picture")
    asked = ("--against", out / "pledged.geojson", "--claims", out / "claims.csv")
    read = ("--state", seen, "--catalog", catalog, "--json")
    said = json.loads(_run("satellite", "integrity", plots, *asked, *read))
    told = _told(seed, plots, truth, said["flags"])
    shutil.rmtree(folder)
    return told


def counted(told: Iterable[Told], code: str) -> Counted:
    """Frauds of a kind and those found; honest plots and false flags of that kind."""
    every = list(told)
    planted = [one for one in every if one.fraud == code]
    honest = [one for one in every if not one.fraud]
    return Counted(
        len(planted), sum(code in one.codes for one in planted),
        len(honest), sum(code in one.codes for one in honest),
    )  # fmt: skip


def table(told: Sequence[Told]) -> str:
    """The table of docs/integrity.md, with 90 % intervals."""
    lines = [HEADER]
    for code in CODES:
        c = counted(told, code)
        sens, spec = wilson(c.found, c.planted), wilson(c.honest - c.false, c.honest)
        b = base_rate_ppm() / PPM
        worst, best = (_bayes(s[i], p[i], b) for i, (s, p) in enumerate([(sens, spec)] * 2))
        lines.append(
            f"{code:<22}{c.planted:6d}{c.found:6d}  {c.found / max(c.planted, 1):.2f} "
            f"({sens[0]:.2f}–{sens[1]:.2f}) {c.honest:7d}{c.false:6d}  "
            f"{1 - c.false / max(c.honest, 1):.4f} ({spec[0]:.4f}–{spec[1]:.4f})  "
            f"{100 * c.precision(b):.1f} % ({100 * worst:.1f}–{100 * best:.1f})"
        )
    return "\n".join(lines)


def by_how(told: Sequence[Told]) -> str:
    """How each way of each fraud fared, and what else was said of it."""
    lines = []
    groups = sorted({(one.fraud, _way(one)) for one in told if one.fraud})
    for fraud, way in groups:
        some = [one for one in told if (one.fraud, _way(one)) == (fraud, way)]
        codes = Counter(code for one in some for code in one.codes)
        other = ", ".join(f"{c} {n}" for c, n in sorted(codes.items()) if c != fraud)
        lines.append(
            f"{fraud:<22}{way:<24}{codes[fraud]:4d} of {len(some):3d}"
            + (f"   also {other}" if other else "")
        )
    return "\n".join(lines)


def _way(one: Told) -> str:
    if one.fraud != "boundary_exaggerated":
        return one.how
    size = "10–25 %" if one.share < 0.25 else "25–40 %" if one.share < 0.40 else "40–60 %"
    return f"{one.how}, {size}"


def _bayes(sensitivity: float, specificity: float, base: float) -> float:
    true, false = sensitivity * base, (1 - specificity) * (1 - base)
    return true / (true + false)


def _told(seed: int, plots: Path, truth: Path, flags: list[dict[str, object]]) -> list[Told]:
    frauds = {f["plot_id"]: f for f in json.loads(truth.read_text())["frauds"]}
    codes: dict[str, set[str]] = {}
    for flag in flags:
        codes.setdefault(str(flag["plot_id"]), set()).add(str(flag["code"]))
    names = [f["properties"]["plot_id"] for f in json.loads(plots.read_text())["features"]]
    honest = {"kind": "", "how": "", "share": 0.0}
    return [
        Told(
            seed, name, (f := frauds.get(name, honest))["kind"], f["how"], f["share"],
            frozenset(codes.get(name, ())),
        )
        for name in names
    ]  # fmt: skip


def _run(room: str, *words: object) -> str:
    command = str(Path(sys.executable).parent / f"harvestline-{room}")
    done = subprocess.run(
        [command, *map(str, words)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        timeout=COMMAND_S_MAX,
    )  # fmt: skip
    assert done.returncode == 0, f"{room} {words}: {done.stderr[-2000:]}"
    return done.stdout
