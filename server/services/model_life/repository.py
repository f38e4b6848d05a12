"""Bringing the signed updates to say of models what their steps say.

Nothing is remembered of what was done: the repository is held against the steps and what
differs is published, so that an act which broke off after its commit is finished by the
next one.
"""

from __future__ import annotations

from dataclasses import replace

from core.units import PPM
from core.wire.update import METADATA_FOLDER, Rollout, UpdateAct
from server.services.cards import read_model
from server.services.centre import Centre
from server.services.model_orders import RollOut, path_of, roll_outs
from server.services.model_steps import Event
from server.services.publishing import packs
from server.services.publishing.files import TIMESTAMP
from server.services.publishing.packs import Pack
from server.services.publishing.rollout import Desk
from server.store import model_life, models, versions
from server.store.engine import Tx
from server.store.models import RegisteredModel
from server.store.people import Actor


def bring_repository(centre: Centre, actor: Actor) -> bool:
    """Publish what differs from the models' steps; whether anything did.

    At a centre without a repository there is nothing to bring.
    """
    desk = Desk(centre, actor)
    if not desk.folder.exists:
        return False
    with centre.store.reading() as tx:
        wanted = _wanted(tx)
    return desk.align_models(wanted)


def settle_halts(centre: Centre, path: str) -> bool:
    """Before the newest metadata are given out: publish what halted by rule in the meantime.

    Only the timestamp leads to news, so only it is looked at; whether anything was published.
    """
    if path != f"{METADATA_FOLDER}/{TIMESTAMP}":
        return False
    with centre.store.reading() as tx:
        halted = any(one.halted for one in roll_outs(tx))
    return halted and bring_repository(centre, Actor(centre.settings.name, "centre"))


def _wanted(tx: Tx) -> tuple[Pack, ...]:
    found = [_pack(one.model, _rollout(tx, one)) for one in reversed(roll_outs(tx))]
    current = models.active(tx)
    if current is not None:
        found.append(_pack(current, Rollout(share_ppm=PPM)))
    for sha256, last in model_life.last_of_all(tx).items():
        if last.event == Event.ROLLED_BACK.value:
            pack = _pack(models.get(tx, sha256), Rollout())
            found.append(replace(pack, note=replace(pack.note, withdrawn=True)))
    return tuple(sorted(found, key=lambda pack: pack.note.version))


def _pack(model: RegisteredModel, rollout: Rollout) -> Pack:
    pack = packs.model_pack(read_model(model.document), model.document)
    return replace(pack, note=replace(pack.note, rollout=rollout))


def _rollout(tx: Tx, one: RollOut) -> Rollout:
    """Whom a model is for; when it is halted, those who said that they use it and no others."""
    if not one.halted:
        return one.rollout
    path = path_of(one.model)
    using = tuple(
        said.station
        for said in versions.every(tx)
        if f"{said.slot}/{said.version}.json" == path and said.act == UpdateAct.ACTIVATED.value
    )
    return Rollout(using)
