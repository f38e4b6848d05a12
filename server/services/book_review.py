"""A review of the whole book: page after page, by the one rule, written in bulk.

A run is as of one instant, so that it says the same however long it takes. Its parts are
the lines of disjoint stations; any number of workers go through them, each transaction a
page of one part and the place that was reached. What was interrupted goes on from there,
and nothing is reviewed twice. The reviews are those of :mod:`server.services.reviews`, line
by line in the order of their stations; only how their questions are read and their answers
written is another. Leases follow with each station's next pull, as after any review.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from core.lending.limit import Movement
from server.services.centre import Centre, Work
from server.services.chunks import read_standing
from server.services.collected import collected_after
from server.services.downlink import ready_to_send
from server.services.marking import UNCHANGED, WAITING, mark, survey
from server.services.outlook import learn_counts
from server.services.reviews import (
    Judged,
    judge,
    needs_past,
    prepare,
    will_freeze,
    write_down,
)
from server.services.spreading import day_book, learn_places
from server.store import book_pages, book_reviews, bulk, people, places, review_marks
from server.store.book_reviews import Part, Run
from server.store.engine import Tx
from server.store.lines import Line
from server.store.people import Actor

PAGE_LINES = 2_000  # in one transaction; others wait so long for one of these lines
PARTS = 16  # of a run: so many workers at most, and their last parts end at about one time
REVIEWED = "book_review_started"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: lines done, and of these how many per outcome."""

    run_id: str
    at_ms: int
    lines_count: int
    counts: dict[str, int]
    is_done: bool


def begin(centre: Centre, actor: Actor) -> Run:
    """The run that is open, or else a new one as of now."""
    return centre.write(lambda work: _begin(work, actor))


def get_run(centre: Centre, run_id: str) -> Run:
    """The run with that id, to help with it.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    with centre.store.reading() as tx:
        return book_reviews.get(tx, run_id)


def _begin(work: Work, actor: Actor) -> Run:
    people.lock_trail(work.tx)  # two that begin at once begin one run
    known = book_reviews.open_run(work.tx)
    if known is not None:
        return known
    day_book(work)  # the room under caps is that of the book before the run
    run = Run(work.new_id(), work.at_ms, actor.name, None)
    book_reviews.add(work.tx, run, list(_parts(run.run_id, book_reviews.lines_by_station(work.tx))))
    people.record(work.tx, work.at_ms, actor, REVIEWED, ("book_review", run.run_id))
    return run


def _parts(run_id: str, stations: Sequence[tuple[str, int]]) -> Iterator[Part]:
    """Disjoint runs of stations with about as many lines each, in order."""
    total = sum(count for _, count in stations)
    firsts, before = [""], 0
    for station, count in stations:
        if before * PARTS >= total * len(firsts) and before:
            firsts.append(station)
        before += count
    for number, first in enumerate(firsts):
        until = firsts[number + 1] if number + 1 < len(firsts) else ""
        yield Part(run_id, number, first, until, "", "", is_done=False, counts={})


def work_through(
    centre: Centre,
    run: Run,
    tell: Callable[[Progress], None] = lambda _: None,
    page_lines: int = PAGE_LINES,
) -> Progress:
    """Review page after page until no part is left that nobody works on."""
    wanted = -1
    while True:
        page = partial(_page_of, centre, run, wanted, page_lines)
        with collected_after():
            done = centre.store.write(page)
        if done is None:
            break
        wanted = done.part
        tell(progress(centre, run))
    found = progress(centre, run)
    if found.is_done:
        centre.write(lambda work: book_reviews.end(work.tx, run.run_id, work.at_ms))
    return found


def progress(centre: Centre, run: Run) -> Progress:
    """How far a run is."""
    with centre.store.reading() as tx:
        parts = book_reviews.parts_of(tx, run.run_id)
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    done = all(part.is_done for part in parts)
    return Progress(run.run_id, run.at_ms, sum(counts.values()), dict(sorted(counts.items())), done)


def _page_of(centre: Centre, run: Run, wanted: int, page_lines: int, tx: Tx) -> Part | None:
    return _page(centre.work(tx, run.at_ms), run, wanted, page_lines)


def _page(work: Work, run: Run, wanted: int, page_lines: int) -> Part | None:
    """Review one page, all in one transaction; None if nothing is left to take."""
    bulk.keep_to_itself(work.tx)
    part = book_reviews.take_part(work.tx, run.run_id, wanted)
    if part is None:
        return None
    with work.tx.remembering(bulk.writer(work.tx)) as tx:
        remembering = replace(work, tx=tx)
        counts, last, is_last = _page_of_part(remembering, part, page_lines)
        counts.update(part.counts)
        after = replace(part, counts=dict(counts), is_done=is_last)
        if last is not None:
            after = replace(after, at_station=last[0], at_line=last[1])
        book_reviews.move(tx, after)
    return after


def _page_of_part(
    work: Work, part: Part, page_lines: int
) -> tuple[Counter[str], tuple[str, str] | None, bool]:
    """Review a page: what came of its lines, which was the last, and whether no more follow."""
    if not review_marks.are_kept(work.tx):
        found = book_pages.lock_page(work.tx, part, page_lines)
        last = (found[-1].station, found[-1].line_id) if found else None
        return _counted(_review(work, found)), last, len(found) < page_lines
    surveyed = survey(work, part, page_lines)
    found = book_pages.lock_lines(work.tx, surveyed.to_judge)
    judged = _review(work, found)
    mark(work, surveyed, judged)
    return surveyed.passed + _counted(judged), surveyed.last, surveyed.is_last


def _review(work: Work, found: Sequence[Line]) -> dict[str, Judged | None]:
    """Review lines that are locked, in order; what was judged of each, None if it waits."""
    judged = judge_page(work, found)
    _read_logs(work, [each for each in judged.values() if each is not None])
    for each in judged.values():
        if each is not None:
            write_down(work, each, tells=False)  # stations hear with their next pull
    return judged


def _read_logs(work: Work, judged: Sequence[Judged]) -> None:
    """Read, before anything waits to be written, what is asked where a line freezes or thaws."""
    changed = [
        each.case.line
        for each in judged
        if (each.found.movement is Movement.FROZEN) != each.case.line.frozen
    ]
    if changed:
        people.hold_trail(work.tx)
    people.learn_acts(work.tx, "line", [line.line_id for line in changed])
    ready_to_send(work, sorted({p.station for ln in changed for p in places.of_line(work.tx, ln)}))


def judge_page(work: Work, found: Sequence[Line]) -> dict[str, Judged | None]:
    """What the rule says of lines that are remembered, in order; None of one that waits."""
    if not found:
        return {}
    book_pages.learn_page(work.tx, found)
    read_standing(work, found)
    learn_counts(work, book_pages.by_kind(work.tx, found))
    learn_places(work, found)
    cases = {line.line_id: prepare(work, line.line_id) for line in found}
    ready = [each for each in cases.values() if each is not None]
    book_pages.learn_past(work.tx, [each.line.line_id for each in ready if needs_past(each)])
    book_pages.learn_frozen(work.tx, [each.line for each in ready if will_freeze(each)])
    return {line_id: None if case is None else judge(work, case) for line_id, case in cases.items()}


def _counted(judged: Mapping[str, Judged | None]) -> Counter[str]:
    """How many lines came to what."""
    return Counter(
        WAITING if each is None
        else UNCHANGED if each.says_nothing_new
        else each.found.movement.value
        for each in judged.values()
    )  # fmt: skip
