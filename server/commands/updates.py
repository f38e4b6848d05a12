"""``updates``: what stations get by signed updates, and the keys that they trust."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from core.shape import encode
from core.units import PPM
from core.wire.update import PACK_BYTES_MAX, Rollout
from server.commands.hands import (
    OPERATOR,
    Hands,
    centre_of,
    config_option,
    hands_of,
    json_option,
    read_input,
    show,
)
from server.commands.signed import Signed, reasoned_options
from server.commands.words import show_told
from server.keys import SEED_BYTES, write_update_seeds
from server.services import policies
from server.services.centre import RequestError
from server.services.publishing.errors import RepositoryError
from server.services.publishing.rollout import Desk
from server.services.publishing.signing import ONLINE_ROLES, Listed, Publisher, root_seed
from server.services.publishing.status import updates_status

PPM_PER_PERCENT = PPM // 100
_ROOT_KEY = re.compile(r"root-([0-9]{1,9})\.key")
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_slot = click.argument("slot")
_version = click.argument("version", type=click.IntRange(min=1))
_root_key = click.option(
    "--root-key", "root_keys", type=_FILE, multiple=True, required=True,
    help="A file of one root key, from where it is kept; as many as the threshold.",
)  # fmt: skip


@click.group("updates")
def updates() -> None:
    """Models, products, prompts and basemaps for stations, as signed updates."""


@updates.command("init")
@config_option
@click.option("--root-keys-out", type=_FOLDER, required=True, help="Where new root keys go.")
@click.option("--root-keys", "count", default=3, show_default=True, help="How many to make.")
@click.option("--threshold", default=2, show_default=True, help="How many must sign a root.")
@json_option
@click.pass_context
def init(
    context: click.Context,
    *,
    config: Path,
    root_keys_out: Path,
    count: int,
    threshold: int,
    as_json: bool,
) -> None:
    """Make the keys and an empty repository; then carry the root keys away, apart.

    Writes root-1.key … to the folder (mode 0600), the online keys beside server.toml,
    and updates/metadata/1.root.json, which every station is given at its set-up.
    """
    desk = _desk(context, config)
    publisher = desk.publisher
    if publisher.folder.exists:
        raise RepositoryError(f"{publisher.folder.path} holds a repository: it is not overwritten")
    seeds, online = _new_seeds(hands_of(context), count), _new_online(hands_of(context))

    def write_keys() -> None:
        _write_root_keys(root_keys_out, seeds)
        write_update_seeds(publisher.online_key_file, online)

    with publisher.folder.held():
        publisher.create(seeds, threshold, write_keys)
    root = publisher.folder.metadata / "1.root.json"
    result = {"root": str(root), "root_keys": count, "threshold": threshold}
    sentence = (
        f"Stations trust {root}. Carry the {count} files in {root_keys_out} away, each to "
        f"another place; {threshold} of them sign the next root."
    )
    show(result, sentence, as_json=as_json)


@updates.command("add-product")
@config_option
@click.argument("file", type=_FILE)
@json_option
@click.pass_context
def add_product(context: click.Context, *, config: Path, file: Path, as_json: bool) -> None:
    """Add a product's TOML file; no station gets it until it is staged."""
    found = _desk(context, config).add_product(read_input(file, PACK_BYTES_MAX))
    _show(found, "is added", as_json=as_json)


@updates.command("add-prompts")
@config_option
@click.argument("file", type=_FILE)
@click.option("--version", type=click.IntRange(min=1), required=True, help="Above the last.")
@json_option
@click.pass_context
def add_prompts(
    context: click.Context, *, config: Path, file: Path, version: int, as_json: bool
) -> None:
    """Add a language's sentences, written by harvestline-edge updates prompts and changed."""
    found = _desk(context, config).add_prompts(read_input(file, PACK_BYTES_MAX), version)
    _show(found, "is added", as_json=as_json)


@updates.command("add-basemap")
@config_option
@click.argument("file", type=_FILE)
@click.option("--version", type=click.IntRange(min=1), required=True, help="Above the last.")
@json_option
@click.pass_context
def add_basemap(
    context: click.Context, *, config: Path, file: Path, version: int, as_json: bool
) -> None:
    """Add a PMTiles map of the district."""
    found = _desk(context, config).add_basemap(file, version)
    _show(found, "is added", as_json=as_json)


@updates.command("stage")
@config_option
@_slot
@_version
@click.option("--station", "stations", multiple=True, help="A station that goes first.")
@click.option("--percent", type=click.IntRange(0, 100), help="Absent: as many as have it.")
@json_option
@click.pass_context
def stage(
    context: click.Context,
    *,
    config: Path,
    slot: str,
    version: int,
    stations: tuple[str, ...],
    percent: int | None,
    as_json: bool,
) -> None:
    """Let more named stations, or a greater share of all, have a version.

    SLOT is basemap, product/ID or prompts/LANGUAGE; models have model stage. Which
    stations are in a share follows from their names: a larger share keeps those that were
    in a smaller one.
    """
    desk = _desk(context, config)
    running_ppm = desk.share_ppm(slot, version)
    share_ppm = running_ppm if percent is None else percent * PPM_PER_PERCENT
    found = desk.stage(slot, version, Rollout(stations, share_ppm))
    rollout = found.note.rollout
    named = ", ".join(rollout.stations) or "no station by name"
    told = f"is staged to {named} and {rollout.share_ppm / PPM_PER_PERCENT:g} %"
    _show(found, told, as_json=as_json)


@updates.command("propose")
@config_option
@_slot
@_version
@reasoned_options
@json_option
@click.pass_context
def propose(
    context: click.Context, *, config: Path, slot: str, version: int, signed: Signed, as_json: bool
) -> None:
    """Ask a second person to approve that stations are given a version.

    Once two supervisors stand nothing is staged or promoted before; models have model propose.
    """
    centre = centre_of(context, config)
    said = (signed.officer(centre), signed.reason)
    show_told(policies.tell_update(centre, slot, version, said), as_json=as_json)


