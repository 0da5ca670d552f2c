"""Reads of money."""

import uuid
from collections.abc import Iterable

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from accounts.models import Organization
from market.kernel.errors import NotFound
from market.kernel.money import CURRENCY
from market.ledger.models import Account, Transfer


def account(organization_id: uuid.UUID, kind: str, currency: str = CURRENCY) -> Account:
    """The one account of that organisation, kind and currency. Raises ``NotFound``."""
    found = Account.objects.filter(organization_id=organization_id, kind=kind, currency=currency).first()
    if found is None:
        raise NotFound
    return found


def accounts_of(organization_id: uuid.UUID) -> QuerySet[Account]:
    """Every account about one organisation."""
    return Account.objects.filter(organization_id=organization_id)


def transfers_of(subject_ids: Iterable[uuid.UUID]) -> QuerySet[Transfer]:
    """Every transfer for these subjects, oldest first."""
    return Transfer.objects.filter(subject_id__in=list(subject_ids)).order_by("id")


def transfers_by_key(business_keys: Iterable[str]) -> QuerySet[Transfer]:
    """The transfers posted under these business keys."""
    return Transfer.objects.filter(business_key__in=list(business_keys))


def organization_with_accounts(organization_id: uuid.UUID, *kinds: str, currency: str = CURRENCY) -> Organization:
    """One organisation with the keys of its accounts as attributes ``<kind>_id`` (None: not opened); one query.

    Raises ``NotFound``.
    """
    accounts = Account.objects.filter(organization=OuterRef("pk"), currency=currency)
    keys = {f"{kind}_id": Subquery(accounts.filter(kind=kind).values("id")) for kind in kinds}
    found = Organization.objects.filter(id=organization_id).annotate(**keys).first()
    if found is None:
        raise NotFound
    return found


def sums_by_kind(subject_id: uuid.UUID) -> dict[str, int]:
    """How much money (fen) moved for one subject, by kind of transfer; one query."""
    rows = Transfer.objects.filter(subject_id=subject_id).order_by().values_list("kind").annotate(total=Sum("amount"))
    return {kind: int(total) for kind, total in rows}
