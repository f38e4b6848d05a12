"""What devices told of a plot: its weather, and what stands in its ground or at its gate.

Daily features come from the station, which computed them from readings; a day of which less
than half was seen is thin and said to be so. Weather is what the station itself reckons with
where no weather station is named for a plot: the mean of those that it hears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.scoring.features import DailyFeature
from core.units import PPM
from core.wire.registry import Device, Farmer, Subject
from core.wire.telemetry import DeviceKind
from server.console.figures.daily import Panel, Range, Reading, daily_picture, weeks_of
from server.console.views.section import Table
from server.console.words import fraction, message, number, say, say_count, short_day
from server.store import registry, reports
from server.store.engine import Tx

THIN_PPM = PPM // 2
RAIN, LOW, HIGH = "rain_um", "air_temperature_min_mdeg_c", "air_temperature_max_mdeg_c"
MEAN, USE = "air_temperature_mean_mdeg_c", "reference_et_um"
MOISTURE, DRY, HEADS = "soil_moisture_ppm", "soil_stress", "heads_count"
WEATHER = (RAIN, LOW, HIGH, MEAN, USE)
SENSORS = (MOISTURE, DRY, HEADS)
UM_PER_MM, MDEG, PPM_PER_PERCENT = 1_000, 1_000, PPM // 100
KINDS: Mapping[DeviceKind, str] = {
    DeviceKind.SOIL_PROBE: message("soil probe"),
    DeviceKind.WEATHER_STATION: message("weather station"),
    DeviceKind.EAR_TAG_READER: message("ear-tag reader"),
    DeviceKind.MACHINE: message("machine"),
    DeviceKind.ELECTRICITY_METER: message("electricity meter"),
    DeviceKind.SILO_SENSOR: message("silo sensor"),
}
Days = Mapping[str, Sequence[DailyFeature]]  # by feature


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device, the last day that it told anything of, and how much came of the last days."""

    device: Device
    kind: str
    about: str
    last_on: str
    coverage_ppm: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A section of the page: a sentence, a picture if there is anything, its numbers, devices."""

    sentence: str
    picture: str
    table: Table | None
    devices: tuple[DeviceRow, ...]


def read_weather(tx: Tx, farmer: Farmer | None, span: tuple[date, date]) -> Measured:
    """The weather of a season from the weather stations that the farmer's station hears."""
    station = farmer.home_station if farmer else ""
    heard = registry.devices_at(tx, station, DeviceKind.WEATHER_STATION)
    places = sorted({device.subject_id for device in heard})
    by_place = [_days(tx, place, WEATHER, span) for place in places]
    rows = tuple(
        _device_row(tx, device, days) for device, days in _with_days(heard, places, by_place)
    )
    rain = _mean_of([days.get(RAIN, ()) for days in by_place], UM_PER_MM)
    if not rain:
        return Measured(_no_weather(station, len(heard)), "", None, rows)
    low, high, mean = (
        _mean_of([days.get(name, ()) for days in by_place], MDEG) for name in (LOW, HIGH, MEAN)
    )
    use = _mean_of([days.get(USE, ()) for days in by_place], UM_PER_MM)
    sentence = _weather_words(rain, use, [row.about for row in rows])
    panels = (
        Panel(
            say("Rain, mm a day"), weekly=say("Rain, mm a week"), bars=rain, notes=_rain_notes(rain)
        ),
        Panel(
            say("Air, °C: night to day, mean as a line"), curve=mean, band=_ranges(low, high),
            notes=_air_notes(low, high),
        ),
    )  # fmt: skip
    picture = daily_picture(panels, span, sentence, say("The numbers by week are in the table."))
    return Measured(sentence, picture, _weather_table(rain, low, high, use), rows)


