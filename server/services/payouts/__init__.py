"""Payouts: what rails are told to pay, what they answer, and what that does to the books.

:mod:`server.services.paying` writes a payout down; here it is sent, retried, reconciled,
returned or cancelled. A rail is told of an instruction under an id that it counts once,
so that trying again is always safe and paying twice takes two ids.
"""
