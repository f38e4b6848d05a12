"""One round: read what is new, work out what it means, write and deliver what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from core.canonical import sha256_hex
from core.signing import Signer
from core.wire.evidence import Findings
from satellite.cluster.work import Workers
from satellite.config import OutputError
from satellite.evidence import findings
from satellite.evidence.delivery import Courier, DeliveryCount
from satellite.evidence.document import document_bytes, evidence_of
from satellite.evidence.findings import Sought
from satellite.evidence.outbox import Document, Outbox, Status
from satellite.evidence.tables import season_csv, series_csv
from satellite.files import write_atomically
from satellite.indices import Index
from satellite.quicklooks.delivery import PictureCount, PictureCourier
from satellite.quicklooks.make import PictureJob, Pictures
from satellite.season.detect import season_of
from satellite.series import PIXELS_MIN, Series, series_of, smooth
from satellite.statistics.intake import Intake, IntakeCount, Tell
from satellite.statistics.plots import Plot, PlotError, Problem, read_plots
from satellite.statistics.store import Store
from satellite.yields.estimate import Outlook, Subject, outlooks
from satellite.yields.model import YieldModel, YieldModelError

STATE_FILE = "state.sqlite"
EVIDENCE_FOLDER = "evidence"
PICTURES_FOLDER = "pictures"
DOCUMENTS_HELD_MAX = 500  # some megabytes between two writes to the outbox


def _quiet(_stage: str) -> None:
    """Nobody watches the stages."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one command was asked to do; the hands (signer, courier, workers) may be absent.

    ``also`` are indices that are measured too, ``sought`` what is looked for besides the
    estimate. ``keep`` is a folder for plans and plot pixels between runs. ``begin`` is
    told the name of each stage of a round as it begins.
    """

    catalog: Path
    plots_file: Path
    out: Path
    index: Index
    until: date | None = None
    model: YieldModel | None = None
    signer: Signer | None = None
    courier: Courier | None = None
    workers: Workers | None = None
    also: tuple[Index, ...] = ()
    sought: Sought = field(default_factory=Sought)
    keep: Path | None = None
    picture_courier: PictureCourier | None = None
    begin: Callable[[str], None] = _quiet


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    scenes: IntakeCount
    scenes_broken: list[Problem]
    plots: int
    plots_skipped: list[Problem]
    observations: int
    as_of: str
    evidence_new: int
    delivery: DeliveryCount = field(default_factory=DeliveryCount)
    pictures: PictureCount = field(default_factory=PictureCount)


class Ingest:
    """Keeps plots, plans and the store open over rounds."""

    def __init__(self, job: Job) -> None:
        if job.model is not None and job.model.index != job.index.name:
            raise YieldModelError(
                f"expected a model of {job.index.name}, got one of {job.model.index}: "
                f"ask for --index {job.model.index} or calibrate with {job.index.name}"
            )
        self._job = job
        self._plots, self._unusable = read_plots(job.plots_file)
        self._store = Store(_prepare(job.out) / STATE_FILE)
        self._outbox = Outbox(self._store)
        self._intakes = [
            Intake(self._store, self._plots, index, job.workers, job.keep)
            for index in _distinct(job)
        ]
        self._pictures = _pictures(job)
        self.subjects: list[Subject] = []

    def close(self) -> None:
        """Close the store and the pictures."""
        self._store.close()
        if self._pictures is not None:
            self._pictures.close()

    @property
    def refused(self) -> list[Problem]:
        """The documents that the centre refused."""
        return self._outbox.refused()

    def run(self, tell: Tell) -> Round:
        """One round over the catalog.

        Parameters
        ----------
        tell
            Called with scenes done and scenes in all.

        Raises
        ------
        CatalogError, BandMissingError, OutputError
            If nothing at all can be done.
        """
        job = self._job
        job.begin("scenes")
        scenes, *_ = [each.run(job.catalog, job.until, tell) for each in self._intakes]
        job.begin("series and season")
        series = self._series(job.index)
        self.subjects, skipped = self._understand(series)
        job.begin("yield")
        words = self._outlooks()
        job.begin("findings")
        findings = self._findings()
        job.begin("evidence")
        made = self._write(series, words, findings)
        job.begin("delivery")
        return Round(
            scenes=scenes,
            scenes_broken=self._store.broken(job.index.name),
            plots=len(self.subjects),
            plots_skipped=[*self._unusable, *skipped],
            observations=sum(k.mean is not None for one in series.values() for k in one.looks),
            as_of=max((s.series.looks[-1].date.isoformat() for s in self.subjects), default=""),
            evidence_new=made,
            delivery=self.deliver(),
            pictures=self._deliver_pictures(),
        )

    def deliver(self) -> DeliveryCount:
        """Send what waits, if there is an address."""
        if self._job.courier is None:
            return DeliveryCount(pending=self._outbox.count(Status.PENDING))
        return self._job.courier.deliver(self._outbox)

    def _deliver_pictures(self) -> PictureCount:
        """Send pictures after all documents: they are the least urgent."""
        if self._pictures is None or self._job.picture_courier is None:
            return PictureCount()
        return self._job.picture_courier.deliver(self._pictures.shelf)

    def draw(self, draw: Callable[[Sequence[Subject], Index], dict[str, bytes]]) -> None:
        """Draw the picture of the last round, in each format that ``draw`` gives."""
        pictures = draw(self.subjects, self._job.index) if self.subjects else {}
        for form, data in pictures.items():
            write_atomically(self._job.out / f"curves.{form}", data)

    def _understand(self, series: dict[str, Series]) -> tuple[list[Subject], list[Problem]]:
        usable: list[tuple[Plot, Series]] = []
        skipped: list[Problem] = []
        for plot in self._plots:
            one = series.get(plot.plot_id)
            if one is None:
                skipped.append(_problem(plot, self._unseen()))
            elif one.pixels < PIXELS_MIN:
                skipped.append(
                    _problem(
                        plot, f"has {one.pixels:.1f} pixels, expected at least {PIXELS_MIN:.0f}"
                    )
                )
            else:
                usable.append((plot, one))
        levels = self._job.index.levels
        curves = smooth([one for _, one in usable], levels.noise_sd)
        return [
            Subject(plot, one, curve, season_of(plot, one, curve, levels))
            for (plot, one), curve in zip(usable, curves, strict=True)
        ], skipped

    def _unseen(self) -> str:
        """Why a plot has no look: its own place is to blame only if a scene was read."""
        scenes = self._store.scenes(self._job.index.name).values()
        until = self._job.until
        read = any(not each.code and (until is None or each.day <= until) for each in scenes)
        if read:
            return "lies outside every scene: check its position"
        return "was not looked at: no scene could be read, see what is said of the scenes"

    def _outlooks(self) -> list[Outlook]:
        if self._job.model is None:
            return [Outlook()] * len(self.subjects)
        return outlooks(self._job.model, self.subjects, self._job.index.levels)

    def _series(self, index: Index) -> dict[str, Series]:
        # An index that is only measured has no levels of its own; what its looks are held to
        # then decides which a curve would rest on, and nothing else.
        levels = index.season_levels or self._job.index.levels
        return series_of(self._store.looks(index.name, self._job.until), levels)

    def _findings(self) -> list[Findings]:
        job, water = self._job, self._job.sought.water
        if self._pictures is not None and job.sought.chips:
            self._pictures.run(lambda *_: None)
        now = findings.Round(
            job.catalog,
            job.index,
            job.until,
            {} if water is None else self._series(water),
            None if self._pictures is None else self._pictures.shelf,
        )
        return findings.findings_for(self.subjects, job.sought, now)

    def _write(
        self, series: dict[str, Series], words: Sequence[Outlook], found: Sequence[Findings]
    ) -> int:
        job, name = self._job, self._job.index.name
        before, key_id = self._outbox.latest(), job.signer.key_id if job.signer else ""
        deliver, made, held = job.courier is not None, 0, list[Document]()
        if deliver:
            self._outbox.release_kept()
        for subject, outlook, more in zip(self.subjects, words, found, strict=True):
            evidence = evidence_of(subject, outlook, name, more)
            path = job.out / EVIDENCE_FOLDER / f"{file_name(subject.plot.plot_id)}.json"
            if before.get(evidence.subject_id) == (evidence.evidence_id, key_id) and path.exists():
                continue
            if not made:
                # Before the first document is noted: a run that is cut off writes them again.
                self._write_tables(series, words)
            data = document_bytes(evidence, job.signer)
            write_atomically(path, data)
            held.append(
                Document(evidence.evidence_id, evidence.subject_id, key_id, evidence.as_of, data)
            )
            made += 1
            if len(held) == DOCUMENTS_HELD_MAX:
                self._outbox.add(held, deliver=deliver)
                held = []
        self._outbox.add(held, deliver=deliver)
        if not made and not before:
            self._write_tables(series, words)
        return made

    def _write_tables(self, series: dict[str, Series], words: Sequence[Outlook]) -> None:
        job, name = self._job, self._job.index.name
        measured: dict[str, Iterable[Series]] = {name: series.values()}
        measured |= {each.name: self._series(each).values() for each in _distinct(job)[1:]}
        write_atomically(job.out / "series.csv", series_csv(measured))
        write_atomically(job.out / "season.csv", season_csv(self.subjects, words, name))


def _distinct(job: Job) -> list[Index]:
    """The season's index first, then whatever else is measured, each once."""
    water = () if job.sought.water is None else (job.sought.water,)
    return list({index.name: index for index in (job.index, *job.also, *water)}.values())


def _pictures(job: Job) -> Pictures | None:
    if not job.sought.shows:
        return None
    folder = job.out / PICTURES_FOLDER
    asked = PictureJob(str(job.catalog), job.plots_file, folder, job.index, until=job.until)
    return Pictures(asked)


def file_name(plot_id: str) -> str:
    """A plot id as a file name; where a character must be changed, a hash keeps it unique."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in plot_id)
    if safe == plot_id and not safe.startswith("."):
        return safe
    return f"_{safe.lstrip('.')[:80]}-{sha256_hex(plot_id.encode())[:8]}"


def _problem(plot: Plot, detail: str) -> Problem:
    return Problem(plot.plot_id, PlotError.code, f"{plot.plot_id} {detail}")


def _prepare(out: Path) -> Path:
    try:
        (out / EVIDENCE_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"expected a folder to write to at {out}, got: {error}") from error
    return out
