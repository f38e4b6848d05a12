"""Webhooks: written with what made them true, signed, retried, and never turned inwards."""

from __future__ import annotations

import base64
import json
import threading

import pytest

from core.errors import SignatureError
from server.services.centre import RequestError
from server.services.hooks import emit
from server.services.hooks.backoff import TRIES_MAX, WAIT_MS_MAX, wait_ms
from server.services.hooks.delivering import CLAIM_MS, deliver_due
from server.services.hooks.door import REPLY_BYTES_MAX, Post, post_all
from server.services.hooks.signature import (
    SIGNATURE_HEADER,
    TOLERANCE_S,
    read_secret,
    require_signed,
    secret_text,
    signed_headers,
)
from server.services.hooks.subscribing import (
    Wish,
    rotate,
    subscribe,
    try_dead_again,
    unsubscribe,
)
from server.store import hooks
from server.store.engine import ConflictError, NotKnownError
from server.store.hooks import DeliveryState
from server.store.people import Actor
from tests.support.centre_kit import Kit
from tests.support.web_receiver import Answer, Posted, receiving

OFFICER = Actor("grace", "supervisor")
SECRET = secret_text(b"k" * 32)
STATES = tuple(DeliveryState)


def wish(address: str, name: str = "agro", **changes) -> Wish:
    given = {"kinds": ("order.*",), "party": "agro-dealer", "allow_private": True} | changes
    return Wish(name=name, address=address, secret=SECRET, **given)


def order_paid(kit: Kit, order: str = "order-1", party: str = "agro-dealer") -> str:
    payload = {"order_id": order, "amount_minor": 250_000, "currency": "KES"}
    return kit.centre.write(lambda work: emit(work, "order.paid", order, payload, party))


def states(kit: Kit) -> list[str]:
    return [each.state.value for each in kit.read(hooks.deliveries, STATES, 0)]


def test_signature_is_that_of_the_standard():
    """The specification's own example."""
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000, b'{"test": 2432232314}'
    )
    assert headers[SIGNATURE_HEADER] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_receiver_is_told_what_happened_and_can_verify_it(kit: Kit):
    with receiving() as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        event_id = order_paid(kit)
        assert kit.centre.bell.count == 1
        assert deliver_due(kit.centre).delivered_count == 1
        assert deliver_due(kit.centre).tried_count == 0
    [posted] = receiver.posted
    now_ms = kit.clock.at_ms
    assert require_signed([b"k" * 32], posted.headers, posted.body, now_ms) == event_id
    assert json.loads(posted.body) == {
        "type": "order.paid",
        "timestamp": "2026-03-15T09:00:00.000Z",
        "subject": "order-1",
        "data": {"order_id": "order-1", "amount_minor": 250_000, "currency": "KES"},
    }
    assert states(kit) == ["delivered"]


NEW, NEWER = b"n" * 32, b"m" * 32
HOUR_MS = 3_600_000


def verifies(posted: Posted, secret: bytes, at_ms: int) -> bool:
    """Whether a receiver that knows one secret alone takes a message for the centre's."""
    try:
        require_signed([secret], posted.headers, posted.body, at_ms)
    except SignatureError:
        return False
    return True


def test_a_changed_secret_signs_beside_the_one_before_and_then_alone(kit: Kit):
    secrets = (b"k" * 32, NEW, NEWER)

    def taken_by() -> list[bool]:
        order_paid(kit, f"order-{kit.clock.at_ms}-{len(receiver.posted)}")
        assert deliver_due(kit.centre).delivered_count == 1
        return [verifies(receiver.posted[-1], each, kit.clock.at_ms) for each in secrets]

    with receiving() as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        assert taken_by() == [True, False, False]
        made = rotate(kit.centre, "agro", secret_text(NEW), 24, OFFICER)
        assert taken_by() == [True, True, False]
        assert receiver.posted[-1].headers[SIGNATURE_HEADER].count("v1,") == 2
        with pytest.raises(RequestError, match="overlaps still"):
            rotate(kit.centre, "agro", secret_text(NEWER), 24, OFFICER)
        kit.clock.at_ms = made.overlap_until_ms - 1
        assert taken_by() == [True, True, False]
        kit.clock.at_ms += 1
        assert taken_by() == [False, True, False]  # who did not change is not told any more
        rotate(kit.centre, "agro", secret_text(NEWER), 0, OFFICER)  # it leaked
        assert taken_by() == [False, False, True]
        rotate(kit.centre, "agro", secret_text(NEW), 24, OFFICER)
        rotate(kit.centre, "agro", secret_text(NEWER + b"!"), 0, OFFICER)  # both leaked meanwhile
        assert taken_by() == [False, False, False]
    kept = kit.read(hooks.secrets_of, made.subscription_id)
    assert [each.seq for each in kept] == [1, 2, 3, 4]
    assert all(NEW not in each.sealed and NEWER not in each.sealed for each in kept)


