"""What coordinator and sites say to each other, in envelopes that their writers sign."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.errors import HarvestlineError
from core.wire.registry import Identity

SITES_MIN = 3  # of a group: two could read each other's sums
SITES_MAX = 64
GROUPS_MAX = 16


class FederationError(HarvestlineError):
    """A question or an answer of federated training cannot be used."""

    code = "HL-SRV-022"


class Stage(Enum):
    """What a round asks for."""

    COUNTS = "counts"  # outcomes by feature and bin
    NEWTON = "newton"  # gradient and curvature at some weights
    SCORES = "scores"  # outcomes by score
    NEAR = "near"  # points of the approvals just above the cut-off


@dataclass(frozen=True, slots=True)
class Coding:
    """How a feature becomes a number: its bins' edges, and log-odds by bin.

    ``missing`` and ``values`` are Python's hexadecimal floats, so that every site codes alike.
    """

    feature: str
    edges: tuple[int, ...]
    missing: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One round.

    ``groups`` are the sites by name, each group masked within itself; ``sites`` their keys.
    ``weights`` are hexadecimal floats, the intercept first; ``table_sha256`` and ``table`` the
    points table that scores are asked of. ``voids`` is the round that this one takes the place
    of, 0 if none.
    """

    run_id: str
    round_no: int
    stage: Stage
    catalogue_sha256: str
    codings: tuple[Coding, ...]
    weights: tuple[str, ...]
    sites: tuple[Identity, ...]
    groups: tuple[tuple[str, ...], ...]
    rows_min: int
    table: str = ""
    span: tuple[int, int] = (0, 0)
    voids: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A site's masked sums, or why it gives none."""

    run_id: str
    round_no: int
    site: str
    question_sha256: str
    words: tuple[str, ...]
    refused: str = ""