@updates.command("promote")
@config_option
@_slot
@_version
@json_option
@click.pass_context
def promote(
    context: click.Context, *, config: Path, slot: str, version: int, as_json: bool
) -> None:
    """Let every station have a version; a product comes into force here too."""
    found = _desk(context, config).promote(slot, version)
    _show(found, "is for every station", as_json=as_json)


@updates.command("withdraw")
@config_option
@_slot
@_version
@json_option
@click.pass_context
def withdraw(
    context: click.Context, *, config: Path, slot: str, version: int, as_json: bool
) -> None:
    """Take a version back: stations that run it go back to the one before."""
    found = _desk(context, config).withdraw(slot, version)
    _show(found, "is withdrawn", as_json=as_json)


@updates.command("renew")
@config_option
@json_option
@click.pass_context
def renew(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Sign the same again with new last days; once a month is often enough."""
    desk = _desk(context, config)
    desk.renew()
    expires = dict(desk.publisher.standing().expires)
    show({"expires": expires}, f"Stations may trust this until {expires['timestamp']}.",
         as_json=as_json)  # fmt: skip


@updates.command("rotate-online")
@config_option
@_root_key
@json_option
@click.pass_context
def rotate_online(
    context: click.Context, *, config: Path, root_keys: Sequence[Path], as_json: bool
) -> None:
    """Make new online keys, and a root that trusts them and no longer the old ones."""
    publisher = _desk(context, config).publisher
    fresh = publisher.online_key_file.with_name(publisher.online_key_file.name + ".new")
    fresh.unlink(missing_ok=True)
    write_update_seeds(fresh, _new_online(hands_of(context)))
    with publisher.folder.held():
        publisher.rotate_online(
            [root_seed(path) for path in root_keys],
            lambda: _take_place(fresh, publisher.online_key_file),
        )
    _say_root(publisher, as_json=as_json)


@updates.command("rotate-root")
@config_option
@_root_key
@click.option("--root-keys-out", type=_FOLDER, help="Where new root keys go; else they stay.")
@click.option("--root-keys", "count", default=3, show_default=True, help="How many to make.")
@click.option("--threshold", default=2, show_default=True, help="How many must sign a root.")
@json_option
@click.pass_context
def rotate_root(
    context: click.Context,
    *,
    config: Path,
    root_keys: Sequence[Path],
    root_keys_out: Path | None,
    count: int,
    threshold: int,
    as_json: bool,
) -> None:
    """Make new root keys that the old ones vouch for, or renew the root with the same.

    Stations follow from root to root by themselves; none needs to be visited.
    """
    publisher = _desk(context, config).publisher
    old = [root_seed(path) for path in root_keys]
    new = _new_seeds(hands_of(context), count) if root_keys_out else []

    def write_keys() -> None:
        if root_keys_out is not None:
            _write_root_keys(root_keys_out, new)

    with publisher.folder.held():
        publisher.rotate_root(old, new, threshold, write_keys)
    _say_root(publisher, as_json=as_json)


@updates.command("export")
@config_option
@click.argument("folder", type=_FOLDER)
@json_option
@click.pass_context
def export(context: click.Context, *, config: Path, folder: Path, as_json: bool) -> None:
    """Write all that stations need to FOLDER, for a USB stick."""
    size_bytes = _desk(context, config).export(folder)
    result = {"folder": str(folder), "size_bytes": size_bytes}
    show(result, f"{folder} holds all updates ({size_bytes} bytes).", as_json=as_json)


@updates.command("status")
@config_option
@json_option
@click.pass_context
def status(context: click.Context, *, config: Path, as_json: bool) -> None:
    """What is published, until when, and which version each station says that it runs."""
    found = updates_status(_desk(context, config))
    show(encode(found), "\n".join(found.sentences()), as_json=as_json)


def _desk(context: click.Context, config: Path) -> Desk:
    return Desk(centre_of(context, config), OPERATOR)


def _new_seeds(hands: Hands, count: int) -> list[bytes]:
    return [hands.random_bytes(SEED_BYTES) for _ in range(count)]


def _write_root_keys(out: Path, seeds: Sequence[bytes]) -> None:
    """Write root keys beside those that are there, numbered from the highest on."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = [_ROOT_KEY.fullmatch(path.name) for path in out.iterdir()]
    except OSError as error:
        raise RequestError(f"expected to write into {out}: {error}") from error
    taken = max((int(match[1]) for match in found if match is not None), default=0)
    for number, seed in enumerate(seeds, start=taken + 1):
        write_update_seeds(out / f"root-{number}.key", {"root": seed})


def _new_online(hands: Hands) -> dict[str, bytes]:
    return {role: hands.random_bytes(SEED_BYTES) for role in ONLINE_ROLES}


def _take_place(fresh: Path, path: Path) -> None:
    fresh.replace(path)


def _say_root(publisher: Publisher, *, as_json: bool) -> None:
    found = publisher.standing()
    result: dict[str, Any] = {
        "root_version": found.versions["root"],
        "root_keys": found.root_keys_count,
        "threshold": found.root_threshold,
        "expires": found.expires["root"],
    }
    sentence = (
        f"Root {found.versions['root']} is published: {found.root_threshold} of "
        f"{found.root_keys_count} keys, until {found.expires['root']}."
    )
    show(result, sentence, as_json=as_json)


def _show(found: Listed, told: str, *, as_json: bool) -> None:
    sentence = f"{found.note.path} {told} ({found.size_bytes} bytes)."
    show(encode(found), sentence, as_json=as_json)
