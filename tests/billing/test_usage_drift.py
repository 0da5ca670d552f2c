"""Use that was tampered with is found by the reconciliation, and the meter or statement named."""

import pytest

from market.billing import services
from market.billing.models import Statement
from market.kernel import clock
from tests import factories
from tests.billing.metering import at, back, meter_of, metered, report, use
from tests.settlement.corruption import corrupt, drifted

CORRUPTIONS = [
    ("UPDATE billing_meter SET drawn = drawn + 1", {"meter"}),
    ("UPDATE billing_meter SET units = units - 1", {"meter"}),
    ("UPDATE billing_meter SET charged = charged + 1", {"meter"}),
    ("UPDATE billing_meter SET prepaid = prepaid + 1", {"meter"}),
    ("UPDATE billing_usageday SET units = units + 1 WHERE day = '2027-03-08'", {"meter"}),
    ("UPDATE billing_usageday SET drawn = drawn + 1 WHERE day = '2027-03-08'", {"meter"}),
    ("UPDATE billing_usagerecord SET units = units + 1 WHERE month = '2027-04-01'", {"meter"}),
    (
        "UPDATE billing_usagerecord SET drawn = drawn + 1 WHERE month = '2027-03-01' AND NOT is_trial",
        {"meter", "statement"},
    ),
    ("DELETE FROM billing_usagerecord WHERE month = '2027-03-01'", {"meter", "statement"}),
    ("UPDATE billing_usagerecord SET month = '2027-03-01' WHERE month = '2027-04-01'", {"meter", "statement"}),
    ("UPDATE billing_statement SET units = units + 1", {"statement"}),
    ("UPDATE billing_statement SET amount = amount + 1", {"meter", "statement"}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("statement", "named"), CORRUPTIONS)
def test_tampered_use_is_found(statement, named):
    market = factories.market()
    order, mistake = metered(market, trial_days=1), use(7, at(3, 8, 4))
    with clock.frozen_at(at(3, 8, 5)):
        report(market, order, mistake, use(100, at(3, 8, 4)), use(9, at(3, 5, 4)), back(mistake))
    with clock.frozen_at(at(4, 2)):
        services.close_due()
        report(market, order, use(30))
        assert drifted() == {}
        corrupt(statement)
        keys = {"meter": str(meter_of(order).id), "statement": str(Statement.objects.get().id)}
        assert drifted()["use"] == {keys[name] for name in named}
