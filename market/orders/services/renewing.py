"""Renewal: another order of the same thing for another term, placed by the exchange."""

import dataclasses

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.states import OrganizationState
from market.catalog import pricing
from market.catalog.models import Offer
from market.catalog.selectors import orderable_offer
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together, violated_constraint
from market.ledger.selectors import organization_with_accounts
from market.ledger.services import posting
from market.orders.contracts.versions import agreed
from market.orders.errors import AlreadyRenewed
from market.orders.models import Order, OrderTerms
from market.orders.services.placing import drafted
from market.orders.services.steps import evidence
from market.orders.services.waiting import keep_if_unpayable
from market.outbox.services import announce


def renew(*, order: Order) -> Order:
    """Place the order that goes on where the term of ``order`` ends: same offer, price, quantity and purpose.

    A licence and an acceptance period that were amended go on, too. Renewed late, the term begins today: nobody pays
    for days that have gone by. The price is the one that was agreed, whether or not the offer is still for sale; the
    trial is not repeated, and what is delivered is the latest revision. The buyer agreed to renewals when it ordered,
    so no spending limit is asked; beyond the wallet's balance the order waits for funds. The database refuses a second
    renewal of one order.

    Raises ``AlreadyRenewed``, and ``OfferNotOrderable``, ``ApprovalNeeded``, ``OrganizationNotTrading`` or
    ``WalletMissing`` when the trade may not go on; nothing has changed then.
    """
    try:
        return _renew(order)
    except IntegrityError as error:
        if violated_constraint(error) == "orders_order_renews_id_key":
            raise AlreadyRenewed from error
        raise


def _renew(order: Order) -> Order:
    with posting(), transaction.atomic():
        offer = orderable_offer(order.offer_id, order.buyer_org_id, purpose=order.purpose, is_renewal=True)
        buyer = organization_with_accounts(order.buyer_org_id, order.currency)
        if buyer.state != OrganizationState.VERIFIED:
            raise OrganizationNotTrading(_("The buyer may not order at present."))
        rule = dataclasses.replace(offer.price_rule(), trial_days=0)
        starts_on = max(order.term_ends_on, clock.business_date())
        bargain = pricing.bargain(rule, order.quantity, starts_on)
        _follow_amendments(order, offer)
        draft = drafted(
            offer,
            buyer,
            bargain,
            clock.now(),
            placed_by_id=order.placed_by_id,
            quantity=order.quantity,
            renews=order,
            purpose=order.purpose,
            acceptance_days=order.acceptance_days,
        )
        following = draft.order
        # The buyer has given no number of its own; nobody can have taken this one beforehand.
        following.client_reference = f"renewal-{following.id}"
        keep_if_unpayable(following, buyer)
        rows = draft.rows(SYSTEM)
        insert_together(*rows, evidence("order.renewed", SYSTEM, order, by=str(following.id)))
        announce(rows)
    return following


def _follow_amendments(order: Order, offer: Offer) -> None:
    """Let the offer, in memory only, say what both sides have agreed on since: the next terms are frozen from it."""
    now = agreed(OrderTerms.objects.filter(order=order).order_by("-version")[0])
    offer.licence, offer.acceptance_days = now["licence"], now["acceptance_days"]
