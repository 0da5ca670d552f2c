"""What the exchange asks of an online payment provider."""

import dataclasses
import datetime
import enum
import uuid
from collections.abc import Mapping
from typing import Protocol


class Said(enum.Enum):
    """What a notification says: the money is there, it will not come, or something that is no business of ours."""

    PAID = "paid"
    ENDED = "ended"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A payment that a buyer wants to make: ``amount`` in fen, ``reference`` ours, to be paid before ``expires_at``."""

    key: uuid.UUID
    reference: str
    amount: int
    currency: str
    expires_at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """A genuine notification. Of a payment: our ``reference``, the provider's own ``transaction_id`` of the money, and
    what was paid, fen of ``currency``."""

    said: Said
    reference: str = ""
    transaction_id: str = ""
    amount: int = 0
    currency: str = ""


class PaymentProvider(Protocol):
    """One provider, ready to use. It keeps nothing and touches no table."""

    name: str

    def checkout(self, wanted: Wanted) -> str:
        """The address of the page on which the buyer pays; the same one however often it is asked for.

        May ask the provider over the network, so it is never called inside a transaction. Raises
        ``ProviderUnavailable``.
        """

    def read(self, body: bytes, headers: Mapping[str, str]) -> Told:
        """What a notification says, once its signature, its age and the account that it is about have been checked,
        all without asking anybody.

        Raises ``NotGenuine`` for whatever the provider cannot have sent to us, or not lately.
        """
