import datetime
from collections.abc import Iterator

import pytest

from market.kernel import clock
from market.settlement.models import FeeSchedule
from tests.concurrency.together import Standing


@pytest.fixture
def fees(transactional_db) -> None:
    """The fees of the model."""
    FeeSchedule.objects.create(version=1, commission_bps=500, effective_from=clock.now() - datetime.timedelta(days=1))


@pytest.fixture
def pair(transactional_db) -> Iterator[Standing]:
    """Two who race."""
    made = Standing(2)
    yield made
    made.close()