def test_a_message_that_waits_is_signed_by_what_holds_when_it_is_sent(kit: Kit):
    with receiving(lambda _: Answer(503)) as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        order_paid(kit)
        deliver_due(kit.centre)
        rotate(kit.centre, "agro", secret_text(NEW), 0, OFFICER)
        kit.clock.at_ms += WAIT_MS_MAX
        deliver_due(kit.centre)
    first, again = receiver.posted
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert verifies(again, NEW, kit.clock.at_ms)
    assert not verifies(again, b"k" * 32, kit.clock.at_ms)


@pytest.mark.parametrize(
    ("name", "secret", "hours", "error", "words"),
    [
        ("agro", SECRET, 24, RequestError, "another secret than it has"),
        ("agro", "whsec_x", 24, RequestError, "expected a secret"),
        ("agro", secret_text(NEW), 400, RequestError, "0 to 336 hours"),
        ("none", secret_text(NEW), 24, NotKnownError, "hook list"),
    ],
)
def test_a_change_of_secret_that_cannot_be_is_refused(
    kit: Kit, name: str, secret: str, hours: int, error: type[Exception], words: str
):
    subscribe(kit.centre, wish("http://127.0.0.1:9/in"), OFFICER)
    with pytest.raises(error, match=words) as refused:
        rotate(kit.centre, name, secret, hours, OFFICER)
    assert secret not in str(refused.value)


def test_nobody_is_told_what_concerns_another(kit: Kit):
    with receiving() as own, receiving() as other, receiving() as lender:
        subscribe(kit.centre, wish(own.url), OFFICER)
        subscribe(kit.centre, wish(other.url, "rival", party="rival-dealer"), OFFICER)
        subscribe(kit.centre, wish(lender.url, "erp", party="*", kinds=("*",)), OFFICER)
        order_paid(kit)
        kit.centre.write(lambda work: emit(work, "sale.made", "s1", {"sale_id": "s1"}, "buyer"))
        deliver_due(kit.centre)
    assert [len(each.posted) for each in (own, other, lender)] == [1, 0, 2]


def test_event_whose_transaction_failed_was_never_there(kit: Kit):
    with receiving() as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)

        def breaks(work) -> None:
            emit(work, "order.paid", "order-1", {}, "agro-dealer")
            raise RequestError("the order cannot be")

        with pytest.raises(RequestError):
            kit.centre.write(breaks)
        assert kit.centre.bell.count == 0
        assert deliver_due(kit.centre).tried_count == 0
    assert receiver.posted == []


def test_what_is_not_taken_is_tried_again_later_and_dies_at_last(kit: Kit):
    with receiving(lambda _: Answer(503)) as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        event_id = order_paid(kit)
        for tries in range(1, TRIES_MAX + 1):
            assert deliver_due(kit.centre).tried_count == 1
            assert deliver_due(kit.centre).tried_count == 0  # its time has not come
            kit.clock.at_ms += wait_ms(tries, 999_999) + 1
        assert states(kit) == ["dead"]
        assert len({posted.body for posted in receiver.posted}) == 1
        receiver.answer = lambda _: Answer(204)
        assert try_dead_again(kit.centre, event_id, OFFICER) == 1
        assert deliver_due(kit.centre).delivered_count == 1
        assert try_dead_again(kit.centre, event_id, OFFICER) == 0
    assert len(receiver.posted) == TRIES_MAX + 1


def test_receiver_that_is_gone_is_not_tried_again(kit: Kit):
    with receiving(lambda _: Answer(410)) as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        order_paid(kit)
        assert deliver_due(kit.centre).dead_count == 1


def test_crash_after_the_claim_leaves_the_event_to_the_next(kit: Kit):
    """Another process took it and died: nobody else does, until its claim has run out."""
    with receiving() as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        order_paid(kit)
        held = threading.Event()
        receiver.answer = lambda _: Answer(200, hold=held)
        dying = threading.Thread(target=deliver_due, args=(kit.centre,))
        dying.start()
        receiver.wait_for(1)
        assert deliver_due(kit.centre).tried_count == 0
        kit.clock.at_ms += CLAIM_MS
        receiver.answer = lambda _: Answer(200)
        assert deliver_due(kit.centre).delivered_count == 1
        held.set()
        dying.join(60)
    assert states(kit) == ["delivered"]
    ids = {posted.headers["webhook-id"] for posted in receiver.posted}
    assert len(receiver.posted) == 2
    assert len(ids) == 1  # so the receiver knows it for the same


ADDRESSES = (
    "http://example.org/in", "ftp://example.org/in", "https://", "nonsense",
    "https://user:word@example.org/in", "https://example.org/" + "x" * 600,
)  # fmt: skip
WISHES = (
    ({"kinds": ()}, "at least one kind"),
    ({"kinds": ("Order Paid",)}, "kinds such as"),
    ({"party": ""}, "whose events"),
    ({"name": "No Name"}, "name of a-z"),
)


