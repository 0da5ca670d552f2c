import pytest

from tests import factories
from tests.banking.messages import ACCOUNT
from tests.settlement.trades import market_with_fees


@pytest.fixture(autouse=True)
def exchange_account(settings) -> None:
    settings.EXCHANGE_BANK_ACCOUNT = ACCOUNT


@pytest.fixture
def market() -> factories.Market:
    return market_with_fees()
