"""Puts adversaries among a village's devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.wire.telemetry import DeviceKind
from firmware_sim.adversaries.kinds import (
    Adversary,
    Bucket,
    Clone,
    IdleTractor,
    Replay,
    Rerun,
    Spoof,
    SpoofWay,
)
from firmware_sim.adversaries.lies import bucketed, idle_engine, rerun
from firmware_sim.adversaries.messages import Replaying, Spoofing
from firmware_sim.config import SettingError
from firmware_sim.district.places import DevicePlace, District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.fleet.field import Lie
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.secrets import Secret
from firmware_sim.fleet.village import Habits, village_member, village_members

CLONE_PLACE, SPOOF_PLACE = "clone", "spoof"
_KIND_OF: Mapping[type[Adversary], DeviceKind] = {
    IdleTractor: DeviceKind.MACHINE,
    Bucket: DeviceKind.SOIL_PROBE,
}
_JOINING = (SpoofWay.LOGIN, SpoofWay.PASSWORD)


@dataclass(frozen=True, slots=True)
class _Village:
    """Everything that a member is made of."""

    district: District
    truth: SeasonTruth
    secrets: Mapping[str, Secret]
    habits: Habits

    def place(self, device: str) -> DevicePlace:
        found = [place for place in self.district.devices if place.device_id == device]
        if not found:
            raise SettingError(f"expected a device of the village, got {device!r}")
        return found[0]

    def member(self, device: str) -> Member:
        return village_member(
            (self.district, self.truth), self.place(device), self.secrets[device], self.habits
        )


def enlisted(
    season: tuple[District, SeasonTruth],
    secrets: Mapping[str, Secret],
    adversaries: Sequence[Adversary],
    habits: Habits | None = None,
) -> tuple[Member, ...]:
    """All devices of a village, some of them in bad hands, and those who join beside them.

    Honest devices read the same as without adversaries.

    Raises
    ------
    SettingError
        If an adversary names a device that is not there, or is of the wrong kind.
    """
    district, truth = season
    village = _Village(district, truth, secrets, habits or Habits())
    for adversary in adversaries:
        _check(village, adversary)
    lies = {a.device: lie for a in adversaries if (lie := _lie_of(village, a)) is not None}
    members = village_members(district, truth, secrets, village.habits, lies)
    by_device = {member.spec.device: member for member in members}
    for adversary in adversaries:
        held = by_device[adversary.device]
        by_device[adversary.device] = _corrupted(held, adversary, district.site)
    joining = [_joined(village, a) for a in adversaries if _joins(a)]
    return (*by_device.values(), *joining)


def _check(village: _Village, adversary: Adversary) -> None:
    kind = village.place(adversary.device).kind
    wanted = _KIND_OF.get(type(adversary), kind)
    if isinstance(adversary, Clone):
        wanted = village.place(adversary.stands_at).kind
    if isinstance(adversary, Spoof):
        village.place(adversary.victim)
    if kind is not wanted:
        raise SettingError(
            f"expected {adversary.device} as {wanted.value} for {type(adversary).__name__}, "
            f"it is a {kind.value}"
        )


def _lie_of(village: _Village, adversary: Adversary) -> Lie | None:
    if isinstance(adversary, IdleTractor):
        return idle_engine(adversary)
    if isinstance(adversary, Rerun):
        return rerun(adversary)
    if isinstance(adversary, Bucket):
        zone, weather = village.place(adversary.device).zone, village.truth.weather
        return bucketed(adversary, weather.tmin_c[zone], weather.tmax_c[zone])
    return None


def _corrupted(member: Member, adversary: Adversary, site: str) -> Member:
    if isinstance(adversary, Replay):
        return replace(member, mischief=Replaying(adversary, site, member.signer))
    if isinstance(adversary, Spoof) and adversary.way not in _JOINING:
        return replace(member, mischief=Spoofing(adversary, site, member.signer))
    return member


def _joins(adversary: Adversary) -> bool:
    return isinstance(adversary, Clone) or (
        isinstance(adversary, Spoof) and adversary.way in _JOINING
    )


def _joined(village: _Village, adversary: Adversary) -> Member:
    """Who claims to be a device that is there already."""
    if isinstance(adversary, Clone):
        elsewhere = village.member(adversary.stands_at)
        true = village.member(adversary.device)
        twin = adversary.device if adversary.copies_flash else ""
        return replace(true, readings=elsewhere.readings, place=CLONE_PLACE, twin=twin)
    if not isinstance(adversary, Spoof):
        raise SettingError(f"expected a clone or a spoof, got {adversary}")
    own, victim = village.member(adversary.device), village.member(adversary.victim)
    password = victim.password if adversary.way is SpoofWay.PASSWORD else own.password
    return replace(victim, signer=own.signer, password=password, place=SPOOF_PLACE)
