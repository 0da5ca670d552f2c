"""Acts on products and offers: who may, when, and what stays as evidence."""

import pytest

from accounts.errors import OrganizationNotTrading
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.audit.selectors import events_of
from market.catalog import services
from market.catalog.errors import (
    ApprovalNeeded,
    CoreDataRefused,
    DraftExists,
    OfferNotOrderable,
    ProductCodeTaken,
    ProductNotOpen,
)
from market.catalog.models import Offer, Product, Revision
from market.catalog.selectors import orderable_offer
from market.catalog.states import Grade, OfferState, ProductState, RevisionState
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from tests import factories


@pytest.fixture
def buyer(db) -> Organization:
    return factories.organization(Capacity.BUYER)


@pytest.fixture
def rival(db):
    return factories.actor_of(factories.member(factories.organization(Capacity.VENDOR), Role.LISTER))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"code": "no spaces"}, "/code"),
        ({"code": "-dash-first"}, "/code"),
        ({"code": "x" * 65}, "/code"),
        ({"code": "中文"}, "/code"),
        ({"title": ""}, "/title"),
        ({"title": "two\nlines"}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"title": "nul\x00"}, "/title"),
        ({"description": " "}, "/description"),
        ({"description": "x" * 20001}, "/description"),
        ({"kind": "boat"}, "/kind"),
        ({"sector": "Z"}, "/sector"),
        ({"grade": "secret"}, "/grade"),
        ({"rights_basis": ""}, "/rights_basis"),
        ({"has_personal_information": "maybe"}, "/has_personal_information"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_made(stall, fields, pointer):
    with pytest.raises(InvalidInput) as refusal:
        stall.draft(**fields)
    assert set(refusal.value.errors) == {pointer}
    assert not Product.objects.exists()
    assert not AuditEvent.objects.filter(name="product.created").exists()


def test_everything_wrong_is_named_at_once(stall):
    with pytest.raises(InvalidInput) as refusal:
        stall.draft(code="", title="", sector="?")
    assert set(refusal.value.errors) == {"/code", "/title", "/sector"}


def test_core_data_is_refused_at_every_door(stall):
    with pytest.raises(CoreDataRefused):
        stall.draft(grade=Grade.CORE)
    product = stall.ready()
    with pytest.raises(CoreDataRefused):
        services.edit_product(actor=stall.actor, product_id=product.id, grade=Grade.CORE)
    product.refresh_from_db()
    assert product.grade == Grade.GENERAL


def test_a_code_is_used_once_per_vendor(stall, rival):
    stall.draft(code="A")
    with pytest.raises(ProductCodeTaken):
        stall.draft(code="A")
    other = stall.draft(code="B")
    with pytest.raises(ProductCodeTaken):
        services.edit_product(actor=stall.actor, product_id=other.id, code="A")
    assert Product.objects.filter(code="A").count() == 1
    given = {"title": "t", "description": "d", "kind": "dataset", "sector": "A", "rights_basis": "use"}
    services.create_product(actor=rival, code="A", **given)


def test_editing_is_evidence_and_ends_with_submission(stall):
    product = stall.ready()
    services.edit_product(actor=stall.actor, product_id=product.id, title="  新 ", has_personal_information=True)
    product.refresh_from_db()
    assert (product.title, product.has_personal_information) == ("新", True)
    assert events_of(product.id).last().payload["title"] == "新"
    services.submit_product(actor=stall.actor, product_id=product.id)
    with pytest.raises(IllegalTransition) as refusal:
        services.edit_product(actor=stall.actor, product_id=product.id, title="later")
    assert refusal.value.extra["state"] == ProductState.IN_REVIEW
    with pytest.raises(TypeError):
        services.edit_product(actor=stall.actor, product_id=product.id, state="listed")
    product.refresh_from_db()
    assert (product.title, product.state) == ("新", ProductState.IN_REVIEW)


def test_foreign_products_do_not_exist_and_wrong_roles_are_refused(stall, rival):
    product = stall.listed()
    revision, offer = product.revisions.get(), product.offers.get()
    finance = factories.actor_of(factories.member(stall.vendor, Role.FINANCE))
    events = AuditEvent.objects.count()
    licence = {"price_model": "free", "amount": 0, "licence": "x"}
    for actor, refusal in ((rival, NotFound), (finance, Forbidden)):
        for act in (
            lambda actor: services.edit_product(actor=actor, product_id=product.id, title="x"),
            lambda actor: services.start_revision(actor=actor, product_id=product.id),
            lambda actor: services.create_offer(actor=actor, product_id=product.id, **licence),
            lambda actor: services.submit_product(actor=actor, product_id=product.id),
            lambda actor: services.delist_product(actor=actor, product_id=product.id, reason="because"),
            lambda actor: services.publish_revision(actor=actor, revision_id=revision.id),
            lambda actor: services.revoke_revision(actor=actor, revision_id=revision.id, reason="because"),
            lambda actor: services.withdraw_offer(actor=actor, offer_id=offer.id),
        ):
            with pytest.raises(refusal):
                act(actor)
        with pytest.raises(Forbidden):
            services.suspend_product(actor=actor, product_id=product.id, reason="because")
    assert AuditEvent.objects.count() == events
    assert Product.objects.get().state == ProductState.LISTED


def test_suspension_stops_orders_until_it_is_resumed(stall, buyer):
    product = stall.listed()
    offer = product.offers.get()
    services.suspend_product(actor=stall.reviewer, product_id=product.id, reason="complaint")
    with pytest.raises(OfferNotOrderable):
        orderable_offer(offer.id, buyer.id)
    with pytest.raises(Forbidden):
        services.resume_product(actor=stall.actor, product_id=product.id, reason="we are fine")
    Organization.objects.filter(id=stall.vendor.id).update(state=OrganizationState.SUSPENDED)
    with pytest.raises(OrganizationNotTrading):
        services.resume_product(actor=stall.reviewer, product_id=product.id, reason="settled")
    Organization.objects.filter(id=stall.vendor.id).update(state=OrganizationState.VERIFIED)
    services.resume_product(actor=stall.reviewer, product_id=product.id, reason="settled")
    assert orderable_offer(offer.id, buyer.id)
    names = list(events_of(product.id).values_list("name", "payload__reason"))[-2:]
    assert names == [("product.suspended", "complaint"), ("product.resumed", "settled")]


def test_resuming_is_no_way_round_a_review(stall):
    review = stall.submitted()
    with pytest.raises(IllegalTransition):
        services.resume_product(actor=stall.reviewer, product_id=review.product_id, reason="quick")
    product = Product.objects.get()
    assert (product.state, product.certificate_number) == (ProductState.IN_REVIEW, None)


def test_delisting_is_for_good_and_stops_new_orders_only(stall, buyer):
    product = stall.listed()
    offer = product.offers.get()
    services.delist_product(actor=stall.actor, product_id=product.id, reason="replaced")
    with pytest.raises(OfferNotOrderable):
        orderable_offer(offer.id, buyer.id)
    for act in (services.suspend_product, services.resume_product, services.delist_product):
        with pytest.raises(IllegalTransition):
            act(actor=stall.reviewer, product_id=product.id, reason="again")
    with pytest.raises(ProductNotOpen):
        stall.offer(product)
    with pytest.raises(ProductNotOpen):
        services.start_revision(actor=stall.actor, product_id=product.id)
    offer.refresh_from_db()
    assert offer.state == OfferState.ACTIVE
    assert product.revisions.get().state == RevisionState.PUBLISHED


@pytest.mark.parametrize("act", [services.suspend_product, services.resume_product, services.delist_product])
@pytest.mark.parametrize("reason", ["", "   ", "x" * 5001, "nul\x00"])
def test_a_reason_must_say_something(stall, act, reason):
    product = stall.listed()
    with pytest.raises(InvalidInput):
        act(actor=stall.reviewer, product_id=product.id, reason=reason)
    assert Product.objects.get().state == ProductState.LISTED


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"price_model": "one_off", "amount": 0}, "/amount"),
        ({"price_model": "one_off", "amount": -1}, "/amount"),
        ({"price_model": "one_off", "amount": 10**15 + 1}, "/amount"),
        ({"price_model": "one_off", "amount": 1.5}, "/amount"),
        ({"price_model": "one_off", "amount": True}, "/amount"),
        ({"price_model": "free", "amount": 1}, "/amount"),
        ({"price_model": "barter"}, "/price_model"),
        ({"licence": ""}, "/licence"),
        ({"acceptance_days": 0}, "/acceptance_days"),
        ({"acceptance_days": 91}, "/acceptance_days"),
        ({"acceptance_days": "soon"}, "/acceptance_days"),
    ],
)
def test_a_wrong_offer_is_not_made(stall, fields, pointer):
    product = stall.draft()
    given = {"price_model": "one_off", "amount": 5, "licence": "x"} | fields
    with pytest.raises(InvalidInput) as refusal:
        services.create_offer(actor=stall.actor, product_id=product.id, **given)
    assert pointer in refusal.value.errors
    assert not Offer.objects.exists()


