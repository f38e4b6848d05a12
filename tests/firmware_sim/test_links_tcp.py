"""The TCP link between real sockets: carried byte for byte, cut, mended, slowed, broken."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from firmware_sim.config import SettingError
from firmware_sim.links.tcp import HOST, LinkError, LinkShape, LinkState, TcpLink

PATIENCE_S = 10


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(65_536):
                self.request.sendall(data)


class _EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@pytest.fixture
def echo_port() -> Iterator[int]:
    with _EchoServer((HOST, 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(PATIENCE_S)


@pytest.fixture
def link(echo_port: int) -> Iterator[TcpLink]:
    with TcpLink(HOST, echo_port, np.random.default_rng(3)) as made:
        yield made


def dial(link: TcpLink) -> socket.socket:
    return socket.create_connection((HOST, link.port), timeout=PATIENCE_S)


def exchange(sock: socket.socket, data: bytes) -> bytes:
    def send() -> None:
        with contextlib.suppress(ConnectionError):  # the reader tells of it
            sock.sendall(data)

    sender = threading.Thread(target=send)
    sender.start()
    got = bytearray()
    while len(got) < len(data):
        part = sock.recv(65_536)
        if not part:
            break
        got += part
    sender.join(PATIENCE_S)
    return bytes(got)


def test_open_link_carries_byte_for_byte_and_ends_politely(link: TcpLink) -> None:
    data = np.random.default_rng(1).bytes(600_000)
    with dial(link) as sock:
        assert exchange(sock, data) == data
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert link.counts.carried_bytes == 1_200_000


def test_cut_link_resets_what_exists_and_refuses_what_comes(link: TcpLink) -> None:
    with dial(link) as sock:
        assert exchange(sock, b"before") == b"before"
        link.cut()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(link)
    assert (link.state, link.counts.dropped) == (LinkState.CUT, 1)
    link.mend()
    with dial(link) as sock:
        assert exchange(sock, b"after") == b"after"


def test_silent_link_carries_nothing_and_tells_nobody_until_mended(link: TcpLink) -> None:
    with dial(link) as sock:
        assert exchange(sock, b"x") == b"x"
        link.silence()
        sock.sendall(b"held")
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(PATIENCE_S)
        link.mend()
        assert sock.recv(4) == b"held"


def test_connection_breaks_mid_stream_by_chance_and_the_next_may_work(link: TcpLink) -> None:
    link.reshape(LinkShape(drop_after_bytes_mean=20_000))
    with dial(link) as sock, pytest.raises(ConnectionError):
        exchange(sock, b"y" * 1_000_000)
    assert link.counts.dropped == 1
    link.reshape(LinkShape())
    with dial(link) as sock:
        assert exchange(sock, b"z" * 50_000) == b"z" * 50_000


def test_slow_link_takes_its_time(link: TcpLink) -> None:
    link.reshape(LinkShape(delay_ms=20, bytes_per_s=20_000))
    with dial(link) as sock:
        began_s = time.monotonic()
        assert exchange(sock, b"s" * 6_000) == b"s" * 6_000
        assert time.monotonic() - began_s > 6_000 / 20_000


def test_connections_can_be_dropped_while_the_link_stays_open(link: TcpLink) -> None:
    with dial(link) as sock:
        assert exchange(sock, b"1") == b"1"
        link.drop_connections()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with dial(link) as sock:
        assert exchange(sock, b"2") == b"2"


def test_link_to_nobody_resets(echo_port: int) -> None:
    with socket.socket() as free:
        free.bind((HOST, 0))
        nobody = free.getsockname()[1]
        with (
            TcpLink(HOST, nobody, np.random.default_rng(1)) as link,
            pytest.raises(ConnectionResetError),
            dial(link) as sock,
        ):
            sock.recv(1)


def test_link_stops_twice_and_frees_its_port(echo_port: int) -> None:
    link = TcpLink(HOST, echo_port, np.random.default_rng(1))
    port = link.start()
    link.stop()
    link.stop()
    with socket.socket() as again:
        again.bind((HOST, port))


def test_impossible_shape_is_refused() -> None:
    with pytest.raises(SettingError, match="from 0"):
        LinkShape(delay_ms=-1)


def test_port_that_is_taken_is_named(echo_port: int) -> None:
    link = TcpLink(HOST, 1, np.random.default_rng(1), port=echo_port)
    with pytest.raises(LinkError, match=str(echo_port)):
        link.start()
    with pytest.raises(SettingError, match=r"start\(\)"):
        link.cut()
    link.stop()


def test_latency_is_taken_once_however_many_bytes_are_under_way(echo_port: int) -> None:
    shape = LinkShape(latency_ms=200, bytes_per_s=40_000)
    with TcpLink(HOST, echo_port, np.random.default_rng(3), shape) as link, dial(link) as sock:
        began_s = time.monotonic()
        assert exchange(sock, b"x" * 20_000) == b"x" * 20_000
        took_s = time.monotonic() - began_s
    # Two latencies for the connection, two for the way there and back, half a second of bytes.
    assert 1.2 < took_s < 2.5
