"""The watch's round: each closed day once, in order, in one transaction.

What rules say is kept for as long as a notice's patience looks back; notices begin, go
on and end; doubts are written; and each notice that is open on a day becomes a daily
feature of its subject (``notice_<kind>``, how many are open), so that the centre
hears of it by the way that every feature takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.scoring.features import DailyFeature
from core.units import PPM
from edge_node.config import Settings
from edge_node.features.compute import last_closed_day
from edge_node.features.land import read_land
from edge_node.store import daily, doubts, notices, village
from edge_node.store.database import StationDatabase
from edge_node.watch.looking import Look, Today, look
from edge_node.watch.notices import (
    EVIDENCE_ROWS_MAX,
    FOR_FARMERS,
    Judgement,
    Level,
    Notice,
    NoticeKind,
    Turn,
    days_needed,
    turn,
)

BACK_DAYS_MAX = 30  # after a longer sleep the watch begins anew
JUDGEMENTS_DAYS = 40
PRINTS_DAYS = 400


def watch(db: StationDatabase, settings: Settings, now_ms: int) -> tuple[Notice, ...]:
    """Look at every closed day that was not looked at; the notices that began.

    Parameters
    ----------
    db
        The station's database.
    settings
        Zone, grace, soils and normals.
    now_ms
        The station's time [ms UTC].
    """
    last = last_closed_day(settings, now_ms)
    seen = notices.watched_until(db)
    first = date.fromisoformat(seen) + timedelta(days=1) if seen else last
    first = max(first, last - timedelta(days=BACK_DAYS_MAX - 1))
    land, began = read_land(settings), []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        with db.atomic():
            began += _watch_day(Today(db, settings, land, day), now_ms)
            notices.put_watched(db, day.isoformat())
            _forget(db, settings, day)
    return tuple(began)


def open_notices(db: StationDatabase, since_day: str = "") -> tuple[Notice, ...]:
    """Notices that are open, and those that ended on a day or later."""
    return tuple(_notice(row) for row in notices.notices(db, since_day))


def notices_of_farmer(db: StationDatabase, farmer_id: str) -> tuple[Notice, ...]:
    """The open notices that are for a farmer's own eyes; flags for officers are not."""
    own = {one.subject_id for one in village.subjects_of(db, farmer_id)}
    return tuple(
        one
        for one in open_notices(db)
        if one.kind in FOR_FARMERS and one.params.get("subject") in own
    )


def _watch_day(today: Today, now_ms: int) -> list[Notice]:
    began: list[Notice] = []
    still: Counter[tuple[str, str]] = Counter()
    rows: dict[tuple[str, str], list[str]] = {}
    for one in look(today):
        notice_id, is_new = _settle(today, one, now_ms)
        if notice_id is None:
            continue
        key = (one.subject_id, one.kind.value)
        still[key] += 1
        rows.setdefault(key, []).extend(one.judgement.evidence if one.judgement else ())
        doubts.put_doubts(today.db, one.doubts)
        if is_new:
            row = notices.open_notice(today.db, one.kind.value, one.about)
            began += [_notice(row)] if row is not None else []
    for (subject_id, kind), count in still.items():
        _tell(today, (subject_id, f"notice_{kind}", count), rows[subject_id, kind], now_ms)
    return began


def _settle(today: Today, one: Look, now_ms: int) -> tuple[int | None, bool]:
    """What the day does to a notice: its number if it is open after it, and whether it began."""
    what, on = (one.kind.value, one.about), today.day.isoformat()
    if one.judgement is not None:
        notices.put_judgement(today.db, what, on, one.judgement.level.value)
    days = today.back(days_needed(one.kind))
    said = notices.judgements(today.db, what, (days[0], days[-1]))
    levels = [Level(said[day]) if day in said else None for day in days]
    kept = notices.open_notice(today.db, *what)
    done = turn(one.kind, levels, is_open=kept is not None)
    told = _told(one.judgement, one.subject_id)
    if done is Turn.BEGINS:
        first = next(day for day, level in zip(days, levels, strict=True) if level is Level.RAISE)
        run = [day for day in days if day >= first]
        return notices.begin(today.db, what, (_run_start(run, said), on), told, now_ms), True
    if kept is None:
        return None, False
    if done is Turn.ENDS:
        notices.end(today.db, kept.notice_id, on)
        return None, False
    if one.judgement is not None and one.judgement.level is not Level.CLEAR:
        notices.go_on(today.db, kept.notice_id, on, told)
    return kept.notice_id, False


def _run_start(days: Sequence[str], said: dict[str, str]) -> str:
    """The first day of the unbroken run of bad days that ends with the last."""
    start = days[-1]
    for day in reversed(days):
        if said.get(day) != Level.RAISE.value:
            break
        start = day
    return start


def _told(judgement: Judgement | None, subject_id: str) -> tuple[dict[str, str], tuple[str, ...]]:
    if judgement is None:
        return {"subject": subject_id}, ()
    params = {**judgement.params, "subject": subject_id}
    return params, judgement.evidence[-EVIDENCE_ROWS_MAX:]


def _tell(today: Today, told: tuple[str, str, int], evidence: Sequence[str], now_ms: int) -> None:
    subject_id, name, count = told
    feature = DailyFeature(
        subject_id=subject_id,
        feature=name,
        day=today.day.isoformat(),
        value=count,
        coverage_ppm=PPM,
        readings_count=max(1, len(evidence)),
        readings_sha256=canonical_hash(list(evidence)),
    )
    daily.put_feature(today.db, feature, now_ms)


def _forget(db: StationDatabase, settings: Settings, day: date) -> None:
    notices.forget_judgements(db, (day - timedelta(days=JUDGEMENTS_DAYS)).isoformat())
    # A day whose readings are gone is never computed again.
    oldest = day - timedelta(days=settings.raw_age_days_max)
    doubts.forget_doubts(db, oldest.isoformat())
    doubts.forget_prints(db, (day - timedelta(days=PRINTS_DAYS)).isoformat())
    notices.forget_notices(db, (day - timedelta(days=notices.ENDED_KEPT_DAYS)).isoformat())


def _notice(row: notices.KeptNotice) -> Notice:
    return Notice(
        row.notice_id,
        NoticeKind(row.kind),
        row.about,
        row.began_on,
        row.seen_on,
        row.ended_on,
        row.params,
        row.evidence,
    )
