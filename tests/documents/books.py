"""A market with months of history, for tests of what its bookkeepers read."""

import datetime
import uuid

from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.settlement.models import Payout
from market.settlement.services import confirm_payout, run_settlement
from tests import factories
from tests.settlement import lives
from tests.settlement.trades import market_with_fees

OCTOBER = datetime.date(2026, 10, 1)
NOVEMBER = datetime.date(2026, 11, 1)
DECEMBER = datetime.date(2026, 12, 1)


def noon(day: datetime.date) -> datetime.datetime:
    """Noon of that business day."""
    return clock.business_midnight(day) + datetime.timedelta(hours=12)


def day(month: datetime.date, number: int) -> datetime.date:
    return month.replace(day=number)


def account(organization, kind: str = AccountKind.PAYABLE) -> Account:
    return Account.objects.select_related("organization").get(organization=organization, kind=kind)


def sold(market: factories.Market, on: datetime.date, amount: int = 10_000) -> uuid.UUID:
    """An order placed, delivered, accepted and captured at noon of that day."""
    with clock.frozen_at(noon(on)):
        order_id = lives.place(market, factories.offer(market.offer.product, amount).id)
        for act in (lives.deliver, lives.accept, lives.capture):
            act(market, order_id)
    return order_id


def paid_out(on: datetime.date) -> None:
    """A run at noon of that day that settles whatever was captured before it, and the bank's confirmation."""
    with clock.frozen_at(noon(on)):
        run_settlement(actor=SYSTEM, cutoff=clock.now())
        for payout_id in Payout.objects.filter(state="sent").values_list("id", flat=True):
            confirm_payout(actor=SYSTEM, payout_id=payout_id)


def market_with_books() -> factories.Market:
    """October: 1,000.00 came in, 100.00 sold. November: 100.00 and 50.00 sold, what was earned in October and on the
    5th paid out on the 10th; one order cancelled, one open. Commission 5 %, VAT 6 % inside."""
    with clock.frozen_at(noon(day(OCTOBER, 3))):
        market = market_with_fees()
    sold(market, day(OCTOBER, 20))
    sold(market, day(NOVEMBER, 5))
    paid_out(day(NOVEMBER, 10))
    sold(market, day(NOVEMBER, 12), 5_000)
    with clock.frozen_at(noon(day(NOVEMBER, 20))):
        lives.cancel(market, lives.place(market))
        lives.place(market)
    return market
