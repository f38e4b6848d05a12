"""``run``: the station until it is told to stop."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path

import click

from edge_node.commands.hands import Hands, bench
from edge_node.commands.heart import TOLD_TIMES, Notify, Watchdog, notifier, watchdog_ms
from edge_node.commands.journal import log_event, start_log
from edge_node.commands.link import CONFIG
from edge_node.commands.running import Running
from edge_node.commands.watching import LOOK_EVERY_MS, RUNTIME, write_runtime


@click.command()
@CONFIG
@click.pass_obj
def run(hands: Hands, config: Path) -> None:
    """Run broker, intake, daily features, sync and kiosk; stop on SIGTERM or Ctrl-C.

    Prints one line of JSON with the addresses when all is ready; the log, one JSON
    object a line, goes to stderr or to log_file. Under systemd (Type=notify) it says
    when it is ready, and that it is well while every part turns.
    """
    start_log(hands.settings(config))
    tell = notifier(hands.environment)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with bench(hands, config) as station:
        running = Running(station)
        try:
            where = running.start()
            # What stands now stands to the end: looking through all of it again takes tens
            # of milliseconds, in which nobody at the kiosk is served.
            gc.collect()
            gc.freeze()
            ready = {
                "ready": True,
                "station": station.settings.station,
                "page": where.page,
                "broker": f"{where.broker_host}:{where.broker_port}",
                "pid": os.getpid(),
            }
            write_runtime(station.settings.folder, ready)
            click.echo(json.dumps(ready))
            sys.stdout.flush()
            if tell is not None:
                tell("READY=1")
            running.wait(stop, _watchdog(hands, running, tell))
        finally:
            (station.settings.folder / RUNTIME).unlink(missing_ok=True)
            if tell is not None:
                tell("STOPPING=1")
            running.stop()


def _watchdog(hands: Hands, running: Running, tell: Notify | None) -> Watchdog:
    waits_ms = watchdog_ms(hands.environment)
    every_ms = waits_ms // TOLD_TIMES if waits_ms else LOOK_EVERY_MS
    return Watchdog(running.heart, tell, every_ms, _say_stuck)


def _say_stuck(stuck: tuple[str, ...]) -> None:
    if stuck:
        log_event("parts_stuck", {"parts": ",".join(stuck)})
    else:
        log_event("parts_turn_again", {})
