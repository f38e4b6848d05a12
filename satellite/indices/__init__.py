"""Vegetation indices as data: names, formulas and levels from TOML, nothing of it run as code."""

from satellite.indices.formula import BANDS, Formula, IndexDefinitionError, read_formula
from satellite.indices.table import (
    INDICES,
    BandMissingError,
    Index,
    IndexUnknownError,
    Levels,
    SeasonlessIndexError,
    index_named,
    indices_from,
    indices_with,
    require_bands,
    require_classes,
    season_index,
)

__all__ = [
    "BANDS",
    "INDICES",
    "BandMissingError",
    "Formula",
    "Index",
    "IndexDefinitionError",
    "IndexUnknownError",
    "Levels",
    "SeasonlessIndexError",
    "index_named",
    "indices_from",
    "indices_with",
    "read_formula",
    "require_bands",
    "require_classes",
    "season_index",
]