def test_addresses_and_wishes_that_cannot_be_are_refused(kit: Kit):
    for address in ADDRESSES:
        with pytest.raises(RequestError):
            subscribe(kit.centre, wish(address, allow_private=False), OFFICER)
    for changes, words in WISHES:
        with pytest.raises(RequestError, match=words):
            subscribe(kit.centre, wish("http://127.0.0.1/in", **changes), OFFICER)
    assert kit.read(hooks.subscriptions) == ()


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_%%%", secret_text(b"short")])
def test_secrets_that_are_none_are_refused_without_being_shown(text: str):
    with pytest.raises(RequestError) as caught:
        read_secret(text)
    assert len(text) < 7 or text.removeprefix("whsec_") not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", "[::ffff:7f00:1]"]
)
def test_private_addresses_are_not_spoken_to(host: str):
    with receiving() as receiver:
        port = receiver.url.split(":")[2]
        [reply] = post_all([Post(f"https://{host}:{port}", {}, b"{}", timeout_s=30)])
        assert receiver.posted == []
    assert (reply.status, reply.is_taken) == (0, False)
    assert "not a public address" in reply.told


def test_redirects_are_not_followed():
    with receiving() as inner:
        with receiving(lambda _: Answer(307, headers={"location": inner.url})) as outer:
            [reply] = post_all([Post(outer.url, {}, b"{}", allow_private=True)])
        assert (reply.status, reply.is_taken) == (307, False)
        assert inner.posted == []


def test_slow_and_endless_answers_have_a_bound():
    held = threading.Event()

    def answer(posted: Posted) -> Answer:
        slow = posted.body == b"slow"
        return Answer(hold=held) if slow else Answer(body=b"x" * (REPLY_BYTES_MAX + 1))

    with receiving(answer) as receiver:
        posts = [
            Post(receiver.url, {}, b"slow", allow_private=True, timeout_s=0.5),
            Post(receiver.url, {}, b"long", allow_private=True, timeout_s=60),
        ]
        slow, long = post_all(posts)
        held.set()
    assert "no answer within" in slow.told
    assert "above" in long.told
    assert not slow.is_taken
    assert not long.is_taken


def test_ended_subscription_is_told_nothing_more(kit: Kit):
    with receiving() as receiver:
        subscribe(kit.centre, wish(receiver.url), OFFICER)
        with pytest.raises(ConflictError):
            subscribe(kit.centre, wish(receiver.url), OFFICER)
        order_paid(kit)
        unsubscribe(kit.centre, "agro", OFFICER)
        order_paid(kit, "order-2")
        assert deliver_due(kit.centre).tried_count == 0
        assert states(kit) == ["dropped"]
        with pytest.raises(NotKnownError):
            unsubscribe(kit.centre, "agro", OFFICER)


def test_kinds_and_payloads_that_cannot_be_are_refused(kit: Kit):
    for kind in ("paid", "Order.Paid", "order.", "order.paid.twice", "x" * 80):
        with pytest.raises(RequestError, match="kind such as"):
            kit.centre.write(lambda work, k=kind: emit(work, k, "s", {}))
    with pytest.raises(RequestError, match="at most"):
        kit.centre.write(lambda work: emit(work, "order.paid", "s", {"text": "x" * 40_000}))


def test_forged_altered_and_old_messages_do_not_verify():
    secret, body, at_ms = b"s" * 32, b'{"type":"x.y"}', 1_700_000_000_000
    good = signed_headers(secret, "m1", at_ms, body)
    require_signed([b"other" * 8, secret], good, body, at_ms)
    forged = {**good, SIGNATURE_HEADER: "v1," + base64.b64encode(b"0" * 32).decode()}
    bad = [
        (forged, body, at_ms),
        (good, body + b" ", at_ms),
        ({**good, "webhook-id": "m2"}, body, at_ms),
        ({**good, "webhook-id": ""}, body, at_ms),
        ({**good, "webhook-timestamp": "soon"}, body, at_ms),
        ({**good, "webhook-timestamp": "²"}, body, at_ms),
        ({**good, SIGNATURE_HEADER: "v1a," + good[SIGNATURE_HEADER][3:]}, body, at_ms),
        ({**good, SIGNATURE_HEADER: "v1,ä"}, body, at_ms),
        (good, body, at_ms + (TOLERANCE_S + 1) * 1000),
        (good, body, at_ms - (TOLERANCE_S + 1) * 1000),
        ({}, body, at_ms),
    ]
    for headers, said, now_ms in bad:
        with pytest.raises(SignatureError):
            require_signed([secret], headers, said, now_ms)


def test_waits_double_have_a_bound_and_differ_by_chance():
    assert [wait_ms(n, 0) for n in (1, 2, 3)] == [1_000, 2_000, 4_000]
    assert wait_ms(1, 999_999) == 1_999
    assert WAIT_MS_MAX // 2 <= wait_ms(99, 500_000) <= WAIT_MS_MAX
