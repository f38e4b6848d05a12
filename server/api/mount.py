"""Joining the interface to an application."""

from __future__ import annotations

from fastapi import FastAPI

from server.api import problems, routes
from server.services.centre import Centre


def mount(app: FastAPI, centre: Centre) -> None:
    """Add the routes of ``/api/v1`` and the one form of its errors."""
    problems.install(app)
    app.include_router(routes.router(centre))
