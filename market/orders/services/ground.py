"""What placing orders stands on, read in one round trip: who asks, the buyer with its accounts, and the offers."""

import dataclasses
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from accounts.models import ApiToken, Organization
from accounts.selectors import TOKEN, token_of
from market.catalog.models import Offer
from market.catalog.selectors import ORDERABLE, offer_of
from market.kernel import clock
from market.kernel.documents import document, loaded, statement
from market.kernel.errors import NotFound
from market.kernel.money import CURRENCY
from market.ledger.states import AccountKind

_BUYER = "(SELECT buyer_id FROM asking)"
_GROUND = (
    statement(Path(__file__).with_name("ground.sql"))
    .replace("{token}", TOKEN)
    .replace("{orderable}", ORDERABLE.replace("%(buyer)s", _BUYER))
)


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """One order that is asked for. ``quote_id`` names the quote that is being accepted by it."""

    offer_id: uuid.UUID
    quantity: int
    purpose: str
    client_reference: str
    wait_for_funds: bool = False
    quote_id: uuid.UUID | None = None

    @property
    def stands_on(self) -> tuple[uuid.UUID, str]:
        """What the read depends on: wishes with the same pair have the same offer and approval."""
        return self.offer_id, self.purpose.strip()


@dataclasses.dataclass(slots=True)
class Ground:
    """What was read, at one moment. ``offers`` holds those that the buyer may know of."""

    buyer: Organization
    accounts: dict[str, str]
    has_limits: bool
    offers: dict[tuple[uuid.UUID, str], Offer]
    token: ApiToken | None = None
    is_answered: bool = False

    def payer(self, currency: str = CURRENCY) -> Organization:
        """The buyer with ``wallet_id`` and ``escrow_id`` of that currency, None where no account is open."""
        for kind in (AccountKind.WALLET, AccountKind.ESCROW):
            account = self.accounts.get(f"{kind} {currency}")
            setattr(self.buyer, f"{kind}_id", uuid.UUID(account) if account else None)
        return self.buyer


def ground_of(wishes: Iterable[Wish], *, buyer_org_id: uuid.UUID) -> Ground:
    """What a buyer's wishes stand on; one query. Raises ``NotFound`` for a buyer that is not there."""
    wanted = list(dict.fromkeys(wish.stands_on for wish in wishes))
    found = _read(wanted, buyer=buyer_org_id)
    if found["buyer"] is None:
        raise NotFound
    return _ground(found, wanted, loaded(Organization, found["buyer"]))


def ground_of_bearer(wish: Wish, *, token_prefix: str, operation: str, key: str) -> Ground | None:
    """What the wish of a token's bearer stands on, and whether its idempotency key was answered; one query.

    None for an unknown token; whether a known one is good remains to be asked.
    """
    wanted = [wish.stands_on]
    found = _read(wanted, prefix=token_prefix, operation=operation, key=key)
    if found["token"] is None:
        return None
    token = token_of(found["token"])
    ground = _ground(found, wanted, token.membership.organization)
    ground.token, ground.is_answered = token, found["is_answered"]
    return ground


def _read(wanted: list[tuple[uuid.UUID, str]], **parameters: Any) -> dict[str, Any]:
    return document(
        _GROUND,
        {
            "prefix": None,
            "buyer": None,
            "operation": None,
            "key": None,
            "wanted": [{"offer": offer_id, "purpose": purpose} for offer_id, purpose in wanted],
            "moment": clock.now(),
            **parameters,
        },
    )


def _ground(found: dict[str, Any], wanted: list[tuple[uuid.UUID, str]], buyer: Organization) -> Ground:
    offers = {wanted[offer["line"] - 1]: offer_of(offer) for offer in found["offers"] or ()}
    return Ground(buyer, found["accounts"] or {}, found["has_limits"], offers)
