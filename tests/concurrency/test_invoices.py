"""Two bookkeepers at once: first what happens without the guard, then that one of them is told."""

import pytest
from django.db import transaction
from django.db.models import Sum

from market.documents.errors import NotInvoiceable, RedLetterTooHigh
from market.documents.models import InvoiceLine, TaxDocument
from market.kernel.database import insert_together
from tests.concurrency.guards import with_function_changed, without_index, without_triggers
from tests.concurrency.together import InBackground, blocked_backends
from tests.documents.invoicing import captured, issue, requested, take_back
from tests.documents.test_invoice_guards import paper

pytestmark = pytest.mark.django_db(transaction=True)
FORGET = "SET session_replication_role = replica; DELETE FROM {}; SET session_replication_role = origin"


def living(made) -> int:
    return InvoiceLine.objects.filter(order_id=made[0], released_at=None).count()


def test_without_the_unique_index_an_order_is_invoiced_twice():
    market, made = captured(1)
    with without_index("invoice_line_capture_once", FORGET.format("documents_invoiceline")):
        with transaction.atomic():
            requested(market, *made)
            InBackground(lambda: requested(market, *made)).wait()
        assert living(made) == 2


def test_two_requests_for_one_order(wait_until):
    market, made = captured(1)
    with transaction.atomic():
        requested(market, *made)
        other = InBackground(lambda: requested(market, *made))
        wait_until(blocked_backends, "the other to wait")
    assert isinstance(other.wait(), NotInvoiceable)
    assert living(made) == 1


def red_total(invoice) -> int:
    return TaxDocument.objects.filter(invoice=invoice, colour="red").aggregate(sum=Sum("amount"))["sum"] or 0


def test_without_the_lock_two_red_letters_take_back_more_than_the_invoice():
    market, made = captured(1)
    invoice = requested(market, *made)
    issue(market, invoice)

    def naive() -> None:
        insert_together(paper(invoice, colour="red", amount=6_000))

    with with_function_changed("documents_taxdocument_amounts", "FOR NO KEY UPDATE", ""):
        with transaction.atomic():
            naive()
            InBackground(naive).wait()
        assert red_total(invoice) == 12_000
    with without_triggers("documents_taxdocument"):
        TaxDocument.objects.filter(colour="red").delete()


def test_two_red_letters_at_once(wait_until):
    market, made = captured(1)
    invoice = requested(market, *made)
    issue(market, invoice)
    with transaction.atomic():
        take_back(market, invoice, 6_000)
        other = InBackground(lambda: take_back(market, invoice, 6_000))
        wait_until(blocked_backends, "the other to wait")
    assert isinstance(other.wait(), RedLetterTooHigh)
    assert red_total(invoice) == 6_000
