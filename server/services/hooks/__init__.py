"""News to suppliers, buyers and rails: written with what happened, sent afterwards, signed.

An event is written in the transaction that made it true (:func:`emit`), so that there is
none without its cause and no cause without it. It is sent later, again and again, until
the receiver takes it or the tries are spent; a receiver may therefore hear of it twice
and tells so by its id.
"""

from server.services.hooks.events import emit

__all__ = ["emit"]
