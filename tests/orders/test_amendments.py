"""Changes of contracts: proposed by one side, confirmed by the other, and a next version of the terms."""

import datetime
import hashlib
import json
import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.catalog import pricing
from market.catalog import services as catalog
from market.catalog.errors import ApprovalNeeded
from market.kernel import clock
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.orders import jobs, selectors, services
from market.orders.errors import AmendmentOpen, AmendmentRunOut, NotAmendable
from market.orders.models import Amendment, Order, OrderTerms
from market.outbox.models import Job
from tests import factories
from tests.orders.trades import buyer, delivered, failed, place
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
NEW = {"purpose": "Route planning too.", "licence": "Internal use.\nAnd by subsidiaries.", "acceptance_days": 21}
MORNING = datetime.datetime(2027, 1, 17, 1, 0, tzinfo=datetime.UTC)


def vendor(market):
    return factories.actor_of(market.lister)


def proposed(market, order, actor=None, **changes) -> Amendment:
    return services.propose_amendment(
        actor=actor or buyer(market), order_id=order.id, **changes or {"purpose": NEW["purpose"]}
    )


def confirmed(market, order, **changes) -> Amendment:
    amendment = proposed(market, order, **changes)
    return services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)


def running(market, amount=10_000, months=3, quantity=1) -> Order:
    """A prepaid subscription from 17 January to before 17 April 2027, accepted."""
    offer = factories.offer(market.offer.product, amount, price_model="subscription", months=months)
    with clock.frozen_at(MORNING):
        order = delivered(market, offer_id=offer.id, quantity=quantity)
        return services.accept(actor=buyer(market), order_id=order.id)


def on(month: int, day: int):
    return clock.frozen_at(datetime.datetime(2027, month, day, 4, 0, tzinfo=datetime.UTC))


def newest(order) -> tuple[OrderTerms, dict]:
    terms = order.terms.order_by("-version")[0]
    return terms, json.loads(terms.document)


def test_a_confirmed_proposal_is_the_next_version_of_the_terms():
    market = factories.market()
    order = place(market)
    first = order.terms.get()
    amendment = confirmed(market, order, **NEW)
    order.refresh_from_db()
    terms, document = newest(order)
    assert (amendment.state, amendment.terms, terms.version) == ("confirmed", terms, 2)
    assert order.terms_sha256 == terms.sha256 == hashlib.sha256(terms.document.encode()).hexdigest()
    assert (order.purpose, order.acceptance_days) == (NEW["purpose"], 21)
    assert document["order"]["purpose"] == NEW["purpose"]
    assert document["offer"]["licence"] == NEW["licence"] and document["offer"]["acceptance_days"] == 21
    assert document["amendment"]["amends_sha256"] == first.sha256
    assert document["amendment"]["proposed_by"] == "buyer"
    assert [change["what"] for change in document["amendment"]["changes"]] == list(NEW)
    untouched = json.loads(first.document)
    for name in set(untouched) - {"order", "offer"}:
        assert document[name] == untouched[name]
    event = AuditEvent.objects.get(name="order.amended")
    assert (event.payload["version"], event.payload["terms_sha256"]) == (2, terms.sha256)
    assert event.actor_org_id == event.on_behalf_of_org_id == market.vendor.id
    assert NEW["purpose"] not in json.dumps(event.payload)


def test_versions_follow_each_other():
    market = factories.market()
    order = place(market)
    confirmed(market, order, purpose="One.")
    amendment = proposed(market, order, vendor(market), licence="Two.")
    services.confirm_amendment(actor=buyer(market), amendment_id=amendment.id)
    versions = selectors.versions_of(buyer(market), order.id)
    assert [terms.version for terms in versions] == [1, 2, 3]
    for earlier, later in zip(versions, versions[1:], strict=False):
        assert json.loads(later.document)["amendment"]["amends_sha256"] == earlier.sha256
    document = json.loads(versions[2].document)
    assert (document["order"]["purpose"], document["offer"]["licence"]) == ("One.", "Two.")


def test_the_new_acceptance_period_counts_from_delivery():
    market = factories.market()
    order = place(market)
    confirmed(market, order, acceptance_days=21)
    services.mark_delivering(order_id=order.id)
    order = services.mark_delivered(order_id=order.id)
    assert order.acceptance_due_at - order.delivered_at == datetime.timedelta(days=21)


def test_a_delivered_order_is_accepted_later_when_both_agree():
    market = factories.market()
    order = delivered(market)
    confirmed(market, order, acceptance_days=30)
    order.refresh_from_db()
    assert order.acceptance_due_at - order.delivered_at == datetime.timedelta(days=30)
    with clock.frozen_at(order.delivered_at + datetime.timedelta(days=29)):
        assert services.accept_overdue() == 0
        with pytest.raises(NotAmendable) as refusal, transaction.atomic():
            proposed(market, order, acceptance_days=5)
    assert list(refusal.value.errors) == ["/acceptance_days"]
    with clock.frozen_at(order.delivered_at + datetime.timedelta(days=30)):
        assert services.accept_overdue() == 1


