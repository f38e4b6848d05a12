"""Sine, cosine and arc cosine in decimal arithmetic: the same digits on every processor.

``math.sin`` may differ in its last digit between C libraries, and a feature that is
signed at one station must come out the same at another. Decimal's own operations,
its exponential among them, are rounded as its specification says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

DIGITS = 28
PI = Decimal("3.14159265358979323846264338328")
_SMALL = Decimal("1e-27")
_STEPS_MAX = 60
_CONTEXT = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)


@contextmanager
def exact() -> Iterator[None]:
    """Arithmetic with 28 digits, rounded half to even, whatever the thread has set."""
    with localcontext(_CONTEXT):
        yield


def sine(radians: Decimal) -> Decimal:
    """The sine of an angle [rad] by its power series."""
    return _series(radians, radians, 1)


def cosine(radians: Decimal) -> Decimal:
    """The cosine of an angle [rad] by its power series."""
    return _series(radians, Decimal(1), 0)


def arc_cosine(value: Decimal) -> Decimal:
    """The angle [rad, 0–π] that has a cosine; a value beyond ±1 is taken as ±1.

    Newton's method on the cosine, which converges from π/2 for all values between.
    """
    if value >= 1:
        return Decimal(0)
    if value <= -1:
        return +PI
    low, high = Decimal(0), +PI
    angle = (low + high) / 2
    for _ in range(_STEPS_MAX):
        error = cosine(angle) - value
        low, high = (angle, high) if error > 0 else (low, angle)
        step = angle + error / sine(angle)
        # Near 0 and π a step may leap out of what is known; halving never does.
        following = step if low < step < high else (low + high) / 2
        if abs(following - angle) < _SMALL:
            return following
        angle = following
    return angle


def _series(radians: Decimal, first: Decimal, power: int) -> Decimal:
    total = term = first
    square = radians * radians
    for _ in range(_STEPS_MAX):
        power += 2
        term = -term * square / (power * (power - 1))
        total += term
        if abs(term) < _SMALL:
            break
    return total
