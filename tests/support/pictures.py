"""Small real pictures, and the claims that a satellite makes of them."""

from __future__ import annotations

import io

from PIL import Image

from core.canonical import sha256_hex
from core.shape import encode
from core.signing import Signer, sign_document
from core.wire.blob import BLOB, BLOB_REQUEST, BlobClaim, BlobRequest


def picture(form: str = "WEBP", side: int = 8, tone: int = 90, *, lossless: bool = True) -> bytes:
    """A square picture of one tone."""
    out = io.BytesIO()
    options = {"lossless": lossless} if form == "WEBP" else {}
    Image.new("RGB", (side, side), (tone, 120, 60)).save(out, form, **options)
    return out.getvalue()


def claim_of(data: bytes, media_type: str = "image/webp") -> BlobClaim:
    """What a maker rightly says of a picture."""
    return BlobClaim(sha256_hex(data), media_type, len(data))


def claim_header(claim: BlobClaim, signer: Signer) -> dict[str, str]:
    """The header that carries a signed claim."""
    return {"harvestline-claim": sign_document(BLOB, encode(claim), signer).decode()}


def request_header(asked: BlobRequest, signer: Signer) -> dict[str, str]:
    """The header that carries a station's signed request."""
    return {"harvestline-claim": sign_document(BLOB_REQUEST, encode(asked), signer).decode()}
