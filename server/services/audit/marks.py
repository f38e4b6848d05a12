"""The promise of marks: what a review of the book passes over has nothing new to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.services.audit.finding import Look, Looks, first_fault
from server.services.book_review import judge_page
from server.services.centre import Centre, Work
from server.services.marking import holds_until_ms, passed_over
from server.services.reviews import Judged
from server.services.spreading import is_day_kept
from server.store import line_pages, lines
from server.store.engine import Tx
from server.store.lines import Line
from server.store.review_marks import Mark
from server.store.tables import lines as lines_table


def hide_nothing(centre: Centre, tx: Tx) -> Looks:
    """Every line that its mark would let a review pass over now, judged in full.

    With caps in force and no book of the day yet, the next review judges by another book
    and passes over nothing that is bound by it; an audit keeps no book.
    """
    at_ms = centre.now_ms()
    if not is_day_kept(centre.work(tx, at_ms)):
        return
    for page in line_pages.pages(tx, open_only=True):
        with tx.remembering() as remembering:
            yield from _page(centre.work(remembering, at_ms), page)


def _page(work: Work, page: Sequence[Line]) -> Looks:
    marks = passed_over(work, [line.line_id for line in page])
    found = [line for line in page if line.line_id in marks]
    for line in found:
        work.tx.learn(lines_table, ("line", line.line_id), line)  # nothing of it is written
    judged = judge_page(work, found)
    for line in found:
        yield _marked(work, line.line_id, marks, judged[line.line_id])


def _marked(work: Work, line_id: str, marks: Mapping[str, Mark], judged: Judged | None) -> Look:
    told = judged is not None and not judged.says_nothing_new
    movement = judged.found.movement.value if judged is not None else ""
    until_ms = holds_until_ms(work, line_id, judged)
    limit = lines.get(work.tx, line_id).limit_minor if judged is None else judged.found.limit_minor
    return first_fault(
        "review_marks",
        line_id,
        (told, "a review that says nothing new", f"{movement}, limit {limit}"),
        (marks[line_id].until_ms > until_ms, f"a mark until {until_ms} at most",
         f"until {marks[line_id].until_ms}"),
    )  # fmt: skip
