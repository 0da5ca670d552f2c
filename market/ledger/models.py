from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization, User
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.ledger import remittance
from market.ledger.states import EVERYDAY, GUARDED, AccountKind, CorrectionState, TransferKind


class Account(models.Model):
    """WHY: a place where money of one organisation, kind and currency is.

    ``organization`` is whose trade the money is about: the buyer of a wallet or escrow, the vendor of a payable and
    also of the commission and VAT taken from it (these belong to the operator; one per vendor means no hot row).
    A guarded account keeps its balance, which a trigger moves with each transfer and a constraint keeps at or above
    zero (a receivable, what the exchange has paid for a vendor, at or below it); an unguarded one has none: its balance
    is the sum of its transfers. A wallet has a code, which payments to it name.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="accounts", verbose_name=_("organisation"), db_index=False
    )
    kind = models.CharField(_("kind"), max_length=16, choices=AccountKind)
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    balance = models.BigIntegerField(_("balance (fen)"), null=True, editable=False)
    version = models.BigIntegerField(_("version"), default=0, editable=False)
    remittance_code = models.CharField(
        _("remittance code"), max_length=remittance.LENGTH, null=True, blank=True, unique=True, editable=False
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "currency"], name="ledger_account_once"),
            # The target of the transfers' foreign keys: an account is named together with its currency.
            models.UniqueConstraint(fields=["id", "currency"], name="ledger_account_currency"),
            models.CheckConstraint(
                name="ledger_account_balance_kept_when_guarded",
                condition=(Q(kind__in=GUARDED) & Q(balance__isnull=False))
                | (~Q(kind__in=GUARDED) & Q(balance__isnull=True)),
            ),
            models.CheckConstraint(
                name="ledger_account_wallet_has_code",
                condition=(Q(kind=AccountKind.WALLET) & Q(remittance_code__isnull=False))
                | (~Q(kind=AccountKind.WALLET) & Q(remittance_code__isnull=True)),
            ),
            models.CheckConstraint(
                name="ledger_account_balance_not_negative",
                condition=Q(balance=None) | Q(balance__gte=0) | Q(kind=AccountKind.RECEIVABLE),
            ),
            models.CheckConstraint(
                name="ledger_account_receivable_not_positive",
                condition=~Q(kind=AccountKind.RECEIVABLE) | Q(balance__lte=0),
            ),
        ]

    def __str__(self) -> str:
        """Whose it is too, where that has been loaded; never a query for a label."""
        text = f"{self.get_kind_display()} {self.currency}"
        return f"{self.organization.name}: {text}" if "organization" in self._state.fields_cache else text


class Transfer(models.Model):
    """WHY: one movement of money from ``debit_account`` to ``credit_account``: it balances by construction.

    ``tx_id`` groups the legs of one act, ``subject_id`` names what it was for, and ``business_key`` makes the act
    once-only. Append-only: a mistake is corrected by another transfer.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    tx_id = models.UUIDField(_("key of the act"))
    debit_account = models.ForeignKey(
        Account, models.PROTECT, db_constraint=False, db_index=False, related_name="debits", verbose_name=_("debit")
    )
    credit_account = models.ForeignKey(
        Account, models.PROTECT, db_constraint=False, db_index=False, related_name="credits", verbose_name=_("credit")
    )
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    kind = models.CharField(_("kind"), max_length=32, choices=TransferKind)
    subject_type = models.CharField(_("subject"), max_length=32)
    subject_id = models.UUIDField()
    business_key = models.CharField(_("business key"), max_length=128, unique=True)
    posted_at = models.DateTimeField(_("posted"), default=clock.now)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="ledger_transfer_amount_positive", condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT)
            ),
            models.CheckConstraint(name="ledger_transfer_moves", condition=~Q(debit_account=F("credit_account"))),
        ]
        indexes = [
            models.Index(fields=["subject_id"], name="ledger_transfer_subject"),
            # An account's statement: its movements in order of time, summed without a look at the rows.
            models.Index(fields=["debit_account", "posted_at"], include=["amount"], name="ledger_transfer_debits"),
            models.Index(fields=["credit_account", "posted_at"], include=["amount"], name="ledger_transfer_credits"),
            # The few that are not everyday: found by their kind without a look at the millions that are.
            models.Index(
                fields=["kind"],
                condition=~Q(subject_type="order") | ~Q(kind__in=EVERYDAY),
                name="ledger_transfer_seldom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} {self.currency}"


class Correction(models.Model):
    """WHY: a mistake is made good by another transfer, never by a changed one, and not by one person alone.

    It reverses one transfer (``reverses``: the same amount the other way) or moves an amount between two accounts, and
    says why. Somebody proposes it; with another person's approval its one transfer is posted, whose subject it is.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    reverses = models.ForeignKey(
        Transfer, models.PROTECT, null=True, blank=True, related_name="corrections", verbose_name=_("reverses"),
        db_index=False,
    )  # fmt: skip
    debit_account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("debit"))
    credit_account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("credit"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    reason = models.CharField(_("reason"), max_length=2000)
    state = models.CharField(
        _("state"), max_length=16, choices=CorrectionState, default=CorrectionState.PROPOSED, editable=False
    )
    proposed_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", verbose_name=_("proposed by"), db_index=False, editable=False
    )
    proposed_at = models.DateTimeField(_("proposed"), default=clock.now, editable=False)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), db_index=False, editable=False
    )
    decided_at = models.DateTimeField(_("decided"), null=True, editable=False)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="correction_amount", condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT)),
            models.CheckConstraint(
                name="correction_moves",
                condition=~Q(debit_account=F("credit_account")),
                violation_error_message=_("Money moves between two accounts."),
            ),
            models.CheckConstraint(name="correction_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="correction_state_tells_the_rest",
                condition=Q(state=CorrectionState.PROPOSED, decided_by=None, decided_at=None)
                | Q(
                    state__in=[CorrectionState.APPROVED, CorrectionState.DECLINED],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="correction_two_people",
                condition=~Q(state=CorrectionState.APPROVED) | ~Q(decided_by=F("proposed_by")),
            ),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=~Q(state=CorrectionState.DECLINED),
                name="correction_reverses_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.proposed_at:%Y-%m-%d}"


class ClosedDay(models.Model):
    """WHY: from ``closed_at`` on no transfer may be posted into this business day or an earlier one (a trigger sees to
    it): what was summed up to ``ends_at``, its midnight in Asia/Shanghai, stays what it is. ``snapshots_at`` is filled
    when the balances at its end have been kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    day = models.DateField(_("business day"), unique=True)
    ends_at = models.DateTimeField(_("ends"), unique=True)
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), default=clock.now)
    snapshots_at = models.DateTimeField(_("balances kept"), null=True)

    class Meta:
        verbose_name = _("closed day")
        verbose_name_plural = _("closed days")
        ordering = ("-day",)

    def __str__(self) -> str:
        return self.day.isoformat()


class BalanceSnapshot(models.Model):
    """WHY: what an unguarded account held at the end of a closed day, so that its balance is this and the transfers
    since, however long its history. An account on which nothing moved keeps its earlier snapshot. Append-only.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without an index of its own: the constraint on account and day serves.
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="snapshots", verbose_name=_("account"), db_index=False
    )
    day = models.DateField(_("business day"))
    ends_at = models.DateTimeField(_("ends"))
    balance = models.BigIntegerField(_("balance (fen)"))
    created_at = models.DateTimeField(_("created"), default=clock.now)

    class Meta:
        verbose_name = _("balance at the end of a day")
        verbose_name_plural = _("balances at the end of a day")
        ordering = ("-day", "-id")
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="balance_snapshot_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"
