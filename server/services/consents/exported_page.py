"""A farmer's export as a page that a person reads: one table or list for each part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b}h1,h2{line-height:1.2}dl{display:grid;grid-template-columns:14rem 1fr;"
    "gap:.2rem 1rem}dt{color:#444}dd{margin:0;overflow-wrap:anywhere}li{margin:.6rem 0}"
    "@media(max-width:40rem){dl{grid-template-columns:1fr}}"
)
TITLES: Mapping[str, str] = {
    "identity": "Who I am here",
    "registered": "My plots, herds, machines and stores",
    "history": "My past seasons",
    "consents": "What I agreed to and took back",
    "allowed_now": "What is allowed now",
    "applications": "What I asked for, and what was decided",
    "lines": "My credit lines",
    "evidence": "What was seen of my plots",
    "uses": "What my data was used for",
    "looked_at_by": "Who looked at my data",
    "catalogue": "What may be used for what, and why",
}


def page(document: Mapping[str, Any]) -> str:
    """The export as one HTML page without anything from elsewhere."""
    name = escape(str(document["identity"].get("name", "")))
    parts = "".join(
        f"<section><h2>{escape(title)}</h2>{_value(document[key])}</section>"
        for key, title in TITLES.items()
    )
    title = f"All that {escape(str(document['lender']))} keeps of {name}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Data of {name}</title><style>{STYLE}</style></head><body>"
        f"<h1>{title}</h1>{parts}</body></html>\n"
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = "".join(
            f"<dt>{escape(_words(k))}</dt><dd>{_value(v)}</dd>" for k, v in value.items()
        )
        return f"<dl>{rows}</dl>" if rows else "<p>Nothing.</p>"
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = "".join(f"<li>{_value(each)}</li>" for each in value)
        return f"<ul>{items}</ul>" if items else "<p>Nothing.</p>"
    return escape(str(value))


def _words(name: str) -> str:
    return str(name).replace("_", " ")
