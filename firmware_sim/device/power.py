"""A device's battery: what it holds, what drains and charges it, when it gives out.

Energy is counted in whole microjoules. Voltage is taken as linear in charge between
empty and full, which is enough for what the station does with it (see a failing
battery days before it fails). Below ``cutoff_ppm`` the device browns out; it comes
back only above ``restart_ppm``, so that it does not flutter at dawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.units import PPM


@dataclass(frozen=True, slots=True)
class PowerSpec:
    """A device's supply and what its work costs.

    Parameters
    ----------
    capacity_uj
        Energy in a full battery [µJ].
    empty_mv, full_mv
        Voltage of an empty and of a full battery [mV].
    cutoff_ppm, restart_ppm
        Charge below which the device browns out, and above which it returns [ppm of capacity].
    panel_mm2
        Area of the solar panel [mm²], 0 for none.
    panel_efficiency_ppm
        Share of the sun's energy that reaches the battery [ppm].
    supply_uw
        What mains or an alternator deliver all day [µW], 0 for none.
    sleep_uw
        What the device draws while it sleeps [µW].
    sample_uj
        What one round of measurement costs [µJ].
    send_nj_per_byte
        What sending costs [nJ/byte].
    """

    capacity_uj: int
    empty_mv: int
    full_mv: int
    cutoff_ppm: int
    restart_ppm: int
    panel_mm2: int
    panel_efficiency_ppm: int
    supply_uw: int
    sleep_uw: int
    sample_uj: int
    send_nj_per_byte: int


def after(spec: PowerSpec, charge_uj: int, elapsed_ms: int, sun_w_per_m2: int) -> int:
    """The charge [µJ] after some time asleep under a given sun.

    One watt a square metre on one square millimetre is one microwatt.

    Parameters
    ----------
    spec
        The supply.
    charge_uj
        Charge at the start [µJ].
    elapsed_ms
        How long [ms].
    sun_w_per_m2
        Mean solar radiation over that time [W/m²].
    """
    panel_uw = sun_w_per_m2 * spec.panel_mm2 * spec.panel_efficiency_ppm // PPM
    gained_uj = (panel_uw + spec.supply_uw - spec.sleep_uw) * elapsed_ms // 1000
    return max(0, min(spec.capacity_uj, charge_uj + gained_uj))


def spent(charge_uj: int, cost_uj: int) -> int:
    """The charge [µJ] after work that costs ``cost_uj`` [µJ]."""
    return max(0, charge_uj - cost_uj)


def battery_mv(spec: PowerSpec, charge_uj: int) -> int:
    """The battery's voltage [mV]."""
    return spec.empty_mv + (spec.full_mv - spec.empty_mv) * charge_uj // spec.capacity_uj


def is_too_low(spec: PowerSpec, charge_uj: int) -> bool:
    """Whether the device browns out at this charge [µJ]."""
    return charge_uj * PPM < spec.capacity_uj * spec.cutoff_ppm


def is_enough_to_start(spec: PowerSpec, charge_uj: int) -> bool:
    """Whether a browned-out device comes back at this charge [µJ]."""
    return charge_uj * PPM >= spec.capacity_uj * spec.restart_ppm