@pytest.mark.parametrize("end", ["decline", "withdraw", "expire"])
def test_without_confirmation_the_contract_stays_as_it_is(end):
    market = factories.market()
    order = place(market)
    amendment = proposed(market, order)
    order.refresh_from_db()
    assert order.amendment_due_at == amendment.due_at
    if end == "expire":
        with clock.frozen_at(amendment.due_at):
            assert services.expire_amendments() == 1
            assert services.expire_amendments() == 0
    else:
        actor = {"decline": vendor, "withdraw": buyer}[end](market)
        act = {"decline": services.decline_amendment, "withdraw": services.withdraw_amendment}[end]
        act(actor=actor, amendment_id=amendment.id, message="Not like that.")
    amendment.refresh_from_db()
    order.refresh_from_db()
    states = {"decline": "declined", "withdraw": "withdrawn", "expire": "expired"}
    assert amendment.state == states[end] and amendment.closed_at is not None
    assert amendment.answer == ("" if end == "expire" else "Not like that.")
    assert (order.purpose, order.amendment_due_at, order.terms.count()) == ("Cold-chain planning.", None, 1)
    assert AuditEvent.objects.filter(name=f"order.amendment_{states[end]}", subject_id=order.id).count() == 1
    for act in (services.confirm_amendment, services.decline_amendment):
        with pytest.raises(IllegalTransition), transaction.atomic():
            act(actor=vendor(market), amendment_id=amendment.id)
    assert proposed(market, order).state == "proposed"


def test_the_time_to_answer_is_over_whether_beat_has_run_or_not():
    market = factories.market()
    order = place(market)
    amendment = proposed(market, order)
    with clock.frozen_at(amendment.due_at):
        with pytest.raises(AmendmentRunOut), transaction.atomic():
            services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)
        again = proposed(market, order)
    amendment.refresh_from_db()
    assert (amendment.state, again.state) == ("expired", "proposed")
    order.refresh_from_db()
    assert order.amendment_due_at == again.due_at


def test_one_proposal_at_a_time():
    market = factories.market()
    order = place(market)
    amendment = proposed(market, order)
    for actor in (buyer(market), vendor(market)):
        with pytest.raises(AmendmentOpen) as refusal, transaction.atomic():
            proposed(market, order, actor, licence="Other.")
        assert refusal.value.extra == {"amendment": str(amendment.id)}


def test_only_the_other_side_answers():
    market = factories.market()
    order = place(market)
    amendment = proposed(market, order)
    colleague = factories.actor_of(factories.member(market.buyer, Role.OWNER))
    reader = factories.actor_of(market.vendor_finance)
    stranger = factories.actor_of(factories.member(factories.organization(Capacity.VENDOR), Role.LISTER))
    before = fingerprint()
    for actor in (buyer(market), colleague, reader, factories.actor_of(market.operator)):
        for act in (services.confirm_amendment, services.decline_amendment):
            with pytest.raises(Forbidden), transaction.atomic():
                act(actor=actor, amendment_id=amendment.id)
    for actor in (vendor(market), reader, factories.actor_of(market.auditor)):
        with pytest.raises(Forbidden), transaction.atomic():
            services.withdraw_amendment(actor=actor, amendment_id=amendment.id)
    with pytest.raises(NotFound), transaction.atomic():
        services.confirm_amendment(actor=stranger, amendment_id=amendment.id)
    with pytest.raises(NotFound), transaction.atomic():
        proposed(market, order, stranger)
    for actor in (reader, factories.actor_of(market.operator)):
        with pytest.raises(Forbidden), transaction.atomic():
            proposed(market, order, actor)
    assert changed(before) == []


def states(market) -> dict[str, Order]:
    cancelled = place(market)
    services.cancel(actor=buyer(market), order_id=cancelled.id)
    accepted = delivered(market)
    services.accept(actor=buyer(market), order_id=accepted.id)
    settled = delivered(market)
    services.accept(actor=buyer(market), order_id=settled.id)
    services.mark_settled(order_ids=[settled.id])
    return {
        "waiting": place(market, quantity=1_000, wait_for_funds=True),
        "paid": place(market),
        "failed": failed(market),
        "delivered": delivered(market),
        "accepted": accepted,
        "settled": settled,
        "cancelled": cancelled,
        "running": running(market),
    }


