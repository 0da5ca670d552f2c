from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from market.banking.states import Doubt, FileState, IntentState, LineState, OnlineDoubt, OnlineState
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY
from market.ledger.remittance import LENGTH as CODE_LENGTH
from market.settlement.models import Payout


class BankStatement(models.Model):
    """WHY: what the bank says happened on the exchange's account between two balances; the file it came in, by digest.

    Append-only. A statement is told from another by the bank's own identification within the account.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.CharField(_("account"), max_length=34)
    statement_id = models.CharField(_("statement number"), max_length=35)
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    opened_on = models.DateField(_("from"))
    closed_on = models.DateField(_("to"))
    opening = models.BigIntegerField(_("opening balance (fen)"))
    credits = models.BigIntegerField(_("credits (fen)"))
    debits = models.BigIntegerField(_("debits (fen)"))
    closing = models.BigIntegerField(_("closing balance (fen)"))
    line_count = models.PositiveIntegerField(_("lines"))
    version = models.CharField(_("version of the message"), max_length=2)
    file_sha256 = models.CharField(_("SHA-256 of the file"), max_length=64)
    imported_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("imported by"), db_index=False
    )
    imported_at = models.DateTimeField(_("imported"), default=clock.now)

    class Meta:
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["account", "statement_id"], name="bank_statement_once"),
            models.CheckConstraint(
                name="bank_statement_adds_up",
                condition=Q(closing=F("opening") + F("credits") - F("debits"), credits__gte=0, debits__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return self.statement_id


class BankLine(models.Model):
    """WHY: one movement on the exchange's account at the bank, and what it was in the books of the exchange.

    What the bank said never changes; what became of it is decided once. No two lines of an account share the bank's
    reference: that is what makes an import twice, or of overlapping files, change nothing. A deposit's transfer has
    the line as its subject, and its business key names the bank's reference.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    statement = models.ForeignKey(BankStatement, models.PROTECT, related_name="lines", verbose_name=_("bank statement"))
    account = models.CharField(_("account"), max_length=34)
    bank_reference = models.CharField(_("the bank's reference"), max_length=64)
    entry = models.PositiveIntegerField(_("entry"))
    detail = models.PositiveIntegerField(_("transaction in the entry"), default=0)
    is_credit = models.BooleanField(_("credit"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    booked_on = models.DateField(_("booked"))
    value_on = models.DateField(_("value date"), null=True)
    end_to_end_id = models.CharField(_("end-to-end reference"), max_length=35, blank=True)
    remittance_text = models.TextField(_("words on the payment"), blank=True)
    party_name = models.CharField(_("other side"), max_length=140, blank=True)
    party_account = models.CharField(_("the other side's account"), max_length=34, blank=True)
    is_return = models.BooleanField(_("comes back"), default=False)
    return_reason = models.TextField(_("why it came back"), blank=True)

    state = models.CharField(_("state"), max_length=16, choices=LineState, default=LineState.WAITING)
    doubt = models.CharField(_("why it was not matched by itself"), max_length=32, choices=Doubt, blank=True)
    code = models.CharField(_("remittance code"), max_length=CODE_LENGTH, blank=True)
    payment_reference = models.CharField(_("payment reference"), max_length=35, blank=True)
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, null=True, related_name="+", verbose_name=_("buyer"), db_index=False
    )
    payout = models.ForeignKey(
        Payout, models.PROTECT, null=True, related_name="bank_lines", verbose_name=_("payout"), db_index=False
    )
    return_reference = models.CharField(_("reference for the return"), max_length=35, blank=True)
    reason = models.TextField(_("the operator's reason"), blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), db_index=False
    )
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["account", "bank_reference"], name="bank_line_once"),
            models.UniqueConstraint(
                fields=["payout"], condition=Q(state=LineState.CONFIRMED), name="bank_line_confirms_once"
            ),
            models.UniqueConstraint(
                fields=["payout"], condition=Q(state=LineState.BOUNCED), name="bank_line_bounces_once"
            ),
            models.UniqueConstraint(
                fields=["return_reference"], condition=~Q(return_reference=""), name="bank_line_return_once"
            ),
            models.UniqueConstraint(
                fields=["payment_reference"], condition=Q(state=LineState.RETURN_PAID), name="bank_line_paid_once"
            ),
            models.CheckConstraint(name="bank_line_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="bank_line_state_tells_the_rest",
                condition=(Q(state=LineState.WAITING, decided_at=None) & ~Q(doubt=""))
                | (
                    Q(decided_at__isnull=False)
                    & (
                        Q(state=LineState.DEPOSITED, is_credit=True, buyer_org__isnull=False)
                        | Q(state=LineState.CONFIRMED, is_credit=False, payout__isnull=False)
                        | Q(state=LineState.BOUNCED, is_credit=True, payout__isnull=False)
                        | (Q(state=LineState.RETURNED, is_credit=True) & ~Q(return_reference="") & ~Q(reason=""))
                        | (Q(state=LineState.RETURN_PAID, is_credit=False) & ~Q(payment_reference=""))
                        | (Q(state=LineState.PROVIDER, is_credit=True) & ~Q(reason=""))
                        | (Q(state=LineState.SET_ASIDE) & ~Q(reason=""))
                    )
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state=LineState.WAITING), name="bank_line_queue"),
        ]

    def __str__(self) -> str:
        return self.bank_reference


