"""Joining the interface to an application."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from server.api import problems, routes
from server.api.door import Door, Rates
from server.services.centre import Centre


def mount(app: FastAPI, centre: Centre, steady_ms: Callable[[], int]) -> None:
    """Add the routes of ``/api/v1``, the one form of its errors, and its door.

    Parameters
    ----------
    steady_ms
        A clock that only goes on [ms], by which the rate of requests is held.
    """
    problems.install(app)
    rates = Rates(centre.settings.api_requests_per_minute_max, steady_ms)
    app.add_middleware(Door, centre=centre, rates=rates)
    app.include_router(routes.router(centre))
