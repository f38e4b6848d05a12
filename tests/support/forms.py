"""Forms of a page, as a browser would send them back."""

from __future__ import annotations

from html.parser import HTMLParser


class Forms(HTMLParser):
    """The hidden fields of a page's forms, by action."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, dict[str, str]] = {}
        self._action = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = found.get("action", "")
            self.fields.setdefault(self._action, {})
        elif tag == "input" and found.get("type") == "hidden":
            self.fields[self._action][found["name"]] = found["value"]
