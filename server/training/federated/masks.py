"""Pairwise masks: what two sites of a group add and take away, so that only the sum is seen.

Each pair of sites shares a secret (X25519 between their sealing keys, bound to the round).
The site whose name sorts first adds the secret's stream of words, the other takes it away
(Bonawitz et al. 2017, doi:10.1145/3133956.3133982, without its recovery of dropped sites:
a round with a dropped site is voided).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from server.training.federated.fixed import MODULUS, WORD_BYTES

# From a peer's sealing key (hexadecimal) and a context to 32 bytes that only the two know.
PairSecret = Callable[[str, bytes], bytes]


def masked(
    words: Sequence[int], me: str, group: Sequence[tuple[str, str]], secret: PairSecret,
    context: bytes,
) -> tuple[int, ...]:  # fmt: skip
    """A site's words under the masks that it shares with each other site of its group.

    Parameters
    ----------
    group
        Name and sealing key (hexadecimal) of every site of the group, this one too.
    context
        What the round is; another context gives other masks.
    """
    found = list(words)
    for name, seal_key in group:
        if name == me:
            continue
        pair = b"\0".join(sorted((me.encode(), name.encode())))
        stream = _stream(secret(seal_key, context + b"\0" + pair), len(found))
        sign = 1 if me < name else -1
        found = [(word + sign * mask) % MODULUS for word, mask in zip(found, stream, strict=True)]
    return tuple(found)


def _stream(secret: bytes, count: int) -> list[int]:
    data = hashlib.shake_256(secret).digest(count * WORD_BYTES)
    starts = range(0, len(data), WORD_BYTES)
    return [int.from_bytes(data[start : start + WORD_BYTES], "big") for start in starts]
