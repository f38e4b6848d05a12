"""``run``: the station until it is told to stop."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import click

from edge_node.commands.hands import Hands, bench
from edge_node.commands.link import CONFIG
from edge_node.commands.running import Running


@click.command()
@CONFIG
@click.pass_obj
def run(hands: Hands, config: Path) -> None:
    """Run broker, intake, daily features, sync and kiosk; stop on SIGTERM or Ctrl-C.

    Prints one line of JSON with the addresses when all is ready; the log goes to
    stderr.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s"
    )
    for quiet in ("amqtt", "transitions", "httpx", "httpcore"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with bench(hands, config) as station:
        running = Running(station)
        try:
            where = running.start()
            ready = {
                "ready": True,
                "station": station.settings.station,
                "page": where.page,
                "broker": f"{where.broker_host}:{where.broker_port}",
                "pid": os.getpid(),
            }
            click.echo(json.dumps(ready))
            sys.stdout.flush()
            running.wait(stop)
        finally:
            running.stop()
