"""``order`` and ``partner``: what officers do with suppliers' orders, and whom they register."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from core.lending.ordering import ORDER_STEPS
from core.shape import encode
from core.units import format_money
from core.wire.orders import Answer, OrderAnswer, Received
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.commands.officers import Acting, acting
from server.commands.words import show_told
from server.services.letting_go import tell_order_release
from server.services.orders.delivering import refund_order
from server.services.orders.officers import divert_order, say_for_farmer
from server.services.orders.registering import close_partner, register_partner
from server.store import orders, partners
from server.store.orders import Step
from server.store.partners import PartnerKind
from server.store.people import Role

_OFFICERS = (Role.LENDER, Role.SUPERVISOR)


@click.group("order")
def order() -> None:
    """Suppliers' orders: the table, what befell one, and officers' acts."""


@order.command("table")
@json_option
def table(*, as_json: bool) -> None:
    """Every step that an order may take: from where, by whom, why, on what condition."""
    rows = [encode(each) for each in ORDER_STEPS]
    show({"steps": rows}, "\n".join(_row(each) for each in rows), as_json=as_json)


def _row(step: dict[str, Any]) -> str:
    told = f"{step.get('state', '–')} → {step['event']} → {step['after']}: "
    told += f"by {', '.join(step['parties'])}; {', '.join(step['reasons'])}"
    return f"{told}; if {step['condition']}" if step["condition"] else told


@order.command("show")
@config_option
@click.argument("order_id")
@json_option
@click.pass_context
def show_order(context: click.Context, *, config: Path, order_id: str, as_json: bool) -> None:
    """An order's goods and every step of it, oldest first."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found, life = orders.get(tx, order_id), orders.life(tx, order_id)
    head = f"{found.supplier}: {format_money(found.total_minor, found.currency)}"
    goods = [f"  {each.quantity} {each.unit} {each.name} ({each.goods})" for each in found.items]
    steps = [f"{each.on_day}  {_said(each)}" for each in life]
    body = {"order": encode(found), "steps": [encode(each) for each in life]}
    show(body, "\n".join([head, *goods, *steps]), as_json=as_json)


def _said(step: Step) -> str:
    return (
        f"{step.event.value} → {step.state.value}, by {step.actor} for {step.party.value}: "
        f"{step.reason.value}"
    )


def _done(step: Step, *, as_json: bool) -> None:
    show({"order_id": step.order_id, "state": step.state.value}, _said(step), as_json=as_json)


@order.command("answer")
@acting(*_OFFICERS)
@click.argument("order_id")
@click.argument("answer", type=click.Choice([each.value for each in Answer]))
@click.option("--delivery", "number", type=int, default=0, help="Which delivery; 0 is the offer.")
@click.option("--units", "told", multiple=True, help="CODE=NUMBER that came, if not all.")
@json_option
def answer(
    *, acting: Acting, order_id: str, answer: str, number: int, told: tuple[str, ...], as_json: bool
) -> None:
    """Write down what the farmer told you of an offer or of a delivery."""
    came = tuple(_units(each) for each in told) or None
    said = OrderAnswer(order_id, number, Answer(answer), came)
    _done(say_for_farmer(acting.centre, said, acting.by), as_json=as_json)


def _units(text: str) -> Received:
    code, _, number = text.rpartition("=")
    if not code or not (number.isascii() and number.isdecimal()):
        raise click.BadParameter(f"expected CODE=NUMBER, got {text!r}")
    return Received(code, int(number))


@order.command("release")
@acting()
@click.argument("order_id")
@click.option("--reason", required=True, help="What you saw; it is kept.")
@json_option
def release(*, acting: Acting, order_id: str, reason: str, as_json: bool) -> None:
    """Tell that the supplier of a held order may be paid; another supervisor confirms it."""
    told = acting.centre.write(lambda work: tell_order_release(work, order_id, acting.by, reason))
    show_told(told, as_json=as_json)


@order.command("divert")
@acting()
@click.argument("order_id")
@json_option
def divert(*, acting: Acting, order_id: str, as_json: bool) -> None:
    """Say that goods went elsewhere. Nothing more is offered on the line."""
    _done(divert_order(acting.centre, order_id, acting.by), as_json=as_json)


@order.command("refund")
@acting()
@click.argument("order_id")
@click.option(
    "--repayment",
    "repayment_id",
    default="",
    help="As the cashier took it; none if the payout was cancelled or returned.",
)
@json_option
def refund(*, acting: Acting, order_id: str, repayment_id: str, as_json: bool) -> None:
    """Say that the money is back at the line."""
    _done(refund_order(acting.centre, order_id, repayment_id, acting.by), as_json=as_json)


@click.group("partner")
def partner() -> None:
    """Suppliers and buyers, by the names that products call them."""


@partner.command("add")
@config_option
@click.argument("partner_id")
@click.option("--kind", type=click.Choice([each.value for each in PartnerKind]), required=True)
@click.option("--name", required=True, help="As farmers are told it.")
@json_option
@click.pass_context
def add(
    context: click.Context, *, config: Path, partner_id: str, kind: str, name: str, as_json: bool
) -> None:
    """Register a supplier or a buyer, or give one another name."""
    centre = centre_of(context, config)
    register_partner(centre, partner_id, PartnerKind(kind), name, OPERATOR)
    show({"partner_id": partner_id, "kind": kind}, f"{name} is registered.", as_json=as_json)


@partner.command("close")
@config_option
@click.argument("partner_id")
@json_option
@click.pass_context
def close(context: click.Context, *, config: Path, partner_id: str, as_json: bool) -> None:
    """Take no more orders or sales of a partner; what was begun goes on."""
    close_partner(centre_of(context, config), partner_id, OPERATOR)
    show({"partner_id": partner_id}, f"{partner_id} is closed.", as_json=as_json)


@partner.command("list")
@config_option
@json_option
@click.pass_context
def list_(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Every partner."""
    with centre_of(context, config).store.reading() as tx:
        found = partners.every(tx)
    told = [
        f"{each.partner_id}  {each.kind.value}  {each.name}"
        + ("  closed" if each.closed_at_ms is not None else "")
        for each in found
    ]
    show({"partners": [encode(each) for each in found]}, "\n".join(told), as_json=as_json)
