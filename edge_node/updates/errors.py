"""Why an update is refused: one number for each way in which it can be wrong."""

from __future__ import annotations

from core.errors import HarvestlineError


class UpdatesNotSetUpError(HarvestlineError):
    """No root is here by which an update could be trusted."""

    code = "HL-EDGE-024"


class TargetAlteredError(HarvestlineError):
    """A target's bytes are not those whose hash was signed."""

    code = "HL-EDGE-025"


class MetadataDamagedError(HarvestlineError):
    """Metadata cannot be read, or were altered after they were signed."""

    code = "HL-EDGE-026"


class UpdateRollbackError(HarvestlineError):
    """Metadata or a target are older than what this station has seen."""

    code = "HL-EDGE-027"


class UpdateExpiredError(HarvestlineError):
    """The newest metadata that came have expired: they may hold news back."""

    code = "HL-EDGE-028"


class UpdateMixedError(HarvestlineError):
    """Each document is well signed, but they are not of one publication."""

    code = "HL-EDGE-029"


class UpdateUnsignedError(HarvestlineError):
    """Fewer trusted keys have signed than the root demands."""

    code = "HL-EDGE-030"


class UpdateEndlessError(HarvestlineError):
    """More bytes came than were signed for, or than any such file may have."""

    code = "HL-EDGE-031"


class UpdateMisfitError(HarvestlineError):
    """A target is of a kind, schema or size that this release does not know."""

    code = "HL-EDGE-032"


class HealthCheckError(HarvestlineError):
    """A version does not do here what it must."""

    code = "HL-EDGE-033"


class UpdateSourceError(HarvestlineError):
    """The folder or the centre does not have what its metadata name."""

    code = "HL-EDGE-034"


class ContentLostError(HarvestlineError):
    """A version's bytes are gone or were changed on this disk; the version itself is sound."""

    code = "HL-EDGE-039"