def test_a_private_offer_names_another_buyer(stall, buyer):
    product = stall.draft()
    for wrong in (stall.vendor.id, stall.operator.organization_id, product.id):
        with pytest.raises(InvalidInput) as refusal:
            stall.offer(product, buyer_org_id=wrong)
        assert set(refusal.value.errors) == {"/buyer_org"}
    private = stall.offer(product, buyer_org_id=buyer.id)
    assert events_of(private.id).get().buyer_org_id == buyer.id
    stranger = factories.organization(Capacity.BUYER)
    stall.revision(product)
    stall.approve(services.submit_product(actor=stall.actor, product_id=product.id))
    assert orderable_offer(private.id, buyer.id)
    with pytest.raises(NotFound):
        orderable_offer(private.id, stranger.id)


def test_important_data_is_sold_to_one_named_buyer_at_a_time(stall, buyer):
    product = stall.draft(grade=Grade.IMPORTANT)
    stall.revision(product)
    with pytest.raises(InvalidInput) as refusal:
        stall.offer(product)
    assert set(refusal.value.errors) == {"/buyer_org"}
    private = stall.offer(product, buyer_org_id=buyer.id)
    stall.approve(services.submit_product(actor=stall.actor, product_id=product.id))
    with pytest.raises(ApprovalNeeded, match="Ask for it first"):  # the purpose must be approved as well
        orderable_offer(private.id, buyer.id)
    public = factories.offer(product)  # as if the grade had been raised after the offer was made
    with pytest.raises(ApprovalNeeded, match="private offer only"):
        orderable_offer(public.id, buyer.id)


