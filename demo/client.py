"""The exchange's API as a customer's program uses it: a token, JSON, idempotency keys, resumable downloads."""

import hashlib
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

# One line a request would bury the progress bars.
logging.getLogger("httpx").setLevel(logging.WARNING)

PAGE = 200
TIMEOUT = 60.0


class Refused(Exception):
    """The exchange answered with a problem document (RFC 9457)."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
        self.problem: dict[str, Any] = response.json() if is_problem else {}
        self.code: str = self.problem.get("code", "")
        super().__init__(f"{response.request.method} {response.request.url.path}: {self.status} {response.text[:300]}")


class Api:
    """One member's way in. Safe to use from several threads."""

    def __init__(self, address: str, token: str, connections: httpx.HTTPTransport) -> None:
        self._client = httpx.Client(
            base_url=f"{address}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            transport=connections,
            timeout=TIMEOUT,
        )

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """A JSON document. Raises ``Refused``."""
        return _answer(self._send("GET", path, params=parameters)).json()

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        page = self.get(path, page_size=PAGE, **parameters)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = _answer(self._send("GET", page["next"])).json()

    def post(self, path: str, body: dict[str, Any] | None = None, key: str = "") -> httpx.Response:
        """An act, under an idempotency key of its own unless one is given. Raises ``Refused``."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return _answer(self._send("POST", path, json=body if body is not None else {}, headers=headers))

    def delete(self, path: str) -> None:
        """Raises ``Refused``."""
        _answer(self._send("DELETE", path))

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Once more where the server closed a resting connection at the moment we used it; acts carry their key."""
        try:
            return self._client.request(method, path, **parts)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            return self._client.request(method, path, **parts)

    def download(self, url: str, target: Path, stop_after: int | None = None) -> str:
        """Fetch ``url`` to ``target``, going on where an earlier call stopped; the SHA-256 of the whole file.

        ``stop_after`` breaks off after so many bytes, as a lost connection would.
        """
        have = target.stat().st_size if target.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._client.stream("GET", url, headers=headers) as response:
            if response.is_error:
                response.read()
            _answer(response)
            # A server that ignores the range sends everything: then we begin anew.
            with target.open("ab" if response.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as file:
                for piece in response.iter_bytes(64 * 1024):
                    file.write(piece)
                    if stop_after is not None and file.tell() >= stop_after:
                        break
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _answer(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise Refused(response)
    return response
