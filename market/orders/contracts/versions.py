"""The next version of a contract: the terms in force with what both sides agreed to change. Pure, no I/O."""

import datetime
import hashlib
import json
import uuid
from typing import Any

import rfc8785

from market.catalog.pricing import from_document, unused_months
from market.catalog.states import PriceModel
from market.orders.models import Amendment, OrderTerms

PLACES = {
    "purpose": ("order", "purpose"),
    "licence": ("offer", "licence"),
    "acceptance_days": ("offer", "acceptance_days"),
    "ends_on": ("ends_early", "ends_before"),
}
"""Where in the document stands what an amendment may change."""


def agreed(terms: OrderTerms) -> dict[str, Any]:
    """What these terms say about everything that may be changed; ``ends_on`` is None without an early end."""
    document = json.loads(terms.document)
    found = {name: document.get(section, {}).get(member) for name, (section, member) in PLACES.items()}
    if found["ends_on"] is not None:
        found["ends_on"] = datetime.date.fromisoformat(found["ends_on"])
    return found


def unused_amount(terms: OrderTerms, ends_on: datetime.date) -> int | None:
    """The fen of the price that fall on the days from ``ends_on`` on, beyond those given up by an earlier amendment.

    Month by month: whole months after that day, and of the month it falls in the days (``pricing.unused_months``).
    None for metered use, of which the prepayment that is left returns.
    """
    document = json.loads(terms.document)
    price = document["price"]
    if price["rule"]["model"] == PriceModel.METERED:
        return None
    months = from_document(price["rule"]).months
    starts_on = datetime.date.fromisoformat(price["term"]["starts_on"])
    unused = unused_months(price["total"], months, starts_on, ends_on)
    earlier = agreed(terms)["ends_on"]
    return unused - unused_months(price["total"], months, starts_on, earlier) if earlier else unused


def next_version(
    current: OrderTerms, amendment: Amendment, *, approval_id: uuid.UUID | None, confirmed_at: datetime.datetime
) -> OrderTerms:
    """The unsaved terms that follow ``current``: canonical JSON again, which says what it changes and what it replaces.

    ``approval_id`` is the approval of the contract's purpose, where the product needs one.
    """
    document = json.loads(current.document)
    before = agreed(current)
    for name, value in amendment.changes().items():
        section, member = PLACES[name]
        document.setdefault(section, {})[member] = _plain(value)
    if approval_id is not None:
        document["order"]["purpose_approval"] = str(approval_id)
    if amendment.ends_on is not None:
        document["ends_early"]["unused_amount"] = amendment.unused_amount
        if "later_revisions_until" in document["revision"]:
            document["revision"]["later_revisions_until"] = amendment.ends_on.isoformat()
    document["amendment"] = {
        "id": str(amendment.id),
        "version": current.version + 1,
        "amends_sha256": current.sha256,
        "proposed_by": str(amendment.side),
        "proposed_at": _moment(amendment.created_at),
        "confirmed_at": _moment(confirmed_at),
        "changes": [
            {"what": name, "before": _plain(before[name]), "after": _plain(value)}
            for name, value in amendment.changes().items()
        ],
    }
    canonical = rfc8785.dumps(document)
    return OrderTerms(
        order_id=current.order_id,
        version=current.version + 1,
        document=canonical.decode(),
        sha256=hashlib.sha256(canonical).hexdigest(),
        created_at=confirmed_at,
    )


def described(terms: OrderTerms) -> dict[str, Any]:
    """A version and what it changed, in JSON's types: ``version``, ``sha256``, ``created_at``, ``amendment`` and
    ``changes`` (each ``what``, ``before`` and ``after``; none in the first version)."""
    amendment = json.loads(terms.document).get("amendment", {})
    return {
        "version": terms.version,
        "sha256": terms.sha256,
        "created_at": terms.created_at,
        "amendment": amendment.get("id"),
        "changes": amendment.get("changes", []),
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def _moment(moment: datetime.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