def test_a_withdrawn_offer_is_over(stall, buyer):
    product = stall.listed()
    offer = product.offers.get()
    services.withdraw_offer(actor=stall.actor, offer_id=offer.id)
    with pytest.raises(OfferNotOrderable):
        orderable_offer(offer.id, buyer.id)
    with pytest.raises(IllegalTransition):
        services.withdraw_offer(actor=stall.actor, offer_id=offer.id)
    assert events_of(offer.id).filter(name="offer.withdrawn").count() == 1


def test_orders_get_the_newest_revision_that_stands(stall, buyer):
    product = stall.listed()
    offer, first = product.offers.get(), product.revisions.get()
    second = stall.revision(product, {"b.csv": b"a\n1\n"})
    draft = stall.revision(product, {"c.csv": b"a\n1\n"}, publish=False)
    assert orderable_offer(offer.id, buyer.id).revision_id == second.id
    services.revoke_revision(actor=stall.reviewer, revision_id=second.id, reason="wrong units")
    assert orderable_offer(offer.id, buyer.id).revision_id == first.id
    services.revoke_revision(actor=stall.actor, revision_id=first.id, reason="wrong units")
    with pytest.raises(OfferNotOrderable):
        orderable_offer(offer.id, buyer.id)
    with pytest.raises(IllegalTransition):
        services.revoke_revision(actor=stall.actor, revision_id=draft.id, reason="not published yet")


