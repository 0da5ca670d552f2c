"""Who gets through which door, and what the others are told."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from market.workspaces import throttle
from market.workspaces.sites import SITES, auditor_site, operator_site, vendor_site
from tests import factories

WRONG = "wrong horse battery staple"


@pytest.fixture(autouse=True)
def no_attempts_yet():
    cache.clear()


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market()


def sign_in(site, email: str, password: str = factories.PASSWORD, client: Client | None = None, **headers):
    client = client or Client()
    data = {"username": email, "password": password}
    return client.post(reverse(f"{site.name}:login"), data, follow=True, **headers)


@pytest.mark.parametrize(
    ("role", "site"), [("operator", operator_site), ("lister", vendor_site), ("auditor", auditor_site)]
)
def test_each_member_enters_one_workspace_and_is_told_so_at_the_others(market, role, site):
    email = getattr(market, role).user.email
    for door in SITES:
        answer = sign_in(door, email)
        assert answer.status_code == 200
        if door is site:
            assert answer.request["PATH_INFO"] == reverse(f"{door.name}:index")
        else:
            assert answer.request["PATH_INFO"] == reverse(f"{door.name}:login")
            assert "is no member whom this workspace admits" in answer.content.decode()
            assert "_auth_user_id" not in answer.client.session


def test_e_mail_is_the_same_in_any_case(market):
    answer = sign_in(vendor_site, market.lister.user.email.upper())
    assert answer.request["PATH_INFO"] == reverse("vendor:index")


def test_who_is_signed_in_elsewhere_is_led_to_a_page_that_says_so_not_round_in_circles(market):
    client = Client()
    client.force_login(market.lister.user)
    answer = client.get(reverse("operator:index"), follow=True)
    assert [status for _url, status in answer.redirect_chain] == [302]
    assert answer.status_code == 200
    page = answer.content.decode()
    assert f"You are signed in as {market.lister.user.email}" in page
    assert reverse("vendor:index") in page


@pytest.mark.parametrize("change", ["user", "membership", "organization"])
def test_whom_the_exchange_has_shut_out_gets_in_no_more(market, change):
    client = Client()
    client.force_login(market.lister.user)
    assert client.get(reverse("vendor:index")).status_code == 200
    if change == "user":
        type(market.lister.user).objects.update(is_active=False)
    elif change == "membership":
        type(market.lister).objects.update(is_active=False)
    else:
        type(market.vendor).objects.update(state="closed")
    assert client.get(reverse("vendor:index")).status_code == 302


def test_sixth_try_from_one_address_is_refused_even_with_the_right_password(market):
    email = market.lister.user.email
    for _try in range(throttle.ATTEMPTS_PER_PERSON_AND_ADDRESS):
        assert "Please enter the correct" in sign_in(vendor_site, email, WRONG).content.decode()
    refused = sign_in(vendor_site, email)
    assert "Too many attempts" in refused.content.decode()
    assert "_auth_user_id" not in refused.client.session
    # Another person at the same address, and the same person elsewhere, are not shut out.
    assert sign_in(operator_site, market.operator.user.email).request["PATH_INFO"] == reverse("operator:index")
    elsewhere = sign_in(vendor_site, email, REMOTE_ADDR="10.1.2.3")
    assert elsewhere.request["PATH_INFO"] == reverse("vendor:index")


def test_success_takes_the_failures_before_it_back(market):
    email = market.lister.user.email
    for _round in range(3):
        for _try in range(throttle.ATTEMPTS_PER_PERSON_AND_ADDRESS - 1):
            sign_in(vendor_site, email, WRONG)
        assert sign_in(vendor_site, email).request["PATH_INFO"] == reverse("vendor:index")


def test_a_client_cannot_choose_its_own_address(market):
    email = market.lister.user.email
    for attempt in range(throttle.ATTEMPTS_PER_PERSON_AND_ADDRESS + 1):
        answer = sign_in(vendor_site, email, WRONG, HTTP_X_FORWARDED_FOR=f"10.0.0.{attempt}")
    assert "Too many attempts" in answer.content.decode()


def test_many_people_from_one_address_and_one_person_from_many_are_limited_too(market, monkeypatch):
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 3)
    for number in range(4):
        answer = sign_in(vendor_site, f"nobody{number}@example.cn", WRONG)
    assert "Too many attempts" in answer.content.decode()
    cache.clear()
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_PERSON", 3)
    for number in range(4):
        answer = sign_in(vendor_site, "nobody@example.cn", WRONG, REMOTE_ADDR=f"10.0.0.{number}")
    assert "Too many attempts" in answer.content.decode()


def test_people_can_sign_in_while_redis_is_away(market, settings):
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}
    assert sign_in(vendor_site, market.lister.user.email).request["PATH_INFO"] == reverse("vendor:index")


@pytest.mark.parametrize("site", SITES)
def test_signing_in_needs_the_csrf_token(market, site):
    strict = Client(enforce_csrf_checks=True)
    answer = sign_in(site, market.operator.user.email, client=strict)
    assert answer.status_code == 403
    assert "_auth_user_id" not in strict.session


def test_signing_in_never_leads_to_another_host(market):
    url = reverse("vendor:login") + "?next=https://evil.example/"
    answer = Client().post(url, {"username": market.lister.user.email, "password": factories.PASSWORD})
    assert answer.status_code == 302
    assert not answer.url.startswith(("http", "//"))


@pytest.mark.parametrize("site", SITES)
def test_signing_out_ends_the_session(market, site):
    client = Client()
    client.force_login(
        {"operator": market.operator, "vendor": market.lister, "auditor": market.auditor}[site.name].user
    )
    assert client.post(reverse(f"{site.name}:logout")).status_code == 200
    assert client.get(reverse(f"{site.name}:index")).status_code == 302


@pytest.mark.parametrize("site", SITES)
def test_every_site_speaks_both_languages(market, site):
    client = Client()
    sign_in_page = client.get(reverse(f"{site.name}:login")).content.decode()
    assert "简体中文" in sign_in_page
    client.post(reverse("set_language"), {"language": "zh-hans", "next": reverse(f"{site.name}:login")})
    assert 'lang="zh-hans"' in client.get(reverse(f"{site.name}:login")).content.decode()
    client.force_login(
        {"operator": market.operator, "vendor": market.lister, "auditor": market.auditor}[site.name].user
    )
    page = client.get(reverse(f"{site.name}:index")).content.decode()
    assert 'lang="zh-hans"' in page
    assert "English" in page
