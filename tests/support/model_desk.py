"""Two officers who bring models out by the book: one proposes, another approves."""

from __future__ import annotations

from core.units import PPM
from server.services.centre import Centre
from server.services.model_life.rollout import Stage, promote, propose, stage, step
from server.services.model_steps import Event, Why
from server.services.modelling import register_model
from server.store import models, registry
from server.store.models import RegisteredModel
from server.store.people import Actor

MARIA = Actor("maria", "lender")
CHEN = Actor("chen", "supervisor")


def approved(centre: Centre, data: bytes) -> RegisteredModel:
    """A model that Maria brought and proposed, and Chen approved."""
    found = register_model(centre, data, MARIA)
    propose(centre, found.sha256, MARIA)
    step(centre, found.sha256, (Event.APPROVED, Why.REVIEWED), CHEN)
    return found


def put_in_force(centre: Centre, data: bytes) -> RegisteredModel:
    """The same, in force everywhere; at all stations by a roll-out if another one is in force."""
    found = approved(centre, data)
    with centre.store.reading() as tx:
        first = models.active(tx) is None
        canaries = tuple(station.name for station in registry.all_stations(tx))[:1]
    if not first:
        stage(centre, found.sha256, Stage(canaries, PPM), CHEN)
    promote(centre, found.sha256, CHEN)
    return found
