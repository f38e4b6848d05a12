"""``word``: what one officer said about money, and what a second one says to it."""

from __future__ import annotations

from pathlib import Path

import click

from core.shape import encode
from server.commands.hands import centre_of, config_option, json_option, show
from server.commands.signed import Signed, reasoned_options, signed_options
from server.services import account_words, money_words
from server.services.centre import Work
from server.store.money_words import KeptWord


@click.group("word")
def word() -> None:
    """What two persons say about money and about who may log in: told by one, confirmed here.

    `payout settle|cancel|release`, `repayment bounce`, `cash settle`, `order release`,
    `agreement write-off`, `line relief`, `user invite|raise|scope|reset|unlock`, `token scope`,
    `product propose`, `updates propose` and `authority set` tell a word, and `payout reconcile`
    and `repayment import` do so of a file that one may not bring alone. It changes nothing until
    another person confirms it here.
    """


def told_sentence(told: KeptWord) -> str:
    """That a word waits, and who answers it how."""
    return (
        f"Word {told.word_id} waits. Nothing has changed yet: another person gives "
        f"`harvestline-server word confirm {told.word_id}`."
    )


def show_told(told: KeptWord, *, as_json: bool, half: str = "") -> None:
    """Show that a word waits, and half a password to who told it, if it brings one."""
    sentence = told_sentence(told)
    shown = encode(told)
    if half:
        shown["half"] = half
        sentence += f"\nYour half of the first password, shown only now: {half}"
    show(shown, sentence, as_json=as_json)


def show_file_told(told: KeptWord, *, as_json: bool) -> None:
    """Show that a rail's file waits for another person."""
    sentence = (
        f"Word {told.word_id} waits: {told.reason}. Nothing has changed yet: another officer gives "
        f"this command with the same file, or `harvestline-server word confirm {told.word_id}`, "
        "after which this command takes it."
    )
    show({"waits": encode(told)}, sentence, as_json=as_json)


@word.command("list")
@config_option
@json_option
@click.pass_context
def list_(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Words that wait for a second officer, the oldest first."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = money_words.waiting(centre.work(tx, centre.now_ms()))
    told = "\n".join(
        f"{each.word.word_id}  {each.sentence} Told by {each.word.told_by}: {each.word.reason}"
        for each in found
    )
    show({"words": [encode(each) for each in found]}, told or "No word waits.", as_json=as_json)


@word.command("confirm")
@config_option
@click.argument("word_id")
@signed_options
@json_option
@click.pass_context
def confirm(
    context: click.Context, *, config: Path, word_id: str, signed: Signed, as_json: bool
) -> None:
    """Confirm a word that another told; it counts from now on."""
    centre = centre_of(context, config)
    by = signed.officer(centre, account_words.SECONDS)  # a lender where the word lets one

    def act(work: Work) -> tuple[KeptWord, str]:
        confirmed = money_words.confirm(work, word_id, by)
        return confirmed, account_words.confirmed_half(work, confirmed)

    found, half = centre.write(act)
    shown, sentence = encode(found), f"Word {word_id} of {found.told_by} is confirmed."
    if half:
        shown["half"] = half
        sentence += f"\nYour half of the first password, shown only now: {half}"
    show(shown, sentence, as_json=as_json)


@word.command("refuse")
@config_option
@click.argument("word_id")
@reasoned_options
@json_option
@click.pass_context
def refuse(
    context: click.Context, *, config: Path, word_id: str, signed: Signed, as_json: bool
) -> None:
    """Refuse a word, or take your own back; it never counts."""
    centre = centre_of(context, config)
    by = signed.officer(centre, account_words.SECONDS)
    found = centre.write(lambda work: money_words.refuse(work, word_id, by, signed.reason))
    show(encode(found), f"Word {word_id} of {found.told_by} is refused.", as_json=as_json)
