"""Searching for unreachable cycles waits while much is read, and goes on after."""

from __future__ import annotations

import gc
import weakref

import pytest

from server.services.collected import collected_after


class Ring:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_the_search_waits_and_goes_on_after():
    assert gc.isenabled()
    with collected_after():
        assert not gc.isenabled()
        gone = weakref.ref(Ring())
        many = [[n] for n in range(100_000)]  # so many that a search would have run
        assert gone() is not None
        del many
    assert gc.isenabled()
    gc.collect()
    assert gone() is None


def test_the_search_goes_on_after_a_failure():
    with pytest.raises(ValueError, match="mid-way"), collected_after():
        raise ValueError("mid-way")
    assert gc.isenabled()


def test_within_another_it_stays_as_it_was():
    with collected_after():
        with collected_after():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
