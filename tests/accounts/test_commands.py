"""The first operator, and tokens from the command line."""

import io
import sys

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import ApiToken, Organization, User
from accounts.states import OrganizationState
from market.ledger.models import Account
from tests import factories

CODE = factories.valid_uscc(7_000_000)


def create_operator(monkeypatch, password="a long and winding road 7", **options):
    monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
    output = io.StringIO()
    arguments = {"uscc": CODE, "name": "贵阳大数据交易所", "email": "First@Exchange.cn"} | options
    call_command("create_operator", stdout=output, **arguments)
    return output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_first_operator_signs_in_and_the_bank_account_is_open(monkeypatch, client):
    assert "/admin/" in create_operator(monkeypatch)
    exchange = Organization.objects.get(uscc=CODE)
    assert exchange.state == OrganizationState.VERIFIED and exchange.capacities == ["operator"]
    assert Account.objects.filter(organization=exchange, kind="bank").count() == 1
    signed_in = client.post(
        "/admin/login/?next=/admin/", {"username": "first@exchange.cn", "password": "a long and winding road 7"}
    )
    assert signed_in.status_code == 302
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", [{"uscc": CODE[:-1] + "0"}, {"password": "short"}, {"name": " "}])
def test_a_refused_start_leaves_nothing(monkeypatch, fault):
    with pytest.raises(CommandError):
        create_operator(monkeypatch, **fault)
    assert not Organization.objects.exists() and not User.objects.exists()


@pytest.mark.django_db
def test_a_token_from_the_command_line_works(capsys):
    market = factories.market()
    output = io.StringIO()
    call_command(
        "issue_token",
        email=market.purchaser.user.email,
        role="purchaser",
        scopes=["account:read"],
        days=1,
        stdout=output,
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {output.getvalue().strip()}")
    assert client.get(reverse("me")).json()["scopes"] == ["account:read"]


@pytest.mark.django_db
def test_the_command_line_refuses_strangers_and_wider_scopes():
    market = factories.market()
    email = market.purchaser.user.email
    for options in (
        {"email": "nobody@example.cn", "role": "purchaser"},
        {"email": email, "role": "owner"},
        {"email": email, "role": "purchaser", "scopes": ["reports:read"]},
        {"email": email, "role": "purchaser", "days": 0},
        {"email": email, "role": "purchaser", "organization": market.vendor.uscc},
    ):
        with pytest.raises(CommandError):
            call_command("issue_token", stdout=io.StringIO(), **options)
    assert not ApiToken.objects.exists()
