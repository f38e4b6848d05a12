"""What a shock does to what is known of a line, and to its product; pure."""

from __future__ import annotations

from dataclasses import replace

from core.lending.limit import HerdView, PlotView, Seen
from core.lending.product import Product
from core.units import PPM
from server.services.stress.scenario import Shock


def seen_after(seen: Seen, shock: Shock) -> Seen:
    """What would be seen after a shock; what lies in stores or was ordered stays as it is."""
    return replace(
        seen,
        plots=tuple(_plot(each, shock) for each in seen.plots),
        herds=tuple(_herd(each, shock) for each in seen.herds),
    )


def _plot(plot: PlotView, shock: Shock) -> PlotView:
    return replace(
        plot,
        yield_p10_kg_per_ha=_less(plot.yield_p10_kg_per_ha, shock.yield_loss_ppm),
        yield_p50_kg_per_ha=_less(plot.yield_p50_kg_per_ha, shock.yield_loss_ppm),
    )


def _herd(herd: HerdView, shock: Shock) -> HerdView:
    return replace(
        herd,
        heads=herd.heads * (PPM - shock.heads_lost_ppm) // PPM,
        forage_p10_ppm=_less(herd.forage_p10_ppm, shock.forage_loss_ppm),
        forage_p50_ppm=_less(herd.forage_p50_ppm, shock.forage_loss_ppm),
    )


def _less(value: int | None, loss_ppm: int) -> int | None:
    return None if value is None else value * (PPM - loss_ppm) // PPM


def product_after(offered: Product, shock: Shock) -> Product:
    """The product with its prices and its rate after a shock.

    ``offered`` is the product of the day; its list of dated prices no longer counts.
    """
    price, herd = offered.price, offered.herd
    left = PPM - shock.price_fall_ppm
    if price is not None:
        price = replace(price, price_minor_per_kg=price.price_minor_per_kg * left // PPM)
    if herd is not None:
        herd = replace(herd, value_minor_per_head=herd.value_minor_per_head * left // PPM)
    credit = replace(offered.credit, rate_ppm=offered.credit.rate_ppm + shock.rate_rise_ppm)
    return replace(offered, price=price, herd=herd, credit=credit, prices=None)
