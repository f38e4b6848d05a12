"""Readings of strangers' devices: LoRaWAN, Bluetooth adverts, ear tag readers, SenML.

Such a device cannot sign, number or keep what it said, and hears no watermark. What it
said comes through a *gateway* that has its own login at the broker and publishes on
``f1/<site>/<gateway>/<format>``; the station's adapter writes it down under its own
signature, with a lower grade (:class:`edge_node.store.foreign.Grade`). A gateway may
speak only for devices that the mapping names and that are registered with the adapter's
own key, so that nobody can replace the word of a device that signs for itself.
Statements F1–F7 of docs/devices.md.
"""

from __future__ import annotations

from pathlib import Path

from edge_node.config import Settings
from edge_node.intake.adapters.arriving import Adapters, is_foreign_topic
from edge_node.intake.adapters.mapping import read_mapping
from edge_node.keys import StationKeys, StationSigner

__all__ = ["Adapters", "adapter_signer", "foreign_adapters", "is_foreign_topic", "read_mapping"]


def adapter_signer(keys: StationKeys) -> StationSigner:
    """The key under which a station's adapters write; it follows from the station's own."""
    return keys.signer.derived("adapter")


def foreign_adapters(settings: Settings, keys: StationKeys) -> Adapters | None:
    """The adapters that the settings ask for; None if no mapping is named.

    Raises
    ------
    MappingError
        If the mapping is not valid.
    """
    if settings.adapters_file == Path():
        return None
    mapping = read_mapping(settings.adapters_file)
    return Adapters(settings.site, mapping, adapter_signer(keys))