def read_sensors(
    tx: Tx, subject: Subject, herds: Sequence[Subject], span: tuple[date, date]
) -> Measured:
    """What the devices of a plot, or of the herds on a pasture, told."""
    measured = (subject, *herds)
    heard = registry.devices_of(tx, [each.subject_id for each in measured])
    days = {each.subject_id: _days(tx, each.subject_id, SENSORS, span) for each in measured}
    rows = tuple(_device_row(tx, each, days.get(each.subject_id, {})) for each in heard)
    if not rows:
        return Measured(
            say("No device measures {name}: the limit rests on imagery and visits.",
                name=subject.name), "", None, (),
        )  # fmt: skip
    moisture = _readings(days[subject.subject_id].get(MOISTURE, ()), PPM_PER_PERCENT)
    dry = [day for day in days[subject.subject_id].get(DRY, ()) if day.value > 0]
    panels = []
    if moisture:
        panels.append(
            Panel(
                say("Soil water, % of volume"), curve=moisture,
                marks=tuple(date.fromisoformat(day.day) for day in dry),
                notes=_soil_notes(moisture, len(dry)),
            )
        )  # fmt: skip
    for herd in herds:
        seen = _readings(days[herd.subject_id].get(HEADS, ()), 1)
        if seen:
            panels.append(Panel(say("{name}, heads at the gate", name=herd.name), curve=seen))
    if not panels:
        return Measured(say("The devices have told nothing of this season yet."), "", None, rows)
    sentence = _sensor_words(subject, moisture, len(dry))
    picture = daily_picture(panels, span, sentence, say("The numbers by week are in the table."))
    table = _moisture_table(moisture, dry) if moisture else None
    return Measured(sentence, picture, table, rows)


def _days(tx: Tx, subject_id: str, names: Sequence[str], span: tuple[date, date]) -> Days:
    found: dict[str, list[DailyFeature]] = {}
    days = (span[0].isoformat(), span[1].isoformat())
    for told in reports.features_between(tx, subject_id, names, days):
        found.setdefault(told.feature.feature, []).append(told.feature)
    return found


def _with_days(
    heard: Sequence[Device], places: Sequence[str], by_place: Sequence[Days]
) -> Iterable[tuple[Device, Days]]:
    known = dict(zip(places, by_place, strict=True))
    return ((device, known[device.subject_id]) for device in heard)


def _device_row(tx: Tx, device: Device, days: Days) -> DeviceRow:
    about = registry.find_subject(tx, device.subject_id)
    told = [day for each in days.values() for day in each]
    last_on = max((day.day for day in told), default="")
    latest = [day.coverage_ppm for day in told if day.day == last_on]
    return DeviceRow(
        device=device,
        kind=say(KINDS[device.kind]),
        about=about.name if about else device.subject_id,
        last_on=last_on,
        coverage_ppm=round(sum(latest) / len(latest)) if latest else 0,
    )


def _readings(days: Sequence[DailyFeature], scale: int) -> tuple[Reading, ...]:
    return tuple(
        Reading(date.fromisoformat(day.day), day.value / scale, day.coverage_ppm < THIN_PPM)
        for day in days
    )


def _mean_of(told: Sequence[Sequence[DailyFeature]], scale: int) -> tuple[Reading, ...]:
    """The mean of several places day by day, of the places that were seen well if any was."""
    by_day: dict[date, list[Reading]] = {}
    for place in told:
        for one in _readings(place, scale):
            by_day.setdefault(one.on, []).append(one)
    found = []
    for on, readings in sorted(by_day.items()):
        used = [one for one in readings if not one.thin] or readings
        value = sum(one.value for one in used) / len(used)
        found.append(Reading(on, value, all(one.thin for one in readings)))
    return tuple(found)


def _ranges(low: Sequence[Reading], high: Sequence[Reading]) -> tuple[Range, ...]:
    tops = {one.on: one.value for one in high}
    return tuple(Range(one.on, one.value, tops[one.on]) for one in low if one.on in tops)


def _rain_notes(rain: Sequence[Reading]) -> tuple[str, ...]:
    most = max(rain, key=lambda one: one.value)
    return (
        say("{sum} mm in all", sum=round(sum(one.value for one in rain))),
        say("most: {most} mm", most=round(most.value)),
        say("on {day}", day=short_day(most.on.isoformat())),
    )


