"""Buyers who want invoices, and vendors who issue them."""

import dataclasses
import io
import itertools
import uuid

from accounts.states import Role
from market.documents import services
from market.documents.models import Invoice, InvoiceProfile, TaxDocument
from market.kernel import clock
from market.kernel.actors import Actor
from tests import factories
from tests.settlement import lives
from tests.settlement.trades import market_with_fees

PDF = b"%PDF-1.7\nAn invoice.\n"
TAX_NUMBER = factories.valid_uscc(7_000)
_numbers = itertools.count(1)


def finance_of(market: factories.Market) -> Actor:
    """Whoever handles the buyer's money."""
    return dataclasses.replace(factories.actor_of(market.purchaser), role=Role.FINANCE)


def vendor_of(market: factories.Market) -> Actor:
    return factories.actor_of(market.vendor_finance)


def number() -> str:
    """The next number of a fully digital invoice."""
    return f"26522{next(_numbers):015d}"


def with_profile(market: factories.Market) -> InvoiceProfile:
    return services.save_profile(actor=finance_of(market), title=market.buyer.name, tax_number=TAX_NUMBER)


def captured(count: int = 2) -> tuple[factories.Market, list[uuid.UUID]]:
    """A market with captured orders of 100.00 each, 5.66 of it VAT, whose buyer has a profile."""
    market = market_with_fees()
    made = lives.completed(market, count)
    with_profile(market)
    return market, made


def requested(market: factories.Market, *order_ids: uuid.UUID) -> Invoice:
    return services.request_invoice(actor=factories.actor_of(market.purchaser), order_ids=order_ids, kind="special")


def issue(market: factories.Market, invoice: Invoice, **changes) -> TaxDocument:
    given = {"code": "", "number": number(), "issued_on": clock.business_date(), "file": io.BytesIO(PDF)}
    actor = changes.pop("actor", vendor_of(market))
    return services.issue_invoice(actor=actor, invoice_id=invoice.id, **given | changes)


def take_back(market: factories.Market, invoice: Invoice, amount: int, **changes) -> TaxDocument:
    given = {"code": "", "number": number(), "issued_on": clock.business_date(), "file": io.BytesIO(PDF)}
    actor = changes.pop("actor", vendor_of(market))
    return services.red_letter(actor=actor, invoice_id=invoice.id, amount=amount, **given | changes)


def issued_for(market: factories.Market, order_id: uuid.UUID) -> TaxDocument:
    """The invoice of one order, from the profile to the file."""
    with_profile(market)
    return issue(market, requested(market, order_id))
