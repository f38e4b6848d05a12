"""Passwords of tests: hashed as everywhere, but at no price, for hundreds of visits log in."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

_HASHER = PasswordHasher.from_parameters(CHEAPEST)


def cheap_hash(password: str) -> str:
    """An Argon2id hash that takes a millisecond to make and to check."""
    return _HASHER.hash(password)
