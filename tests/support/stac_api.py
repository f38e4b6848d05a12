"""A real STAC API on this machine: ``rustac serve`` with the items that a test gives it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


@contextmanager
def stac_api(folder: Path, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The address of an API over some items; it is stopped at the end."""
    file = folder / "items.json"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": list(items)}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("rustac")
    process = subprocess.Popen(
        [program, "serve", "--create-collections", "-a", f"127.0.0.1:{port}", file],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "RUST_LOG": "off"},
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    # A connection that is refused comes back at once; the transport retries with pauses.
    with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
        answer = client.get(url, timeout=30)
    if process.poll() is not None or answer.status_code != 200:
        raise RuntimeError(f"expected rustac to serve at {url}, got {answer.status_code}")


def with_addresses(item: Mapping[str, Any], collection: str, base: str) -> dict[str, Any]:
    """An item as an API states it: absolute hrefs below ``base``, and its collection."""
    assets = {
        name: {**asset, "href": f"{base}/{item['id']}/{asset['href'].removeprefix('./')}"}
        for name, asset in item["assets"].items()
    }
    return {**item, "collection": collection, "assets": assets, "links": []}