def _air_notes(low: Sequence[Reading], high: Sequence[Reading]) -> tuple[str, ...]:
    if not low or not high:
        return ()
    warmest, coldest = (max(one.value for one in high), min(one.value for one in low))
    return (
        say("highest {value} °C", value=fraction(warmest, 1)),
        say("lowest {value} °C", value=fraction(coldest, 1)),
    )


def _soil_notes(moisture: Sequence[Reading], dry_days: int) -> tuple[str, ...]:
    last = moisture[-1]
    return (
        say("now {value} %", value=fraction(last.value, 1)),
        short_day(last.on.isoformat()),
        say_count("{count} dry day", "{count} dry days", dry_days),
    )


def _no_weather(station: str, count: int) -> str:
    if count:
        return say("The weather stations have told nothing of this season yet.")
    return say("No weather station is registered at {station}.", station=station or "–")


def _weather_words(rain: Sequence[Reading], use: Sequence[Reading], places: list[str]) -> str:
    wet = [one for one in rain if one.value >= 1.0]
    told = say(
        "{fallen} mm of rain on {wet} of {days} days told, up to {day}",
        fallen=round(sum(one.value for one in rain)), wet=len(wet), days=len(rain),
        day=short_day(rain[-1].on.isoformat()),
    )  # fmt: skip
    drunk = ""
    if use:
        drunk = "; " + say(
            "the air could have taken {use} mm", use=round(sum(one.value for one in use))
        )
    mean = say("mean of {places}", places=", ".join(dict.fromkeys(places)))
    return f"{told}{drunk}; {mean}."


def _sensor_words(subject: Subject, moisture: Sequence[Reading], dry_days: int) -> str:
    if not moisture:
        return say("What the readers at the gate counted, day by day.")
    last = moisture[-1]
    told = say(
        "The soil of {name} held {share} % of water by volume on {day}",
        name=subject.name, share=fraction(last.value, 1), day=short_day(last.on.isoformat()),
    )  # fmt: skip
    dry = say("it was too dry on {dry} of {days} days told", dry=dry_days, days=len(moisture))
    return f"{told}; {dry}."


def _weather_table(
    rain: Sequence[Reading],
    low: Sequence[Reading],
    high: Sequence[Reading],
    use: Sequence[Reading],
) -> Table:
    spans = {week.on: _of_week(low, week.on) for week in weeks_of(rain)}
    rows = []
    for week in reversed(weeks_of(rain)):
        lows, highs = spans[week.on], _of_week(high, week.on)
        drunk = _of_week(use, week.on)
        rows.append((
            short_day(week.on.isoformat()), fraction(week.value, 1),
            fraction(min(lows), 1) if lows else "–", fraction(max(highs), 1) if highs else "–",
            fraction(sum(drunk), 1) if drunk else "–", say("thin") if week.thin else say("whole"),
        ))  # fmt: skip
    names = (
        say("Week from"), say("Rain, mm"), say("Lowest, °C"), say("Highest, °C"),
        say("Air could take, mm"), say("Readings"),
    )  # fmt: skip
    return Table(say("Weather by week"), names, tuple(rows))


def _moisture_table(moisture: Sequence[Reading], dry: Sequence[DailyFeature]) -> Table:
    dry_days = {date.fromisoformat(day.day) for day in dry}
    rows = []
    for week in reversed(weeks_of(moisture)):
        values = _of_week(moisture, week.on)
        days = sum((week.on + timedelta(days=i)) in dry_days for i in range(7))
        rows.append((
            short_day(week.on.isoformat()), fraction(sum(values) / len(values), 1),
            fraction(min(values), 1), fraction(max(values), 1), number(days),
            say("thin") if week.thin else say("whole"),
        ))  # fmt: skip
    names = (
        say("Week from"), say("Mean, %"), say("Lowest, %"), say("Highest, %"), say("Dry days"),
        say("Readings"),
    )  # fmt: skip
    return Table(say("Soil water by week"), names, tuple(rows))


def _of_week(days: Sequence[Reading], monday: date) -> list[float]:
    last = monday + timedelta(days=6)
    return [one.value for one in days if monday <= one.on <= last]
