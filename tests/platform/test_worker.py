"""The web process: its main thread and its threads share the connections, and nobody is left without an answer."""

import socket
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LAST_CHUNK = b"\r\n0\r\n\r\n"


@pytest.fixture
def web_options() -> list[str]:
    return ["--workers", "1", "--threads", "2"]


def connected(web: str) -> socket.socket:
    address = urlsplit(web)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def answers(connection: socket.socket, count: int = 1) -> int:
    """Reads until so many whole answers have come; how many of them were 200."""
    received = b""
    while received.count(LAST_CHUNK) < count:
        piece = connection.recv(65536)
        assert piece, f"closed after {received!r}"
        received += piece
    return received.count(b"HTTP/1.1 200 OK")


def test_more_connections_than_threads_are_all_answered_again_and_again(web):
    """Two threads, six clients who keep their connections, and who ask in turn and all at once."""
    clients = [connected(web) for _client in range(6)]
    for _round in range(5):
        for client in clients:
            client.sendall(ASKED)
            assert answers(client) == 1
        for client in clients:
            client.sendall(ASKED)
        assert [answers(client) for client in clients] == [1] * 6
    for client in clients:
        client.close()


def test_a_newcomer_is_answered_while_all_threads_have_a_client_each(web):
    busy = [connected(web), connected(web)]
    for _round in range(20):
        for client in busy:
            client.sendall(ASKED)
        with connected(web) as newcomer:
            newcomer.sendall(ASKED)
            assert answers(newcomer) == 1
        assert [answers(client) for client in busy] == [1, 1]


def test_what_was_sent_in_advance_is_answered_in_turn_and_who_hangs_up_leaves_his_place_to_others(web):
    """Two requests in one packet, then one more on the same connection; and more such clients than threads."""
    for _client in range(5):
        with connected(web) as client:
            client.sendall(ASKED * 2)
            assert answers(client, 2) == 2
            client.sendall(ASKED)
            assert answers(client) == 1
