"""What is wrong with a repository of updates, or with what it is asked to do."""

from __future__ import annotations

from core.errors import HarvestlineError


class RepositoryError(HarvestlineError):
    """The repository is missing, is there already, cannot be read, or may not do this."""

    code = "HL-SRV-013"
