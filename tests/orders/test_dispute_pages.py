"""Disputes, spending limits and the picture of an order's history, in the three workspaces."""

import json

import pytest
from django.urls import reverse

from accounts.models import Membership
from accounts.states import Capacity, Role
from market.kernel.money import MAX_AMOUNT
from market.orders import services
from market.orders.admin.timeline import steps_of
from market.orders.models import Dispute, SpendingLimit
from market.orders.panels import operator_panel, vendor_panel
from market.orders.selectors import timeline
from market.orders.states import DisputeState, OrderState
from market.settlement.services import capture_many
from tests import factories
from tests.orders.test_admin import change, enter, text
from tests.orders.test_disputes import answered, current, decide, disputed
from tests.orders.trades import buyer, delivered, money
from tests.settlement.trades import market_with_fees

pytestmark = pytest.mark.django_db


def act(dispute: Dispute, name: str, site: str) -> str:
    return reverse(f"{site}:orders_dispute_act", args=[dispute.id, name])


def test_a_vendor_answers_on_its_page():
    market = factories.market()
    dispute = disputed(market).dispute
    client = enter(market.lister)
    assert dispute.order.number in text(client.get(reverse("vendor:orders_dispute_changelist")))
    page = text(client.get(change("vendor", dispute)))
    assert act(dispute, "answer", "vendor") in page and "March is missing." in page
    for evidence in dispute.evidence.all():
        assert evidence.sha256 in page
    assert client.post(act(dispute, "answer", "vendor"), {"text": "It is there."}).status_code == 302
    dispute.refresh_from_db()
    assert (dispute.state, dispute.answer) == (DisputeState.AWAITING_DECISION, "It is there.")
    assert client.post(act(dispute, "answer", "vendor"), {"text": "More."}).status_code == 404


def test_another_vendor_sees_nothing_of_it():
    market = factories.market()
    dispute = disputed(market).dispute
    rival = enter(factories.member(factories.organization(Capacity.VENDOR), Role.LISTER))
    assert dispute.order.number not in text(rival.get(reverse("vendor:orders_dispute_changelist")))
    for address in (change("vendor", dispute), act(dispute, "answer", "vendor")):
        assert rival.get(address).status_code == 404
    assert rival.post(act(dispute, "answer", "vendor"), {"text": "Ours."}).status_code == 404
    dispute.refresh_from_db()
    assert dispute.state == DisputeState.AWAITING_ANSWER


def test_an_operator_decides_on_its_page():
    market = factories.market()
    order = answered(market)
    client, address = enter(market.operator), act(order.dispute, "decide", "operator")
    assert address in text(client.get(change("operator", order.dispute)))
    wrong = client.post(address, {"verdict": "partial", "refund_amount": "100.00", "grounds": "Half."})
    assert "less than the whole" in text(wrong)
    assert current(order).state == OrderState.DISPUTED
    wish = {"verdict": "partial", "refund_amount": "40.00", "grounds": "Half of it is missing."}
    assert client.post(address, wish).status_code == 302
    assert current(order).dispute.refund_amount == 4_000
    assert money(market) == (94_000, 6_000)
    page = text(client.get(change("operator", order)))
    assert change("operator", order.dispute) in page and "Half of it is missing." in page


def test_before_its_time_nobody_decides_and_an_auditor_never():
    market = factories.market()
    early, ripe = disputed(market).dispute, answered(market).dispute
    wish = {"verdict": "accept", "grounds": "Fine."}
    assert enter(market.operator).post(act(early, "decide", "operator"), wish).status_code == 404
    finance = enter(factories.member(market.operator.organization, Role.FINANCE))
    assert finance.post(act(ripe, "decide", "operator"), wish).status_code == 404
    auditor = enter(market.auditor)
    assert "It is in the second file." in text(auditor.get(change("auditor", ripe)))
    assert auditor.post(act(ripe, "decide", "auditor"), wish).status_code == 404
    assert set(Dispute.objects.values_list("verdict", flat=True)) == {""}