def test_looking_for_an_offer_is_one_query(stall, buyer, django_assert_num_queries):
    offer = stall.listed().offers.get()
    with django_assert_num_queries(1):
        found = orderable_offer(offer.id, buyer.id)
        assert found.product.vendor_org.name
    assert found.revision_manifest_sha256 == events_of(found.revision_id).last().payload["manifest_sha256"]


def test_a_new_revision_takes_over_the_dictionary_and_waits_for_the_draft(stall):
    product = stall.draft()
    dictionary = {"fields": [{"name": "a"}]}
    first = services.start_revision(actor=stall.actor, product_id=product.id, data_dictionary=dictionary)
    with pytest.raises(DraftExists):
        services.start_revision(actor=stall.actor, product_id=product.id)
    stall.upload(first, "a.csv", b"a\n1\n")
    services.publish_revision(actor=stall.actor, revision_id=first.id)
    second = services.start_revision(actor=stall.actor, product_id=product.id)
    assert (second.number, second.data_dictionary) == (2, dictionary)


def test_what_the_vendor_says_about_content_is_kept(stall):
    product = stall.draft()
    given = {"sample": [{"mine": 1}], "profile": {"rows": 7}}
    revision = services.start_revision(actor=stall.actor, product_id=product.id, **given)
    stall.upload(revision, "a.csv", b"a\n1\n")
    services.publish_revision(actor=stall.actor, revision_id=revision.id)
    revision.refresh_from_db()
    assert (revision.sample, revision.profile) == (given["sample"], given["profile"])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"data_dictionary": {"fields": []}}, "/data_dictionary"),
        ({"sample": {"a": 1}}, "/sample"),
        ({"sample": [{"a": 1}] * 101}, "/sample"),
        ({"sample": [{"a": "\x00"}]}, "/sample"),
        ({"profile": []}, "/profile"),
        ({"profile": {"a": float("inf")}}, "/profile"),
        ({"notes": "x" * 5001}, "/notes"),
    ],
)
def test_a_wrong_description_of_content_is_refused(stall, changes, pointer):
    revision = stall.revision(stall.draft(), publish=False)
    with pytest.raises(InvalidInput) as refusal:
        services.edit_revision(actor=stall.actor, revision_id=revision.id, **changes)
    assert set(refusal.value.errors) == {pointer}
    kept = Revision.objects.get()
    assert (kept.data_dictionary, kept.sample, kept.profile, kept.notes) == ({}, [], {}, "")


def test_the_exchange_itself_may_list_for_a_vendor(stall):
    product = services.create_product(
        actor=SYSTEM,
        vendor_org_id=stall.vendor.id,
        code="X",
        title="t",
        description="d",
        kind="dataset",
        sector="A",
        rights_basis="use",
    )
    assert product.vendor_org == stall.vendor
    assert events_of(product.id).get().actor_label == "system"


def test_a_vendor_profile_is_checked(stall):
    for wrong in ({"sector": "Z"}, {"website": "javascript:alert(1)"}, {"contact_email": "nobody"}):
        with pytest.raises(InvalidInput) as refusal:
            services.edit_vendor_profile(actor=stall.actor, **{"sector": "M"} | wrong)
        assert set(refusal.value.errors) == {f"/{name}" for name in wrong}
    with pytest.raises(Forbidden):
        services.edit_vendor_profile(actor=stall.reviewer, sector="M")
    buyer = factories.actor_of(factories.member(factories.organization(Capacity.BUYER), Role.OWNER))
    with pytest.raises(Forbidden):
        services.edit_vendor_profile(actor=buyer, sector="M")
