"""A client that costs little: kept connections, requests made of bytes, one thread a connection, a few processes."""

import json
import multiprocessing
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence

PROCESSES = 2


def place_orders(
    address: tuple[str, int], tokens: Sequence[str], offers: Sequence[str], connections: int, seconds: float
) -> tuple[Counter, list[float]]:
    """Place orders for ``seconds`` over ``connections``: answers counted by status, and seconds each answer took."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    share = connections // PROCESSES
    processes = [
        context.Process(target=_process, args=(queue, address, tokens, offers, share, seconds, number))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    statuses, times = Counter(), []
    for _process_number in processes:
        some, took = queue.get()
        statuses += some
        times += took
    for process in processes:
        process.join()
    return statuses, times


def _process(queue, address, tokens, offers, connections, seconds, number) -> None:
    statuses, times = Counter(), []
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=_connection, args=(address, tokens, offers, end, number * connections + index, statuses, times)
        )
        for index in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put((statuses, times))


def _connection(address, tokens, offers, end, number, statuses, times) -> None:
    connection = socket.create_connection(address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = connection.makefile("rb")
    turn = number
    while time.monotonic() < end:
        request = _request(address[0], tokens[turn % len(tokens)], offers[turn % len(offers)])
        started = time.monotonic()
        connection.sendall(request)
        status = _answer(reader)
        times.append(time.monotonic() - started)
        statuses[status] += 1
        turn += 1
    connection.close()


def _request(host: str, token: str, offer: str) -> bytes:
    key = uuid.uuid4()
    body = json.dumps({"offer": offer, "quantity": 1, "purpose": "Measuring.", "client_reference": str(key)})
    return (
        f"POST /api/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _answer(reader) -> int:
    status = int(reader.readline().split()[1])
    length = 0
    while (line := reader.readline()) != b"\r\n":
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    reader.read(length)
    return status


def place_in_bulk(
    address: tuple[str, int], tokens: Sequence[str], offers: Sequence[str], connections: int, lines: int, seconds: float
) -> int:
    """Send all-or-nothing requests of so many ``lines`` for ``seconds``, each connection for buyers of its own: orders
    placed. Raises ``RuntimeError`` when any was refused."""
    end = time.monotonic() + seconds
    placed, refused = [0] * connections, []

    def send(number: int) -> None:
        own, turn = tokens[number::connections], 0
        connection = socket.create_connection(address)
        reader = connection.makefile("rb")
        while time.monotonic() < end:
            connection.sendall(_bulk_request(address[0], own[turn % len(own)], offers, lines))
            status = _answer(reader)
            if status != 201:
                refused.append(status)
                break
            placed[number] += lines
            turn += 1
        connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise RuntimeError(f"bulk requests were answered {refused}")
    return sum(placed)


def _bulk_request(host: str, token: str, offers: Sequence[str], lines: int) -> bytes:
    key = uuid.uuid4()
    orders = ",".join(
        f'{{"offer":"{offers[line % len(offers)]}","quantity":1,"purpose":"Measuring.",'
        f'"client_reference":"{key}-{line}"}}'
        for line in range(lines)
    )
    body = f'{{"atomic":true,"lines":[{orders}]}}'
    return (
        f"POST /api/v1/orders/bulk HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
