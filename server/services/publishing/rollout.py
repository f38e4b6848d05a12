"""A version's way to the stations: added, staged to some, promoted to all, or withdrawn.

Products become known at the centre when they are added, so that cards of the first
stations replay, and come into force when they are promoted; from then on stations without
updates get them by the centre's log. Each step is safe to repeat. Models move by steps of
their own (:mod:`server.services.model_life`), to which what is published here is aligned.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.canonical import parse_canonical
from core.lending.product import parse_product
from core.shape import decode
from core.units import PPM
from core.wire.update import (
    PACK_BYTES_MAX,
    ProductPack,
    Rollout,
    Slot,
    TargetNote,
    UpdateKind,
)
from server.services import enrolment
from server.services.centre import Centre, RequestError, Work
from server.services.publishing import giving, packs
from server.services.publishing.errors import RepositoryError
from server.services.publishing.files import Folder
from server.services.publishing.packs import Pack
from server.services.publishing.signing import Listed, Publisher
from server.store import models, people, products, update_steps
from server.store.people import Actor
from server.store.products import ProductUse

VERSIONS_LISTED_MAX = 6  # of a slot; stations go up, and back to what they have


@dataclass(frozen=True, slots=True)
class Desk:
    """A centre that publishes: its repository, and who acts."""

    centre: Centre
    actor: Actor

    @property
    def folder(self) -> Folder:
        """Where the repository lies."""
        return Folder(Path(self.centre.settings.updates_folder))

    @property
    def publisher(self) -> Publisher:
        """The repository with the centre's clock and online keys."""
        key_file = Path(self.centre.settings.updates_key_file)
        return Publisher(self.folder, key_file, self.centre.now_ms())

    def align_models(self, wanted: Sequence[Pack]) -> bool:
        """Publish models as their life says (:mod:`server.services.model_life`).

        Parameters
        ----------
        wanted
            Lowest version first, each with the roll-out that it is to have; what is not among
            them stays as it is. Whether anything was published.
        """
        with self.folder.held():
            listed = {one.note.path: one for one in self.publisher.listed()}
            changed = dict(listed)
            for pack in wanted:
                found = listed.get(pack.note.path)
                if found is None and not pack.note.withdrawn:
                    sha256 = self.folder.add_pack(pack.note.path, pack.data)
                    changed[pack.note.path] = Listed(pack.note, sha256, len(pack.data))
                elif found is not None:
                    changed[pack.note.path] = dataclasses.replace(found, note=pack.note)
            if changed == listed:
                return False
            slot = Slot(UpdateKind.MODEL.value)
            in_force = self._version_in_force(slot)
            self.publisher.publish(_kept(list(changed.values()), slot.text, in_force))
        self._record("updates_aligned", slot.text)
        return True

    def add_product(self, data: bytes) -> Listed:
        """Add a product's TOML file, for nobody so far."""
        self._require_repository()
        product = packs.read_product(data)

        def know() -> None:
            self.centre.write(
                lambda work: products.add(work.tx, product, work.at_ms, ProductUse.CANDIDATE)
            )

        return self._add(packs.product_pack(product), know)

    def add_prompts(self, data: bytes, version: int) -> Listed:
        """Add a language's sentences, for nobody so far."""
        self._require_repository()
        return self._add(packs.prompts_pack(data, version))

    def add_basemap(self, file: Path, version: int) -> Listed:
        """Add a map of the village, for nobody so far."""
        self._require_repository()
        return self._add(packs.basemap_pack(file, version))

    def stage(self, slot: str, version: int, rollout: Rollout) -> Listed:
        """Let more stations have a version; those that were named before go on having it.

        Raises
        ------
        RequestError
            If it was withdrawn, or its share would shrink: whoever has it goes on with it,
            unless it is withdrawn; if two supervisors stand and did not approve it.
        """
        _refuse_models(slot)

        def more(found: Listed) -> dict[str, object]:
            running = self._offered(found).rollout
            if rollout.share_ppm < running.share_ppm:
                raise RequestError(
                    f"{found.note.path} is for {running.share_ppm} ppm of the stations: expected "
                    f"at least as many, got {rollout.share_ppm}; withdraw it to take it back"
                )
            stations = tuple(dict.fromkeys((*running.stations, *rollout.stations)))
            to = Rollout(stations, rollout.share_ppm)
            self._give(update_steps.STAGED, found, to)
            return {"rollout": to}

        return self._change(slot, version, "update_staged", more)

    def offered(self, slot: str, version: int) -> tuple[Listed, giving.About]:
        """A version that may go further, and what a word of two about it has to name.

        Raises
        ------
        RequestError
            If it is a model, was not added, was withdrawn, or every station has it already.
        """
        _refuse_models(slot)
        found = self._one(slot, version)
        if self._offered(found).rollout.share_ppm == PPM:
            raise RequestError(f"{found.note.path} is for every station already")
        return found, giving.about(self.folder, found)

    def share_ppm(self, slot: str, version: int) -> int:
        """The share of the stations that may have a version today."""
        _refuse_models(slot)
        return self._one(slot, version).note.rollout.share_ppm

    def promote(self, slot: str, version: int) -> Listed:
        """Let every station have a version, and put a product in force here.

        Raises
        ------
        RequestError
            If it was withdrawn, or two supervisors stand and did not approve it.
        """
        _refuse_models(slot)

        def all_of_them(found: Listed) -> dict[str, object]:
            self._offered(found)
            to = Rollout(share_ppm=PPM)
            self._give(update_steps.PROMOTED, found, to)
            self._put_in_force(found)
            return {"rollout": to}

        return self._change(slot, version, "update_promoted", all_of_them)

    def withdraw(self, slot: str, version: int) -> Listed:
        """Take a version back: stations that run it go back to what they had before.

        Raises
        ------
        RequestError
            If it is a product that is in force at this centre, or a model.
        """
        _refuse_models(slot)

        def none_of_them(found: Listed) -> dict[str, object]:
            if found.note.version == self._version_in_force(found.note.place):
                raise RequestError(
                    f"{found.note.path} is in force at this centre: promote a higher version "
                    "instead"
                )
            return {"withdrawn": True}

        return self._change(slot, version, "update_withdrawn", none_of_them)

    def renew(self) -> None:
        """Publish the same again with new last days."""
        with self.folder.held():
            self.publisher.renew()
        self._record("updates_renewed", "all")

    def export(self, out: Path) -> int:
        """Copy what stations need to a folder for a stick, and return its size [bytes].

        Raises
        ------
        RepositoryError
            If it cannot be written.
        """
        listed, metadata = self.publisher.listed(), self.folder.metadata
        needed = {self.folder.path_of(one.note.path, one.sha256) for one in listed}
        try:
            shutil.copytree(metadata, out / metadata.name, dirs_exist_ok=True, ignore=_unfinished)
            for path in needed:
                copy = out / path.relative_to(self.folder.path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        except OSError as error:
            raise RepositoryError(f"expected to write into {out}: {error}") from error

    def _require_repository(self) -> None:
        self.publisher.listed()

    def _add(self, pack: Pack, know: Callable[[], None] | None = None) -> Listed:
        """Publish a version for nobody; ``know`` makes it known at the centre before."""
        note = pack.note
        with self.folder.held():
            listed = list(self.publisher.listed())
            same = [one for one in listed if one.note.path == note.path]
            last = max((o.note.version for o in listed if o.note.slot == note.slot), default=0)
            if note.version <= last and not same:
                raise RequestError(f"{note.slot}: expected a version above {last}")
            if know is not None:
                know()
            sha256 = (
                self.folder.add_pack(note.path, pack.data)
                if pack.file is None
                else self.folder.add_target(note.path, pack.file)
            )
            size_bytes = self.folder.path_of(note.path, sha256).stat().st_size
            if same and same[0].sha256 != sha256:
                raise RequestError(f"{note.path} exists with other content: raise the version")
            if same:
                return same[0]
            added = Listed(note, sha256, size_bytes)
            in_force = self._version_in_force(note.place)
            self.publisher.publish(_kept([*listed, added], note.slot, in_force))
        self._record("update_added", note.path)
        return added

    def _change(
        self, slot: str, version: int, action: str, change: Callable[[Listed], dict[str, object]]
    ) -> Listed:
        with self.folder.held():
            found = self._one(slot, version)
            note = dataclasses.replace(found.note, **change(found))  # type: ignore[arg-type]
            changed = dataclasses.replace(found, note=note)
            others = [one for one in self.publisher.listed() if one != found]
            self.publisher.publish([*others, changed])
        self._record(action, changed.note.path)
        return changed

    def _one(self, slot: str, version: int) -> Listed:
        path = Slot(slot).path(version)
        found = [one for one in self.publisher.listed() if one.note.path == path]
        if not found:
            raise RequestError(f"expected a version that was added, got {path}")
        return found[0]

    def _offered(self, found: Listed) -> TargetNote:
        if found.note.withdrawn:
            raise RequestError(f"{found.note.path} was withdrawn: add a higher version")
        return found.note

    def _version_in_force(self, place: Slot) -> int:
        """The version of a slot that this centre itself goes by; 0 if it goes by none."""
        with self.centre.store.reading() as tx:
            if place.kind is UpdateKind.MODEL:
                active = models.active(tx)
                return active.version if active is not None else 0
            if place.kind is UpdateKind.PRODUCT:
                found = {each.product_id: each.version for each in products.in_force(tx)}
                return found.get(place.name, 0)
        return 0

    def _give(self, event: str, found: Listed, to: Rollout) -> None:
        what = giving.about(self.folder, found), to
        self.centre.write(lambda work: giving.give(work, event, found, what, self.actor))

    def _put_in_force(self, found: Listed) -> None:
        put = _IN_FORCE.get(found.note.place.kind)
        if put is not None:
            path = self.folder.path_of(found.note.path, found.sha256)
            put(self.centre, path.read_bytes(), self.actor)

    def _record(self, action: str, about: str) -> None:
        def act(work: Work) -> None:
            people.record(work.tx, work.at_ms, self.actor, action, ("update", about))

        self.centre.write(act)


def require_no_updates(centre: Centre, instead: str) -> None:
    """Refuse the way past the updates, at a centre that publishes them.

    Raises
    ------
    RequestError
        If there is a repository: then what stations use has one way to them (ADR 13).
    """
    if Folder(Path(centre.settings.updates_folder)).exists:
        raise RequestError(f"this centre publishes updates: {instead}")


def _refuse_models(slot: str) -> None:
    """Models go out by officers' steps alone; the updates then say what those say."""
    if Slot(slot).kind is UpdateKind.MODEL:
        raise RequestError(
            "expected a product, prompts or a basemap, got a model: two persons approve it (model "
            "propose, model approve), and model stage, promote and roll-back move it"
        )


def _kept(listed: Sequence[Listed], slot: str, in_force: int) -> list[Listed]:
    """All other slots; of this one the newest versions, and what most stations go by.

    That is the version in force here, and the newest that was promoted.
    """
    own = sorted((o for o in listed if o.note.slot == slot), key=lambda o: -o.note.version)
    everywhere = [o for o in own if o.note.rollout.share_ppm == PPM and not o.note.withdrawn]
    held = [o for o in own if o.note.version == in_force] + everywhere[:1]
    newest = own[:VERSIONS_LISTED_MAX]
    return [
        *(o for o in listed if o.note.slot != slot), *newest, *(o for o in held if o not in newest)
    ]  # fmt: skip


def _unfinished(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".")]


def _product_in_force(centre: Centre, data: bytes, actor: Actor) -> None:
    pack = decode(ProductPack, parse_canonical(data, PACK_BYTES_MAX))
    enrolment.add_product(centre, parse_product(pack.product), actor)


_IN_FORCE: dict[UpdateKind, Callable[[Centre, bytes, Actor], None]] = {
    UpdateKind.PRODUCT: _product_in_force,
}
