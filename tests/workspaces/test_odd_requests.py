"""Strange query strings, keys and bodies: a page or a plain refusal, never a crash."""

import uuid

import pytest
from django.urls import reverse

from market.workspaces.sites import SITES, operator_site
from tests import factories
from tests.tables import changed, fingerprint

each_site = pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)

QUERIES = [
    "e=1&p=999",
    "p=99999999999999999999999",
    "p=abc&o=abc",
    "o=99.1.-2.99999999999999999999.-",
    "q=%00",
    "q=%FF%FE%22%27%5C%25_" + "a%20" * 200,
    "all=&_facets=1",
    "_popup=1&_to_field=nothing",
    "_changelist_filters=%00",
    "state=%00",
    "state__exact=%F0%9F%92%A9",
    "id=1",
    "id__in=a,b",
    "name__regex=(",
    "vendor_org=1",
    "vendor_org__name__startswith=a",
    "unknown__lookup=1",
    "digest__startswith=a",
    "occurred_at_from=0001-01-01&occurred_at_to=9999-12-31",
    "captured_at_from=2026-13-45&captured_at_to=9999-12-31",
    "placed_at_from=never&placed_at_to=0001-01-01",
    "created_at__gte=not-a-date",
    "created_at__year=99999999999",
    "amount__exact=NaN",
    "quantity__gte=99999999999999999999999999",
]


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market()


@pytest.fixture
def insiders(market):
    return {"operator": market.operator, "vendor": factories.member(market.vendor, "owner"), "auditor": market.auditor}


@pytest.mark.django_db(transaction=True)  # a statement that PostgreSQL refuses must not end the test's transaction
@each_site
def test_no_query_string_breaks_a_list(insiders, site, client, bare_pages):
    """Operators' lists meet every query; the same bases make the other sites' lists, which share them out."""
    client.force_login(insiders[site.name].user)
    shares = 1 if site is operator_site else 3
    for number, model in enumerate(site._registry):
        url = reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for query in QUERIES[number % shares :: shares]:
            answer = client.get(f"{url}?{query}")
            assert answer.status_code in (200, 302, 400), f"{url}?{query}: {answer.status_code}"
            assert answer.status_code != 302 or answer.url.startswith(url), f"{url}?{query} leads to {answer.url}"
        assert client.get(url, follow=True).status_code == 200


@pytest.mark.django_db(transaction=True)
@each_site
def test_no_query_string_breaks_what_stands_around_a_list(insiders, site, client):
    """The same around each list, so one whole page for each query."""
    client.force_login(insiders[site.name].user)
    model = next(iter(site._registry))
    url = reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for query in QUERIES:
        answer = client.get(f"{url}?{query}", follow=True)
        assert answer.status_code in (200, 400), f"{url}?{query}: {answer.status_code}"
        assert "_popup" in query or reverse(f"{site.name}:logout") in answer.content.decode()


@each_site
def test_no_query_string_breaks_the_other_pages(insiders, site, client, bare_pages):
    client.force_login(insiders[site.name].user)
    urls = [reverse(f"{site.name}:index"), reverse(f"{site.name}:login"), reverse(f"{site.name}:search")]
    urls += [reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_add") for model in site._registry]
    queries = [
        "s=%00",
        "s=a&page=abc",
        "s=a&page=-1",
        "s=a&extended=1",
        "_popup=1",
        "id=%00",
        "next=%00",
        "next=//evil",
    ]
    for url in urls:
        for query in (*queries, "vendor_org=1", "_to_field=x", "state=nothing", "created_at=x"):
            answer = client.get(f"{url}?{query}")
            assert answer.status_code in (200, 302, 400, 403), f"{url}?{query}: {answer.status_code}"
            assert not answer.headers.get("Location", "").startswith(("//", "http"))


@each_site
def test_no_key_breaks_an_object_page(insiders, site, client, bare_pages):
    client.force_login(insiders[site.name].user)
    before = fingerprint()
    for model in site._registry:
        base = reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for key in ("%00", "x" * 300, str(uuid.uuid4()), "a/b"):
            for ending in ("change/", "history/", "acts/suspend/"):
                answer = client.get(f"{base}{key}/{ending}")
                assert answer.status_code in (403, 404), f"{base}{key}/{ending}: {answer.status_code}"
        answer = client.post(f"{base}%00/change/", {"a": "b"})
        assert answer.status_code in (403, 404), f"{base}: {answer.status_code}"
    assert changed(before) == []


def test_a_list_that_cannot_be_made_leads_to_the_whole_list_and_says_so(insiders, client):
    client.force_login(insiders["operator"].user)
    for query in ("id=1", "e=1&id=1"):
        page = client.get(f"/admin/accounts/organization/?{query}", follow=True)
        assert page.status_code == 200
        assert "cannot be filtered like that" in page.content.decode()


def test_selected_rows_that_are_no_keys_do_no_harm(insiders, client, bare_pages):
    client.force_login(insiders["operator"].user)
    before = fingerprint()
    for model, model_admin in operator_site._registry.items():
        url = reverse(f"operator:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for action in (*(model_admin.actions or ()), "delete_selected"):
            name = action if isinstance(action, str) else action.__name__
            data = {"action": name, "_selected_action": ["1", "\x00", str(uuid.uuid4())], "index": "0"}
            assert client.post(url, data).status_code in (200, 302, 400, 403)
    assert changed(before) == []


@each_site
def test_a_refusal_is_a_page_of_the_workspace(insiders, site, client):
    """With a way back, and out."""
    client.force_login(insiders[site.name].user)
    model = next(iter(site._registry))
    base = reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for refused in (f"{base}{uuid.uuid4()}/change/", f"{base}a/b/change/", f"{base}nothing-here/"):
        answer = client.get(refused, follow=True)
        assert answer.status_code == 404
        page = answer.content.decode()
        assert "There is nothing here that you may see." in page
        assert f'href="{reverse(f"{site.name}:index")}"' in page
        assert reverse(f"{site.name}:logout") in page


@each_site
def test_pages_lead_to_their_own_site(insiders, site, client):
    """Links that the theme reverses stay on the site, also on pages that we add ourselves."""
    client.force_login(insiders[site.name].user)
    others = [f'"{reverse(f"{other.name}:logout")}"' for other in SITES if other is not site]
    urls = [reverse(f"{site.name}:index"), reverse(f"{site.name}:password_change")]
    urls += [reverse(f"{site.name}:{m._meta.app_label}_{m._meta.model_name}_changelist") for m in site._registry]
    for url in urls:
        page = client.get(url, follow=True).content.decode()
        assert reverse(f"{site.name}:logout") in page
        assert not any(other in page for other in others), url