def test_spending_limits_are_shown_and_cannot_be_changed():
    market = factories.market()
    owner = factories.actor_of(factories.member(market.buyer, Role.OWNER))
    limit = services.set_limit(actor=owner, membership_id=market.purchaser.id, amount=123_456)
    for site, person in (("operator", market.operator), ("auditor", market.auditor)):
        client = enter(person)
        page = text(client.get(reverse(f"{site}:orders_spendinglimit_changelist")))
        assert "1,234.56" in page and market.buyer.name in page and market.purchaser.user.email in page
        assert text(client.get(change(site, limit)))
        assert client.post(change(site, limit), {"amount": MAX_AMOUNT}).status_code == 403
    assert SpendingLimit.objects.get().amount == 123_456


def test_first_pages_count_what_waits_for_whom():
    market = factories.market()
    for _number in range(2):
        disputed(market)
    answered(market)
    for site, person, title, count in (
        ("vendor", market.lister, "Disputes to answer", 2),
        ("operator", market.operator, "Disputes to decide", 1),
    ):
        page = text(enter(person).get(reverse(f"{site}:index")))
        state = "awaiting_answer" if site == "vendor" else "awaiting_decision"
        assert title in page and f"state__exact={state}" in page
        figures = [figure for figure in panel_figures(site, person) if str(figure.title) == title]
        assert [figure.value for figure in figures] == [str(count)]
    rival = factories.member(factories.organization(Capacity.VENDOR), Role.LISTER)
    figures = {str(figure.title): figure.value for figure in panel_figures("vendor", rival)}
    assert figures["Disputes to answer"] == "0"


def panel_figures(site: str, person: Membership) -> list:
    return list({"vendor": vendor_panel, "operator": operator_panel}[site](factories.actor_of(person)))


class TestPicture:
    def test_money_stands_at_the_act_that_moved_it(self):
        market = market_with_fees()
        order = decide(market, answered(market), "partial", refund_amount=4_000)
        capture_many(charge_ids=[order.charges.get().id])
        steps = steps_of(timeline(factories.actor_of(market.operator), order))
        moved = {step.act.name: [m.amount for m in step.movements] for step in steps if step.movements}
        assert {name: sum(amounts) for name, amounts in moved.items()} == {
            "order.placed": 10_000,
            "order.dispute_decided": 4_000,
            "order.captured": 6_000,
        }
        assert len(moved["order.captured"]) == 3
        assert [step.at for step in steps] == sorted(step.at for step in steps)

    def test_is_shown_in_all_three_workspaces_and_names_people_to_their_own(self):
        market = factories.market()
        order = decide(market, answered(market), "refund")
        people = (("operator", market.operator), ("vendor", market.lister), ("auditor", market.auditor))
        for site, person in people:
            page = text(enter(person).get(change(site, order)))
            for part in ("workspace-timeline", "order.dispute_decided", "We looked at the file.", "¥ 100.00"):
                assert part in page, (site, part)
            assert (market.purchaser.user.email in page) == (site != "vendor")
            assert market.lister.user.email in page

    def test_an_order_that_moved_nothing_has_one_too(self):
        market = factories.market()
        order = delivered(market, offer_id=factories.offer(market.offer.product, 0).id)
        page = text(enter(market.operator).get(change("operator", order)))
        assert "workspace-timeline" in page and "¥ 0.00" in page


def test_what_people_write_is_never_markup():
    market = factories.market()
    order = delivered(market)
    attack = "<script>alert(1)</script>"
    dispute = services.dispute(actor=buyer(market), order_id=order.id, reason="other", text=attack)
    page = text(enter(market.operator).get(change("operator", dispute)))
    assert attack not in page and "&lt;script&gt;alert(1)" in page
    assert json.loads(dispute.evidence.get(kind="contract").document)["order"] == order.number
