import dataclasses
import uuid
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import transaction
from django.db.models import Model
from django.template import Template, engines
from django.test import Client

from accounts.models import Membership, Organization
from accounts.states import Role
from market.kernel.money import MAX_AMOUNT
from market.orders.models import SpendingLimit
from market.outbox.models import Job
from market.outbox.states import JobState
from market.reports.services import request_report
from market.workspaces.sites import WorkspaceSite
from tests import factories, trades

OURS = ("accounts", "market")
INSTEAD = {
    "admin/nav_sidebar.html": "",
    "unfold/helpers/command.html": "",
    "unfold/helpers/site_branding.html": "",
    "workspaces/refused.html": "{{ status }} {{ title }}",
}
"""Templates that ``bare_pages`` leaves out, and what they say in it."""


def keys() -> dict[type[Model], set[uuid.UUID]]:
    """The keys of every row of every table of ours."""
    models = [model for model in apps.get_models() if model.__module__.split(".")[0] in OURS]
    return {model: set(model._default_manager.values_list("pk", flat=True)) for model in models}


@dataclasses.dataclass
class TwoMarkets:
    """Two vendors with a whole trade each; ``foreign`` holds the keys of the second one's rows, by model."""

    own: factories.Market
    other: factories.Market
    foreign: dict[type[Model], set[uuid.UUID]]
    everything: dict[type[Model], set[uuid.UUID]]
    members: dict[str, Membership]

    def client(self, member: str, **options) -> Client:
        client = Client(**options)
        client.force_login(self.members[member].user)
        return client

    def insider(self, site: WorkspaceSite, **options) -> Client:
        """Somebody whom the site admits, with the widest role."""
        return self.client({"operator": "operator", "vendor": "owner", "auditor": "auditor"}[site.name], **options)


@pytest.fixture
def bare_pages(monkeypatch, settings) -> None:
    """Pages without what is the same around each of them and costs more than most: for tests that look at thousands.

    Titles, messages and all that a page or its query string decides stay. What is left out is on the pages of
    ``test_pages_lead_to_their_own_site``, the whole refusal in ``test_a_refusal_is_a_page_of_the_workspace``; sessions
    in the database are looked up by ``test_sign_in``.
    """
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    # Not the tests' own, which keeps a copy of every context.
    monkeypatch.setattr(Template, "_render", lambda template, context: template.nodelist.render(context))
    engine = engines["django"].engine
    for name, text in INSTEAD.items():
        monkeypatch.setitem(engine.template_loaders[0].get_template_cache, name, Template(text, engine=engine))
    whole_context, one_application = WorkspaceSite.each_context, WorkspaceSite.get_app_list
    monkeypatch.setattr(WorkspaceSite, "each_context", lambda *given: whole_context(*given) | {"colors": {}})
    monkeypatch.setattr(WorkspaceSite, "get_sidebar_list", lambda site, request: [])
    monkeypatch.setattr(
        WorkspaceSite,
        "get_app_list",
        lambda site, request, app_label=None: one_application(site, request, app_label) if app_label else [],
    )


@pytest.fixture(scope="module")
def built_markets(django_db_setup, django_db_blocker) -> Iterator[TwoMarkets]:
    """Built once a module, in a transaction around those of its tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build_markets()
        transaction.set_rollback(True)


@pytest.fixture
def two_markets(built_markets, db) -> TwoMarkets:
    return built_markets


def build_markets() -> TwoMarkets:
    own = factories.market()
    trades.whole_trade(own)
    trades.metered_month(own)
    trades.place(own)
    for asker in (own.auditor, own.operator):
        request_report(actor=factories.actor_of(asker), exporter="events", parameters={})
    Job.objects.filter(kind="reports.export").update(state=JobState.DEAD)
    SpendingLimit.objects.create(buyer_org=own.buyer, amount=MAX_AMOUNT)
    before = keys()
    other = factories.market()
    Organization.objects.filter(id=other.vendor.id).update(name="外地数据商")
    Organization.objects.filter(id=other.buyer.id).update(name="外地买方")
    trades.whole_trade(other)
    trades.metered_month(other)
    after = keys()
    members = {
        "operator": own.operator,
        "lister": own.lister,
        "finance": own.vendor_finance,
        "purchaser": own.purchaser,
        "auditor": own.auditor,
        "owner": factories.member(own.vendor, Role.OWNER),
        "other owner": factories.member(other.vendor, Role.OWNER),
        "nobody": factories.member(own.vendor, Role.LISTER),
    }
    Membership.objects.filter(id=members["nobody"].id).update(is_active=False)
    foreign = {model: after[model] - before[model] for model in after}
    return TwoMarkets(own, other, foreign, keys(), members)
