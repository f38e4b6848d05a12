"""A rail's file is brought: by one person where it may be, else by two with the same bytes."""

from __future__ import annotations

from server.services.centre import Centre, Work
from server.services.payouts.admitting import (
    Effect,
    RailFile,
    admit_by_two,
    admitted,
    require_no_exporter,
)
from server.services.words_kept import ROLES, answered
from server.store.money_words import KeptWord
from server.store.people import Actor, is_one_of


def let_in(centre: Centre, file: RailFile, effect: Effect, by: Actor) -> KeptWord | None:
    """None if the file is to be taken now, or the word that waits for another person.

    Whoever brings the same file after another confirms the word by it.

    Raises
    ------
    RoleError
        If who brings it may not, or may not confirm what another brought.
    """

    def act(work: Work) -> KeptWord | None:
        waits = admitted(work, file, effect, by)
        if waits is None or is_one_of(by.name, (waits.told_by,)):
            return waits
        require_no_exporter(waits, by, effect.exported)
        admit_by_two(work, answered(work, waits, (by, ""), ROLES, is_confirmed=True), by)
        return None

    return centre.write(act)
