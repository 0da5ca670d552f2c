"""A second payment provider, as short as one can be: what a newcomer has to write, and a line in ``ADAPTERS``."""

import json
from collections.abc import Mapping

from market.banking.errors import NotGenuine
from market.banking.providers.base import Said, Told, Wanted

NAME = "counter"
ADAPTERS = {NAME: "tests.banking.another_provider.Counter"}


class Counter:
    """Takes the money over a counter and signs with a word."""

    name = NAME

    def checkout(self, wanted: Wanted) -> str:
        return f"https://counter.example/{wanted.reference}"

    def read(self, body: bytes, headers: Mapping[str, str]) -> Told:
        if headers.get("Word") != "sesame":
            raise NotGenuine
        return Told(Said.PAID, **json.loads(body))


def paid(reference: str, amount: int, transaction_id: str = "N-1") -> dict[str, bytes | dict[str, str]]:
    """A notification, as ``take_notification`` takes it."""
    told = {"reference": reference, "transaction_id": transaction_id, "amount": amount, "currency": "CNY"}
    return {"name": NAME, "body": json.dumps(told).encode(), "headers": {"Word": "sesame"}}
