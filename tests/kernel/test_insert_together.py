"""Many models in one statement."""

import pytest

from accounts.errors import AlreadyRegistered
from market.audit.models import AuditEvent
from market.ledger.states import AccountKind
from tests import factories


@pytest.mark.django_db
def test_market_stands_and_money_is_where_it_should_be():
    made = factories.market(funds=1234)
    assert factories.balance(made.buyer, AccountKind.WALLET) == 1234
    assert AuditEvent.objects.filter(name="deposit.confirmed", on_behalf_of_org_id=made.buyer.id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_refused_row_refuses_all():
    made = factories.organization("buyer")
    before = AuditEvent.objects.count()
    with pytest.raises(AlreadyRegistered):
        factories.organization("vendor", uscc=made.uscc)
    assert AuditEvent.objects.count() == before
