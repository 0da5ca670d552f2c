"""What placing orders stands on, read in one round trip: who asks, the buyer with its accounts, and the offers.

What a process has read it keeps, with the versions of the rows. Another order on it needs no reading: its insert asks
whether the versions are the same still, so that nothing is ever placed on what has changed.
"""

import dataclasses
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from accounts.models import ApiToken, Organization
from accounts.selectors import TOKEN, TOKEN_VERSION, token_of
from market.catalog.models import Offer
from market.catalog.selectors import OFFER_VERSION, ORDERABLE, offer_of
from market.kernel import clock
from market.kernel.conditions import Condition
from market.kernel.documents import copied, document, loaded, statement
from market.kernel.errors import NotFound
from market.kernel.memory import Memory
from market.kernel.money import CURRENCY
from market.ledger.states import AccountKind

_BUYER = "(SELECT buyer_id FROM asking)"
_GROUND = (
    statement(Path(__file__).with_name("ground.sql"))
    .replace("{token}", TOKEN)
    .replace("{orderable}", ORDERABLE.replace("%(buyer)s", _BUYER))
)
_UNCHANGED = statement(Path(__file__).with_name("unchanged.sql")).replace("{offer_version}", OFFER_VERSION)
_BUYER_VERSION = "SELECT buyer.xmin::text FROM accounts_organization AS buyer WHERE buyer.id = ask.buyer"
_UNCHANGED_BY_TOKEN = _UNCHANGED.replace("{asker_version}", TOKEN_VERSION)
_UNCHANGED_BY_BUYER = _UNCHANGED.replace("{asker_version}", _BUYER_VERSION)
_ASK = "buyer uuid, prefix text, asker_version text, offer uuid, offer_version text"

Asker = str | uuid.UUID
"""Who asks for an order: the prefix of a token, or the organisation that buys."""

KEPT = 2_000
"""Askers, and offers, that a process keeps: some ten kilobytes each."""


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
    """What was read, at one moment. ``offers`` holds those that the buyer may know of.

    ``unchanged`` is set on ground that was read earlier: what an insert must ask, or None for ground just read.
    """

    buyer: Organization
    accounts: dict[str, uuid.UUID]
    has_limits: bool
    offers: dict[tuple[uuid.UUID, str], Offer]
    token: ApiToken | None = None
    is_answered: bool = False
    version: str | None = None
    unchanged: Condition | None = None

    def payer(self, currency: str = CURRENCY) -> Organization:
        """The buyer with ``wallet_id`` and ``escrow_id`` of that currency, None where no account is open."""
        for kind in (AccountKind.WALLET, AccountKind.ESCROW):
            setattr(self.buyer, f"{kind}_id", self.accounts.get(f"{kind} {currency}"))
        return self.buyer


_askers: Memory[Ground] = Memory(KEPT)
_offers: Memory[Offer] = Memory(KEPT)


def ground_of(wishes: Iterable[Wish], *, buyer_org_id: uuid.UUID) -> Ground:
    """What a buyer's wishes stand on; one query. Raises ``NotFound`` for a buyer that is not there."""
    wanted = list(dict.fromkeys(wish.stands_on for wish in wishes))
    found = _read(wanted, buyer=buyer_org_id)
    if found["buyer"] is None:
        raise NotFound
    ground = _ground(found, wanted, loaded(Organization, found["buyer"]["organization"]))
    ground.version = found["buyer"]["version"]
    return ground


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
    ground.token, ground.is_answered, ground.version = token, found["is_answered"], found["token"]["version"]
    return ground


def keep(ground: Ground, wish: Wish, asker: Asker) -> None:
    """Keep what was read for the next order by ``asker`` or of the offer. It must have been read from what had been
    committed. Not kept is what depends on more than the versions: spending limits, approvals, private offers."""
    offer = ground.offers.get(wish.stands_on)
    if ground.has_limits or offer is None:
        return
    _askers.keep(asker, dataclasses.replace(ground, offers={}, is_answered=False))
    if offer.buyer_org_id is None and not offer.product.needs_purpose_approval:
        _offers.keep(offer.id, offer)


def forget(wish: Wish, asker: Asker) -> None:
    """Let the next order by ``asker`` or of the offer read again."""
    _askers.forget(asker)
    _offers.forget(wish.offer_id)


def kept_ground(wish: Wish, asker: Asker) -> Ground | None:
    """The ground of a wish as this process read it earlier, without a query; None if it was not kept.

    Nothing may be inserted on it but under its condition ``unchanged``.
    """
    known, offer = _askers.get(asker), _offers.get(wish.offer_id)
    if known is None or offer is None:
        return None
    ask = {"buyer": known.buyer.id, "prefix": asker, "asker_version": known.version}
    ask |= {"offer": offer.id, "offer_version": offer.version}
    unchanged = _UNCHANGED_BY_TOKEN if known.token else _UNCHANGED_BY_BUYER
    return Ground(
        copied(known.buyer),  # ``payer`` writes on it, and other threads have it too
        known.accounts,
        known.has_limits,
        {wish.stands_on: offer},
        known.token,
        version=known.version,
        unchanged=Condition(unchanged, _ASK, [ask]),
    )


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
    accounts = {name: uuid.UUID(account) for name, account in (found["accounts"] or {}).items()}
    return Ground(buyer, accounts, found["has_limits"], offers)
