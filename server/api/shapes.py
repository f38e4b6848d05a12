"""What bodies look like: parts that several endpoints describe."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.units import SAFE_INTEGER_MAX

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
DAY = r"^\d{4}-\d{2}-\d{2}$"
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]
# Ids with a slash are the centre's own, such as sale/ID: nobody takes one of them.
OwnName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f/]+$")]
Day = Annotated[str, Field(pattern=DAY)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Amount = Annotated[int, Field(gt=0, le=SAFE_INTEGER_MAX)]


class Asked(BaseModel):
    """A body that somebody sends: exact types, and unknown fields are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Told(BaseModel):
    """A body that the centre answers with."""

    model_config = ConfigDict(extra="allow")


def bytes_body(description: str, media_type: str) -> dict[str, Any]:
    """The description of a body that is signed bytes, which no schema could hold."""
    schema = {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema}}
    body = {"description": description, "required": True, "content": content}
    return {"requestBody": body}