class PaymentFile(models.Model):
    """WHY: what the bank was told to pay for one settlement run, in one message.

    All that the file says is frozen here, in its payments and in their payouts, so that it can be written again, the
    same to the byte (``file_sha256``), and no account number lies about in a file. A run has more than one file only
    when payouts of it were sent after the first was made.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    cutoff = models.DateTimeField(_("cutoff"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    number = models.PositiveIntegerField(_("number within the run"))
    message_id = models.CharField(_("message identification"), max_length=35, unique=True)
    execute_on = models.DateField(_("to be paid on"))
    debtor_name = models.CharField(_("payer"), max_length=200)
    debtor_account = models.CharField(_("payer's account"), max_length=34)
    debtor_bic = models.CharField(_("payer's bank (BIC)"), max_length=11, blank=True)
    payment_count = models.PositiveIntegerField(_("payments"))
    total = models.BigIntegerField(_("total (fen)"))
    file_sha256 = models.CharField(_("SHA-256 of the file"), max_length=64)
    state = models.CharField(_("state"), max_length=16, choices=FileState, default=FileState.MADE)
    made_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("made by"), db_index=False
    )
    made_at = models.DateTimeField(_("made"), default=clock.now)
    handed_in_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("handed in by"), db_index=False
    )
    handed_in_at = models.DateTimeField(_("handed in"), null=True)

    class Meta:
        verbose_name = _("payment file")
        verbose_name_plural = _("payment files")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["cutoff", "currency", "number"], name="payment_file_once"),
            models.CheckConstraint(
                name="payment_file_pays", condition=Q(payment_count__gt=0, total__gt=0, number__gt=0)
            ),
            models.CheckConstraint(
                name="payment_file_state_tells_the_rest",
                condition=Q(state=FileState.MADE, handed_in_at=None)
                | Q(state=FileState.HANDED_IN, handed_in_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.message_id


class Payment(models.Model):
    """WHY: says which payout stands in which payment file; a payout can stand in one only, so nothing is paid twice."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    file = models.ForeignKey(
        PaymentFile, models.PROTECT, related_name="payments", verbose_name=_("payment file"), db_index=False
    )
    position = models.PositiveIntegerField(_("position"))
    payout = models.OneToOneField(Payout, models.PROTECT, related_name="payment", verbose_name=_("payout"))
    creditor_name = models.CharField(_("payee"), max_length=200)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["file", "position"], name="payment_position_once")]

    def __str__(self) -> str:
        return str(self.position)


class PaymentIntent(models.Model):
    """WHY: what a buyer set out to pay online, before any provider says that it was paid: a notification counts only
    when provider, reference, amount and currency are these.

    ``reference`` is ours and goes with the payment to the provider and back. After ``expires_at`` the provider takes no
    new payment; one that was on its way by then still counts.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(_("payment provider"), max_length=16)
    reference = models.CharField(_("reference"), max_length=35, unique=True)
    buyer_org = models.ForeignKey(Organization, models.PROTECT, related_name="payment_intents", verbose_name=_("buyer"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    state = models.CharField(_("state"), max_length=16, choices=IntentState, default=IntentState.OPEN)
    expires_at = models.DateTimeField(_("expires"))
    started_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("started by"), db_index=False)
    started_at = models.DateTimeField(_("started"), default=clock.now)
    paid_at = models.DateTimeField(_("paid"), null=True)

    class Meta:
        verbose_name = _("online payment, started")
        verbose_name_plural = _("online payments, started")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="payment_intent_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="payment_intent_paid_has_time",
                condition=Q(state=IntentState.PAID, paid_at__isnull=False)
                | (~Q(state=IntentState.PAID) & Q(paid_at=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class OnlinePayment(models.Model):
    """WHY: money that a provider says it has received for us, once by the provider's own number of it, however often
    and in whatever order it says so; and what it was in the books.

    Its deposit has this row as its subject, and a business key of the provider's name and number. What is not an open
    intent's to the fen waits for an operator: it is somebody's money all the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(_("payment provider"), max_length=16)
    transaction_id = models.CharField(_("the provider's number"), max_length=48)
    reference = models.CharField(_("reference"), max_length=35)
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=8)
    intent = models.ForeignKey(
        PaymentIntent, models.PROTECT, null=True, related_name="payments", verbose_name=_("online payment, started")
    )
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, null=True, related_name="+", verbose_name=_("buyer"), db_index=False
    )
    state = models.CharField(_("state"), max_length=16, choices=OnlineState)
    doubt = models.CharField(_("why it was not matched by itself"), max_length=32, choices=OnlineDoubt, blank=True)
    received_at = models.DateTimeField(_("told"), default=clock.now)
    reason = models.TextField(_("the operator's reason"), blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), db_index=False
    )
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("online payment, received")
        verbose_name_plural = _("online payments, received")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["provider", "transaction_id"], name="online_payment_once"),
            models.UniqueConstraint(
                fields=["intent"], condition=Q(doubt=""), name="online_payment_pays_its_intent_once"
            ),
            models.CheckConstraint(
                name="online_payment_state_tells_the_rest",
                condition=Q(
                    state=OnlineState.DEPOSITED, doubt="", intent__isnull=False, buyer_org__isnull=False, reason=""
                )
                | (Q(state=OnlineState.WAITING, decided_at=None) & ~Q(doubt=""))
                | (
                    Q(state__in=[OnlineState.DEPOSITED, OnlineState.SET_ASIDE], decided_at__isnull=False)
                    & ~Q(doubt="")
                    & ~Q(reason="")
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state=OnlineState.WAITING), name="online_payment_queue"),
        ]

    def __str__(self) -> str:
        return self.transaction_id
