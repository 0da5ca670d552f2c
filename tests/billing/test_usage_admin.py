"""Metered use in the workspaces: vendors see their own meters with a picture, operators and auditors all."""

import re

import pytest
from django.test import Client

from market.billing import services
from market.billing.models import Meter, Statement, UsageRecord
from market.kernel import clock
from tests import factories
from tests.billing.metering import at, meter_of, metered, report, use

pytestmark = pytest.mark.django_db
NOON = at(3, 8, 4)


@pytest.fixture(autouse=True)
def noon():
    with clock.frozen_at(NOON):
        yield


@pytest.fixture
def market():
    return factories.market()


def signed_in(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def test_a_vendor_sees_its_meter_with_every_day_of_use(market):
    order = metered(market, free_units=10)
    report(market, order, use(100, at(3, 6, 4)), use(25, at(3, 7, 4)))
    page = signed_in(market.lister).get(f"/vendor/billing/meter/{meter_of(order).id}/change/").content.decode()
    bars = re.findall(r'<rect [^>]*height="(\d+)"[^>]*><title>([^<]*)</title>', page)
    assert len(bars) == 30
    assert [(int(height), text) for height, text in bars if int(height) > 1] == [
        (120, "2027-03-06: 100 call"),
        (30, "2027-03-07: 25 call"),
    ]
    assert "98.85" in page and "free units" in page and order.number in page


@pytest.mark.parametrize("site", ["vendor", "admin", "auditor"])
def test_lists_take_as_many_queries_however_long_they_are(market, site, django_assert_max_num_queries):
    member = {"vendor": market.lister, "admin": market.operator, "auditor": market.auditor}[site]
    client = signed_in(member)
    counts = []
    for _round in range(2):
        for _number in range(2):
            report(market, metered(market, 1_000), use(5), use(7))
        with clock.frozen_at(at(3, 31, 16)):
            services.close_due()
        numbers = []
        for model in (Meter, Statement, UsageRecord):
            with django_assert_max_num_queries(25) as queries:
                assert client.get(f"/{site}/billing/{model._meta.model_name}/").status_code == 200
            numbers.append(len(queries))
        counts.append(numbers)
    assert counts[0] == counts[1]


def test_a_record_is_found_by_its_order_and_id(market):
    order = metered(market)
    report(market, order, use(3, id="gw1 417"), use(4, id="other"))
    client = signed_in(market.operator)
    found = client.get("/admin/billing/usagerecord/", {"q": f"{order.number.lower()} gw1 417"}).content.decode()
    assert "gw1 417" in found and ">other<" not in found
    assert "gw1 417" not in client.get("/admin/billing/usagerecord/", {"q": "gw1"}).content.decode()
    record = UsageRecord.objects.get(record_id="other")
    assert "other" in client.get(f"/admin/billing/usagerecord/{record.id}/change/").content.decode()