POSSIBLE = {
    "waiting": [],
    "paid": ["purpose", "licence", "acceptance_days"],
    "failed": ["purpose", "licence", "acceptance_days"],
    "delivered": ["purpose", "licence", "acceptance_days"],
    "accepted": ["purpose", "licence"],
    "settled": ["purpose", "licence"],
    "cancelled": [],
    "running": ["purpose", "licence", "ends_on"],
}


def test_what_can_be_changed_depends_on_where_the_order_stands():
    market = factories.market(funds=1_000_000)
    wishes = NEW | {"ends_on": datetime.date(2027, 3, 1)}
    with on(2, 1):
        for name, order in states(market).items():
            order = selectors.order_visible_to(buyer(market), order.id)
            assert selectors.amendable(order) == POSSIBLE[name], name
            assert ("amend" in selectors.acts_open_to(buyer(market), order)) == bool(POSSIBLE[name])
            for wish, value in wishes.items():
                if wish in POSSIBLE[name]:
                    amendment = proposed(market, order, **{wish: value})
                    services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)
                else:
                    before = fingerprint()
                    with pytest.raises(NotAmendable) as refusal, transaction.atomic():
                        proposed(market, order, **{wish: value})
                    assert list(refusal.value.errors) == [f"/{wish}"]
                    assert refusal.value.extra == {"state": order.state}
                    assert changed(before) == []


def test_what_has_become_impossible_meanwhile_is_not_confirmed():
    market = factories.market()
    order = delivered(market)
    amendment = proposed(market, order, acceptance_days=30)
    services.accept(actor=buyer(market), order_id=order.id)
    before = fingerprint()
    with pytest.raises(NotAmendable), transaction.atomic():
        services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)
    assert changed(before) == []
    services.decline_amendment(actor=vendor(market), amendment_id=amendment.id)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"purpose": " "}, "/purpose"),
        ({"purpose": "x" * 1001}, "/purpose"),
        ({"licence": "a\x00b"}, "/licence"),
        ({"acceptance_days": 0}, "/acceptance_days"),
        ({"acceptance_days": 91}, "/acceptance_days"),
        ({"purpose": "Other.", "message": "x" * 5001}, "/message"),
    ],
)
def test_values_that_no_contract_can_have(changes, pointer):
    market = factories.market()
    order = place(market)
    with pytest.raises(InvalidInput) as refusal, transaction.atomic():
        proposed(market, order, **changes)
    assert list(refusal.value.errors) == [pointer]


def test_a_form_that_sends_a_text_back_as_it_was_proposes_nothing_of_it():
    market = factories.market()
    offer = factories.offer(market.offer.product, 10_000, licence="Internal use.\nNo resale.")
    order = place(market, offer_id=offer.id, purpose=" Research ")
    made = proposed(market, order, purpose="Research", licence="Internal use.\r\nNo resale.", acceptance_days=21)
    assert made.changes() == {"acceptance_days": 21}


def test_a_proposal_of_nothing_new_is_none():
    market = factories.market()
    order = place(market)
    with pytest.raises(InvalidInput, match="all this already"), transaction.atomic():
        proposed(market, order, purpose=" Cold-chain planning. ", licence="Internal use.", acceptance_days=7)
    amendment = proposed(market, order, purpose="Cold-chain planning.", acceptance_days=8)
    assert amendment.changes() == {"acceptance_days": 8}


def test_an_early_end_gives_back_what_is_unused():
    market = factories.market()
    order = running(market)
    with on(2, 20):
        amendment = proposed(market, order, ends_on=datetime.date(2027, 3, 3))
        # 17 February to before 17 March has 28 days, 14 of them from 3 March on; the last month is unused whole.
        assert amendment.unused_amount == 5_000 + 10_000
        services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)
    order.refresh_from_db()
    _terms, document = newest(order)
    assert order.ends_on == datetime.date(2027, 3, 3) and order.term_ends_on == datetime.date(2027, 4, 17)
    assert document["ends_early"] == {"ends_before": "2027-03-03", "unused_amount": 15_000}
    assert document["price"]["term"]["ends_before"] == "2027-04-17"
    job = Job.objects.get(kind=jobs.END)
    assert (job.key, job.subject_id) == (f"{order.id}:2", order.id)
    with on(2, 21):
        earlier = proposed(market, order, ends_on=datetime.date(2027, 2, 24))
        assert earlier.unused_amount == 2_500
        for day in (datetime.date(2027, 3, 4), datetime.date(2027, 2, 20), datetime.date(2027, 6, 1)):
            services.withdraw_amendment(actor=buyer(market), amendment_id=earlier.id)
            with pytest.raises(NotAmendable) as refusal, transaction.atomic():
                proposed(market, order, ends_on=day)
            assert list(refusal.value.errors) == ["/ends_on"]
            earlier = proposed(market, order, ends_on=datetime.date(2027, 2, 24))
    with on(2, 25), pytest.raises(NotAmendable), transaction.atomic():
        services.confirm_amendment(actor=vendor(market), amendment_id=earlier.id)
    assert Job.objects.filter(kind=jobs.END).count() == 1


