"""A socket that reads ahead, on a real pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateway.sources.read_ahead import ReadAhead


@pytest.fixture
def far() -> Iterator[tuple[socket.socket, ReadAhead]]:
    there, here = socket.socketpair()
    ahead = ReadAhead(here)
    ahead.setblocking(False)
    yield there, ahead
    ahead.close()
    there.close()


def test_small_reads_are_served_in_order_from_one_that_was_made(far: tuple[socket.socket, ReadAhead]) -> None:
    there, here = far
    there.sendall(b"0\x03abcde")
    assert (here.recv(1), here.has_more) == (b"0", True)
    there.sendall(b"fg")
    assert (here.recv(1), here.recv(100), here.has_more) == (b"\x03", b"abcde", False)
    assert here.recv(100) == b"fg"


def test_nothing_to_read_is_said_as_the_socket_says_it(far: tuple[socket.socket, ReadAhead]) -> None:
    there, here = far
    with pytest.raises(BlockingIOError):
        here.recv(1)
    there.sendall(b"a")
    assert here.recv(2) == b"a"
    with pytest.raises(BlockingIOError):
        here.recv(1)


def test_the_end_comes_after_what_was_sent_before_it(far: tuple[socket.socket, ReadAhead]) -> None:
    there, here = far
    there.sendall(b"ab")
    there.shutdown(socket.SHUT_WR)
    assert [here.recv(1) for _ in range(3)] == [b"a", b"b", b""]
    assert not here.has_more


def test_what_is_sent_goes_out_at_once(far: tuple[socket.socket, ReadAhead]) -> None:
    there, here = far
    assert here.send(b"\x40\x02\x00\x01") == 4
    assert there.recv(10) == b"\x40\x02\x00\x01"
