"""The one catalogue of everything that Harvestline refuses or reports as broken.

A *business no* (a declined application, a drawdown above the lease) is a value,
never one of these. What stands here is a broken promise or bad input: each has a
number that never changes its meaning, an HTTP status for problem+json, and an
exit code for the commands. Rooms subclass :class:`HarvestlineError` with a code
from the catalogue; a code that is not listed cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

EXIT_BAD_INPUT = 3
EXIT_REFUSED = 4
EXIT_UNAVAILABLE = 5
EXIT_STORAGE = 6


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What one number means to people, to HTTP and to the shell."""

    title: str
    http_status: int
    exit_code: int


CATALOGUE: dict[str, CatalogueEntry] = {
    # core: rules and wire formats
    "HL-CORE-001": CatalogueEntry("value outside its unit or range", 422, EXIT_BAD_INPUT),
    "HL-CORE-002": CatalogueEntry("bytes are not canonical", 400, EXIT_BAD_INPUT),
    "HL-CORE-003": CatalogueEntry("document has the wrong shape", 422, EXIT_BAD_INPUT),
    "HL-CORE-004": CatalogueEntry("signature does not verify", 403, EXIT_REFUSED),
    "HL-CORE-005": CatalogueEntry("document type or version is not known", 415, EXIT_BAD_INPUT),
    "HL-CORE-006": CatalogueEntry("envelope is damaged", 400, EXIT_BAD_INPUT),
    "HL-CORE-007": CatalogueEntry("log chain is broken", 409, EXIT_REFUSED),
    "HL-CORE-008": CatalogueEntry("ledger entry does not balance", 422, EXIT_REFUSED),
    "HL-CORE-009": CatalogueEntry("lease rule is broken", 409, EXIT_REFUSED),
    "HL-CORE-010": CatalogueEntry("model file is refused", 409, EXIT_REFUSED),
    "HL-CORE-011": CatalogueEntry("product is not valid", 422, EXIT_BAD_INPUT),
    "HL-CORE-012": CatalogueEntry("annual percentage rate has no solution", 422, EXIT_BAD_INPUT),
    "HL-CORE-013": CatalogueEntry("decision card does not replay", 409, EXIT_REFUSED),
    "HL-CORE-014": CatalogueEntry("annual percentage rate is not unique", 422, EXIT_BAD_INPUT),
    "HL-CORE-015": CatalogueEntry("chart of accounts is not valid", 422, EXIT_BAD_INPUT),
    "HL-CORE-016": CatalogueEntry("provisioning rules are not valid", 422, EXIT_BAD_INPUT),
    "HL-CORE-017": CatalogueEntry("agreement does not permit this", 409, EXIT_REFUSED),
    "HL-CORE-018": CatalogueEntry("order does not permit this", 409, EXIT_REFUSED),
    "HL-CORE-019": CatalogueEntry("caps of concentration are not valid", 422, EXIT_BAD_INPUT),
    # edge: the base station
    "HL-EDGE-001": CatalogueEntry("setting is not valid", 422, EXIT_BAD_INPUT),
    "HL-EDGE-002": CatalogueEntry("store cannot be written", 503, EXIT_STORAGE),
    "HL-EDGE-003": CatalogueEntry("disk is full", 507, EXIT_STORAGE),
    "HL-EDGE-004": CatalogueEntry("broker cannot be reached", 503, EXIT_UNAVAILABLE),
    "HL-EDGE-005": CatalogueEntry("centre cannot be reached", 503, EXIT_UNAVAILABLE),
    "HL-EDGE-006": CatalogueEntry("device is not known here", 403, EXIT_REFUSED),
    "HL-EDGE-007": CatalogueEntry("no model can score here", 503, EXIT_UNAVAILABLE),
    "HL-EDGE-008": CatalogueEntry("record is not known here", 404, EXIT_BAD_INPUT),
    "HL-EDGE-009": CatalogueEntry("key file cannot be used", 500, EXIT_STORAGE),
    "HL-EDGE-010": CatalogueEntry("clock is not plausible", 409, EXIT_REFUSED),
    "HL-EDGE-011": CatalogueEntry("request at the kiosk is not valid", 422, EXIT_BAD_INPUT),
    "HL-EDGE-012": CatalogueEntry("visit at the kiosk has ended", 401, EXIT_REFUSED),
    "HL-EDGE-013": CatalogueEntry("request is too large", 413, EXIT_BAD_INPUT),
    "HL-EDGE-014": CatalogueEntry("log record stands apart from its state", 500, EXIT_STORAGE),
    "HL-EDGE-015": CatalogueEntry("file of envelopes cannot be used", 422, EXIT_BAD_INPUT),
    "HL-EDGE-016": CatalogueEntry("part of the station has ended", 500, EXIT_UNAVAILABLE),
    "HL-EDGE-017": CatalogueEntry("request exists with other content", 409, EXIT_REFUSED),
    "HL-EDGE-018": CatalogueEntry("request is not this station's own", 403, EXIT_REFUSED),
    "HL-EDGE-019": CatalogueEntry("mapping of foreign devices is not valid", 422, EXIT_BAD_INPUT),
    "HL-EDGE-020": CatalogueEntry("gateway's message is not in its format", 422, EXIT_BAD_INPUT),
    "HL-EDGE-021": CatalogueEntry("enrolment is refused", 403, EXIT_REFUSED),
    "HL-EDGE-022": CatalogueEntry("station's certificates cannot be used", 500, EXIT_STORAGE),
    "HL-EDGE-023": CatalogueEntry("carrier is not let in", 401, EXIT_REFUSED),
    "HL-EDGE-024": CatalogueEntry("updates are not set up here", 409, EXIT_BAD_INPUT),
    "HL-EDGE-025": CatalogueEntry("update is not what was signed", 409, EXIT_REFUSED),
    "HL-EDGE-026": CatalogueEntry("update metadata are damaged or altered", 409, EXIT_REFUSED),
    "HL-EDGE-027": CatalogueEntry("update is older than what is here", 409, EXIT_REFUSED),
    "HL-EDGE-028": CatalogueEntry("update metadata have expired", 409, EXIT_REFUSED),
    "HL-EDGE-029": CatalogueEntry("update metadata do not belong together", 409, EXIT_REFUSED),
    "HL-EDGE-030": CatalogueEntry("update metadata lack trusted signatures", 403, EXIT_REFUSED),
    "HL-EDGE-031": CatalogueEntry("update is longer than it says", 413, EXIT_REFUSED),
    "HL-EDGE-032": CatalogueEntry("update is not for this station's software", 415, EXIT_REFUSED),
    "HL-EDGE-033": CatalogueEntry("update fails its health check", 422, EXIT_REFUSED),
    "HL-EDGE-034": CatalogueEntry("update is not there to read", 404, EXIT_UNAVAILABLE),
    "HL-EDGE-035": CatalogueEntry("day's bytes for updates are spent", 429, EXIT_UNAVAILABLE),
    "HL-EDGE-036": CatalogueEntry("box is not the station's now", 409, EXIT_REFUSED),
    "HL-EDGE-037": CatalogueEntry("backup cannot be used", 422, EXIT_BAD_INPUT),
    "HL-EDGE-038": CatalogueEntry("backup was altered or the secret is wrong", 403, EXIT_REFUSED),
    "HL-EDGE-039": CatalogueEntry("update's bytes were lost on this disk", 500, EXIT_STORAGE),
    "HL-EDGE-040": CatalogueEntry("cash box does not permit this", 409, EXIT_REFUSED),
    "HL-EDGE-041": CatalogueEntry("tablet is not let in", 401, EXIT_REFUSED),
    "HL-EDGE-042": CatalogueEntry("tablet's operation breaks its chain", 409, EXIT_REFUSED),
    "HL-EDGE-043": CatalogueEntry("only the farmer may do this", 403, EXIT_REFUSED),
    "HL-EDGE-044": CatalogueEntry("pictures are wrong or must wait", 401, EXIT_REFUSED),
    "HL-EDGE-045": CatalogueEntry("receipt is not true or cannot be printed", 422, EXIT_REFUSED),
    "HL-EDGE-046": CatalogueEntry("sub-lease of a tablet does not permit this", 409, EXIT_REFUSED),
    "HL-EDGE-047": CatalogueEntry("tablet's room at the station is spent", 429, EXIT_UNAVAILABLE),
    # satellite: imagery
    "HL-SAT-001": CatalogueEntry("setting is not valid", 422, EXIT_BAD_INPUT),
    "HL-SAT-002": CatalogueEntry("catalog cannot be read", 422, EXIT_BAD_INPUT),
    "HL-SAT-003": CatalogueEntry("scene lacks a band", 422, EXIT_BAD_INPUT),
    "HL-SAT-004": CatalogueEntry("raster cannot be read", 422, EXIT_BAD_INPUT),
    "HL-SAT-005": CatalogueEntry("plot cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-006": CatalogueEntry("index is not known", 422, EXIT_BAD_INPUT),
    "HL-SAT-007": CatalogueEntry("yield model cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-008": CatalogueEntry("evidence could not be delivered", 503, EXIT_UNAVAILABLE),
    "HL-SAT-009": CatalogueEntry("output folder cannot be used", 500, EXIT_STORAGE),
    "HL-SAT-010": CatalogueEntry("key file cannot be used", 500, EXIT_STORAGE),
    "HL-SAT-011": CatalogueEntry("index definition cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-012": CatalogueEntry("index shows no seasons", 422, EXIT_BAD_INPUT),
    "HL-SAT-013": CatalogueEntry("address could not be read", 503, EXIT_UNAVAILABLE),
    "HL-SAT-014": CatalogueEntry("weather file cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-015": CatalogueEntry("record of past seasons cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-016": CatalogueEntry("loss records cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-017": CatalogueEntry("table of yields cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-018": CatalogueEntry("cluster cannot be used", 503, EXIT_UNAVAILABLE),
    "HL-SAT-019": CatalogueEntry("worker's software is another", 409, EXIT_REFUSED),
    "HL-SAT-020": CatalogueEntry("picture could not be delivered", 503, EXIT_UNAVAILABLE),
    "HL-SAT-021": CatalogueEntry("forage calibration cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SAT-022": CatalogueEntry("folder is not one of ingest's", 422, EXIT_BAD_INPUT),
    # server: the centre
    "HL-SRV-001": CatalogueEntry("setting is not valid", 422, EXIT_BAD_INPUT),
    "HL-SRV-002": CatalogueEntry("store cannot be used", 503, EXIT_STORAGE),
    "HL-SRV-003": CatalogueEntry("sender is not known", 403, EXIT_REFUSED),
    "HL-SRV-004": CatalogueEntry("record is not known", 404, EXIT_BAD_INPUT),
    "HL-SRV-005": CatalogueEntry("record exists with other content", 409, EXIT_REFUSED),
    "HL-SRV-006": CatalogueEntry("log-in is required", 401, EXIT_REFUSED),
    "HL-SRV-007": CatalogueEntry("role does not permit this", 403, EXIT_REFUSED),
    "HL-SRV-008": CatalogueEntry("training table cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SRV-009": CatalogueEntry("request body is too large", 413, EXIT_BAD_INPUT),
    "HL-SRV-010": CatalogueEntry("key file cannot be used", 500, EXIT_STORAGE),
    "HL-SRV-011": CatalogueEntry("request is not valid", 422, EXIT_BAD_INPUT),
    "HL-SRV-012": CatalogueEntry("form lacks its page's token", 403, EXIT_REFUSED),
    "HL-SRV-013": CatalogueEntry("repository of updates cannot be used", 409, EXIT_REFUSED),
    "HL-SRV-014": CatalogueEntry("station's box was replaced", 403, EXIT_REFUSED),
    "HL-SRV-015": CatalogueEntry("scenario of a stress test is not valid", 422, EXIT_BAD_INPUT),
    "HL-SRV-016": CatalogueEntry("order is refused", 409, EXIT_REFUSED),
    "HL-SRV-017": CatalogueEntry("key was used for another request", 409, EXIT_REFUSED),
    "HL-SRV-018": CatalogueEntry("request with this key is under way", 409, EXIT_UNAVAILABLE),
    "HL-SRV-019": CatalogueEntry("too many requests", 429, EXIT_UNAVAILABLE),
    "HL-SRV-020": CatalogueEntry("version of the interface is not served", 404, EXIT_BAD_INPUT),
    "HL-SRV-021": CatalogueEntry("payout rail cannot be used", 503, EXIT_UNAVAILABLE),
    "HL-SRV-022": CatalogueEntry("training with other lenders cannot go on", 409, EXIT_REFUSED),
    "HL-SRV-023": CatalogueEntry("outside what may be read", 403, EXIT_REFUSED),
    "HL-SRV-024": CatalogueEntry("password is asked again", 403, EXIT_REFUSED),
    "HL-SRV-025": CatalogueEntry("what was to be approved has changed", 409, EXIT_REFUSED),
    "HL-SRV-026": CatalogueEntry("a model's life does not permit this", 409, EXIT_REFUSED),
    "HL-SRV-027": CatalogueEntry("room for a station's photos is spent", 429, EXIT_UNAVAILABLE),
    "HL-SRV-028": CatalogueEntry("versions that were shown have changed", 409, EXIT_REFUSED),
    "HL-SRV-029": CatalogueEntry("second factor is needed first", 403, EXIT_REFUSED),
    # sim: devices in a box
    "HL-SIM-001": CatalogueEntry("setting is not valid", 422, EXIT_BAD_INPUT),
    "HL-SIM-002": CatalogueEntry("replay file cannot be used", 422, EXIT_BAD_INPUT),
    "HL-SIM-003": CatalogueEntry("output folder cannot be used", 500, EXIT_STORAGE),
    "HL-SIM-004": CatalogueEntry("peer process could not be used", 503, EXIT_UNAVAILABLE),
    "HL-SIM-005": CatalogueEntry("station does not acknowledge", 503, EXIT_UNAVAILABLE),
    "HL-SIM-006": CatalogueEntry("link cannot be opened", 503, EXIT_UNAVAILABLE),
}


class HarvestlineError(Exception):
    """Root of every exception that Harvestline raises on purpose.

    The message says what was expected, what came, and what to do.
    """

    code: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.code not in CATALOGUE:
            raise TypeError(
                f"{cls.__name__}.code must be in core.errors.CATALOGUE, got {cls.code!r}"
            )

    @property
    def entry(self) -> CatalogueEntry:
        """The catalogue's line for this error."""
        return CATALOGUE[self.code]

    def problem(self) -> dict[str, str | int]:
        """The error as an RFC 9457 problem+json body."""
        return {
            "type": f"urn:harvestline:error:{self.code}",
            "title": self.entry.title,
            "status": self.entry.http_status,
            "detail": str(self),
        }


class UnitError(HarvestlineError):
    """A number is outside what its unit can carry."""

    code = "HL-CORE-001"


class CanonicalError(HarvestlineError):
    """Bytes or values cannot be, or are not, canonical JSON."""

    code = "HL-CORE-002"


class ShapeError(HarvestlineError):
    """A document lacks a field, or a field has the wrong type or range."""

    code = "HL-CORE-003"


class SignatureError(HarvestlineError):
    """A signature is missing, malformed, by an unknown key, or wrong."""

    code = "HL-CORE-004"


class UnknownDocumentError(HarvestlineError):
    """A document's type is not known here, or its major version is too new."""

    code = "HL-CORE-005"


class EnvelopeDamagedError(HarvestlineError):
    """An envelope is truncated, altered or not an envelope at all."""

    code = "HL-CORE-006"


class ChainBrokenError(HarvestlineError):
    """A log's record does not follow from the one before it."""

    code = "HL-CORE-007"


class LedgerImbalanceError(HarvestlineError):
    """An entry's lines do not sum to zero in each currency, or are too few."""

    code = "HL-CORE-008"


class LeaseError(HarvestlineError):
    """A lease event contradicts the lease's recorded state."""

    code = "HL-CORE-009"


class ModelRefusedError(HarvestlineError):
    """A model file is older than the one in use, outside its dates, or malformed."""

    code = "HL-CORE-010"


class ProductError(HarvestlineError):
    """A product's definition contradicts itself or leaves something out."""

    code = "HL-CORE-011"


class PriceError(HarvestlineError):
    """The payment flows have no annual percentage rate in the searched range."""

    code = "HL-CORE-012"


class SeveralRatesError(PriceError):
    """More than one annual percentage rate explains the payment flows."""

    code = "HL-CORE-014"


class ChartError(HarvestlineError):
    """A chart of accounts contradicts itself, or lacks what the program posts to."""

    code = "HL-CORE-015"


class ProvisioningError(HarvestlineError):
    """Provisioning rules hold what cannot be."""

    code = "HL-CORE-016"


class AgreementError(HarvestlineError):
    """An event that an agreement's state, party, reason or condition does not permit."""

    code = "HL-CORE-017"


class OrderError(HarvestlineError):
    """An event that an order's state, party, reason or condition does not permit."""

    code = "HL-CORE-018"


class ConcentrationError(HarvestlineError):
    """Caps on how a book is spread hold what cannot be."""

    code = "HL-CORE-019"


class ReplayMismatchError(HarvestlineError):
    """A decision card's inputs do not lead to its recorded outcome."""

    code = "HL-CORE-013"