def test_unused_months_never_reach_into_a_month_that_is_over():
    start = datetime.date(2027, 2, 1)
    for months, total in ((3, 10_000), (12, 99_999), (36, 7)):
        end = pricing.add_months(start, months)
        previous = total + 1
        for day in range((end - start).days + 1):
            leaves = start + datetime.timedelta(days=day)
            unused = pricing.unused_months(total, months, start, leaves)
            assert unused <= previous
            over = sum(1 for month in range(1, months + 1) if pricing.add_months(start, month) <= leaves)
            assert total - unused >= sum(pricing.split(total, [1] * months)[:over])
            previous = unused
        assert pricing.unused_months(total, months, start, end) == 0
        assert pricing.unused_months(total, months, start, start) == total


def test_a_purpose_that_needs_approval_is_approved_before():
    market = factories.market()
    guarded = factories.product(market.vendor, requires_purpose_approval=True)
    factories.revision(guarded)
    offer = factories.offer(guarded)

    def approve(purpose: str) -> uuid.UUID:
        asked = catalog.request_purpose_approval(actor=buyer(market), product_id=guarded.id, purpose=purpose)
        catalog.decide_as_vendor(actor=vendor(market), approval_id=asked.id, decision="approved")
        catalog.decide_as_operator(actor=factories.actor_of(market.operator), approval_id=asked.id, decision="approved")
        return asked.id

    first = approve("Cold-chain planning.")
    order = place(market, offer_id=offer.id)
    assert order.approval_id == first
    before = fingerprint()
    with pytest.raises(ApprovalNeeded), transaction.atomic():
        proposed(market, order, purpose="Resale.")
    assert changed(before) == []
    second = approve("Route planning.")
    amendment = proposed(market, order, purpose="Route planning.")
    catalog.withdraw_purpose_approval(actor=buyer(market), approval_id=second)
    with pytest.raises(ApprovalNeeded), transaction.atomic():
        services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)
    third = approve("Route planning.")
    services.confirm_amendment(actor=vendor(market), amendment_id=amendment.id)
    order.refresh_from_db()
    assert order.approval_id == third
    assert newest(order)[1]["order"]["purpose_approval"] == str(third)
    confirmed(market, order, licence="Wider.")
    order.refresh_from_db()
    assert order.approval_id == third and newest(order)[1]["order"]["purpose_approval"] == str(third)


def refused(sql: str, *parameters, by: str) -> None:
    with pytest.raises(IntegrityError, match=by), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def test_the_database_itself_keeps_contracts():
    market = factories.market()
    order = place(market)
    amendment = confirmed(market, order, purpose="Route planning.")
    other = place(market)
    table = "UPDATE orders_order SET"
    says = "new version of its terms only"
    refused(f"{table} purpose = 'Resale.' WHERE id = %s", order.id, by=says)
    refused(f"{table} acceptance_days = 90 WHERE id = %s", order.id, by=says)
    refused(f"{table} approval_id = gen_random_uuid() WHERE id = %s", order.id, by=says)
    differs = "does not say what the newest version"
    refused(f"{table} terms_sha256 = repeat('a', 64) WHERE id = %s", order.id, by=differs)
    first = order.terms.get(version=1).sha256
    refused(f"{table} terms_sha256 = %s, purpose = 'Cold-chain planning.' WHERE id = %s", first, order.id, by=differs)
    refused("UPDATE orders_orderterms SET document = '{}' WHERE order_id = %s", order.id, by="refused")
    change = "UPDATE orders_amendment SET"
    refused(f"{change} purpose = 'Resale.' WHERE id = %s", amendment.id, by="refused")
    refused(f"{change} state = 'proposed', terms_id = NULL, closed_at = NULL WHERE id = %s", amendment.id, by="refused")
    refused(f"{change} terms_id = %s WHERE id = %s", other.terms.get().id, amendment.id, by="refused")
    refused("DELETE FROM orders_amendment WHERE id = %s", amendment.id, by="refused")
    open_one = proposed(market, other)
    columns = [field.column for field in Amendment._meta.concrete_fields]
    values = ", ".join({"id": "gen_random_uuid()"}.get(column, column) for column in columns)
    refused(
        f"INSERT INTO orders_amendment ({', '.join(columns)}) SELECT {values} FROM orders_amendment WHERE id = %s",
        open_one.id,
        by="amendment_open_once",
    )
    refused(f"{change} state = 'confirmed', closed_at = now() WHERE id = %s", open_one.id, by="amendment_confirmed")
    refused(f"{change} state = 'declined' WHERE id = %s", open_one.id, by="amendment_closed_when")
