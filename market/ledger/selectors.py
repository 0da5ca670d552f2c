"""Reads of money."""

import datetime
import uuid
from collections.abc import Iterable

from django.db.models import BigIntegerField, Case, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Cast, Coalesce

from accounts.models import Organization
from accounts.selectors import sees_everything
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.kernel.money import CURRENCY
from market.ledger.models import Account, BalanceSnapshot, Transfer
from market.ledger.states import GUARDED, AccountKind

THE_BEGINNING = datetime.datetime.min.replace(tzinfo=datetime.UTC)

_TRADED = (AccountKind.WALLET, AccountKind.ESCROW, AccountKind.PAYABLE)
"""The accounts that an order needs."""


def account(organization_id: uuid.UUID, kind: str, currency: str = CURRENCY) -> Account:
    """The one account of that organisation, kind and currency. Raises ``NotFound``."""
    found = Account.objects.filter(organization_id=organization_id, kind=kind, currency=currency).first()
    if found is None:
        raise NotFound
    return found


def transfers_of(subject_ids: Iterable[uuid.UUID]) -> QuerySet[Transfer]:
    """Every transfer for these subjects, oldest first."""
    return Transfer.objects.filter(subject_id__in=list(subject_ids)).order_by("id")


def transfers_by_key(business_keys: Iterable[str]) -> QuerySet[Transfer]:
    """The transfers posted under these business keys."""
    return Transfer.objects.filter(business_key__in=list(business_keys))


def organization_with_accounts(organization_id: uuid.UUID, currency: str = CURRENCY) -> Organization:
    """One organisation with the keys of its guarded accounts as ``wallet_id``, ``escrow_id`` and ``payable_id``.

    None for an account that is not open. One query. Raises ``NotFound``.
    """
    accounts = Account.objects.filter(organization=OuterRef("pk"), currency=currency)
    keys = {f"{kind}_id": Subquery(accounts.filter(kind=kind).values("id")) for kind in _TRADED}
    found = Organization.objects.filter(id=organization_id).annotate(**keys).first()
    if found is None:
        raise NotFound
    return found


def sums_by_kind(subject_id: uuid.UUID) -> dict[str, int]:
    """How much money (fen) moved for one subject, by kind of transfer; one query."""
    rows = Transfer.objects.filter(subject_id=subject_id).order_by().values_list("kind").annotate(total=Sum("amount"))
    return {kind: int(total) for kind, total in rows}


def accounts_visible_to(actor: Actor) -> QuerySet[Account]:
    """Accounts with their organisation and ``amount``, the balance in fen.

    An organisation sees its own guarded accounts; the commission and VAT taken from it belong to the operator.
    Auditors and operators see all: the balance of an unguarded account is its last snapshot and the transfers since,
    computed only for the rows of the page.
    """
    accounts = Account.objects.select_related("organization").annotate(amount=_balance())
    if sees_everything(actor):
        return accounts
    return accounts.filter(organization=actor.organization_id, kind__in=GUARDED)


def _balance() -> Case:
    """What is kept; of an unguarded account its last snapshot and the transfers since, so that no history is read."""
    since = _total("credit_account") - _total("debit_account")
    kept = Coalesce(Subquery(_snapshots("pk").values("balance")[:1]), Value(0), output_field=BigIntegerField())
    return Case(When(balance__isnull=False, then=F("balance")), default=kept + since, output_field=BigIntegerField())


def _total(side: str) -> Coalesce:
    ends = Subquery(_snapshots(OuterRef("pk")).values("ends_at")[:1])
    rows = Transfer.objects.filter(**{side: OuterRef("pk")}, posted_at__gte=Coalesce(ends, Value(THE_BEGINNING)))
    total = Subquery(
        rows.order_by().values(side).annotate(total=Cast(Sum("amount"), BigIntegerField())).values("total")
    )
    return Coalesce(total, Value(0), output_field=BigIntegerField())


def _snapshots(account: str | OuterRef) -> QuerySet[BalanceSnapshot]:
    return BalanceSnapshot.objects.filter(account=OuterRef(account)).order_by("-day")


def transfers_visible_to(actor: Actor) -> QuerySet[Transfer]:
    """Transfers with both accounts: those that touch an account of the own organisation, or all for auditors."""
    transfers = Transfer.objects.select_related("debit_account", "credit_account")
    if sees_everything(actor):
        return transfers
    # Known keys, not a subquery: only then can the indexes of both sides be put together.
    own = list(Account.objects.filter(organization=actor.organization_id).values_list("id", flat=True))
    return transfers.filter(Q(debit_account__in=own) | Q(credit_account__in=own))


def filter_transfers(
    transfers: QuerySet[Transfer],
    *,
    kind: str | None = None,
    subject: uuid.UUID | None = None,
    account: uuid.UUID | None = None,
    posted_from: datetime.date | None = None,
    posted_until: datetime.date | None = None,
) -> QuerySet[Transfer]:
    """Narrow a list; the dates are business days in Asia/Shanghai, both included."""
    if kind:
        transfers = transfers.filter(kind=kind)
    if subject:
        transfers = transfers.filter(subject_id=subject)
    if account:
        transfers = transfers.filter(Q(debit_account=account) | Q(credit_account=account))
    if posted_from:
        transfers = transfers.filter(posted_at__gte=clock.business_midnight(posted_from))
    if posted_until:
        transfers = transfers.filter(posted_at__lt=clock.business_midnight(posted_until + datetime.timedelta(days=1)))
    return transfers
