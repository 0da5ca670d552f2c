"""Programs of the members: the API with a token."""

import httpx

from accounts.models import Membership
from accounts.services import issue_tokens
from market.kernel.actors import SYSTEM


class Program:
    """A client of the API."""

    def __init__(self, address: str, membership: Membership) -> None:
        (token,) = issue_tokens(actor=SYSTEM, memberships=[membership], name="journey")
        self.client = httpx.Client(
            base_url=f"{address}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def get(self, path: str, **parameters) -> dict:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def post(self, path: str, body: dict | None = None, key: str = "") -> dict:
        answer = self.client.post(path, json=body or {}, headers={"Idempotency-Key": key or path})
        assert answer.is_success, answer.text
        return answer.json()
