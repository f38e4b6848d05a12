"""Pictures that the server writes as SVG: no library, no script, colours from the tokens."""
