"""A query compiled once answers as Django's own would, for any arguments, in any thread."""

import uuid

import pytest
from django.db import connection
from django.db.models import F, OuterRef, Q, Subquery
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Organization
from accounts.states import Role
from market.kernel.compiled import CompiledQuery
from tests import factories
from tests.concurrency.together import together


def members(organization_id, role):
    first = Membership.objects.filter(organization=OuterRef("organization")).order_by("id")
    return (
        Membership.objects.filter(Q(organization_id=organization_id) | Q(organization_id=organization_id), role=role)
        .select_related("organization", "user")
        .annotate(email=F("user__email"), first=Subquery(first.values("id")[:1]))
        .order_by("id")
    )


def loaded(rows: list[Membership]) -> list[dict]:
    """Everything the rows and what they are related to have in memory."""
    together_loaded = [part for row in rows for part in (row, row.organization, row.user)]
    return [{name: value for name, value in vars(part).items() if name != "_state"} for part in together_loaded]


@pytest.mark.django_db
def test_rows_are_those_of_the_queryset_whoever_asked_first():
    compiled = CompiledQuery(members, organization_id=uuid.UUID, role=str)
    market = factories.market()
    factories.member(market.vendor, Role.LISTER)
    for organization in (market.vendor, market.buyer, market.vendor):
        for role in ("lister", "purchaser", "nobody"):
            plain = list(members(organization.id, role))
            with CaptureQueriesContext(connection) as queries:
                rows = compiled.rows(organization_id=organization.id, role=role)
                assert loaded(rows) == loaded(plain)
            assert len(queries) == 1
            assert compiled.first(organization_id=organization.id, role=role) == (plain[0] if plain else None)


@pytest.mark.django_db(transaction=True)
def test_every_thread_asks_through_its_own_connection():
    compiled = CompiledQuery(lambda key: Organization.objects.filter(id=key), key=uuid.UUID)
    made = [factories.organization("buyer") for _number in range(8)]
    found = together([lambda key=row.id: compiled.first(key=key) for row in made] * 4)
    assert found == made * 4


@pytest.mark.django_db
def test_arguments_that_were_not_declared_or_would_be_ignored_are_refused():
    compiled = CompiledQuery(lambda key: Organization.objects.filter(id=key), key=uuid.UUID)
    for arguments in ({}, {"key": str(uuid.uuid4())}, {"key": uuid.uuid4(), "more": "x"}):
        with pytest.raises(TypeError):
            compiled.first(**arguments)
    with pytest.raises(ValueError, match="key"):
        CompiledQuery(lambda key: Organization.objects.all(), key=uuid.UUID).first(key=uuid.uuid4())
