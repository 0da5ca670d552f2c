from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel.states import TransitionTable


class AccountKind(models.TextChoices):
    """What an account is for. ``GUARDED`` kinds keep a balance that can never fall below zero; a receivable's, what a
    vendor owes, is never above it.
    """

    WALLET = "wallet", _("wallet")
    ESCROW = "escrow", _("escrow")
    PAYABLE = "payable", _("payable")
    COMMISSION = "commission", _("commission")
    VAT = "vat", _("VAT")
    BANK = "bank", _("bank clearing")
    RECEIVABLE = "receivable", _("receivable")
    PROVIDER = "provider", _("payment provider clearing")
    PROVIDER_FEES = "provider_fees", _("payment provider's fees")


GUARDED = (AccountKind.WALLET, AccountKind.ESCROW, AccountKind.PAYABLE, AccountKind.RECEIVABLE)


class TransferKind(models.TextChoices):
    """Why money moved."""

    DEPOSIT = "deposit", _("deposit")
    ESCROW = "escrow", _("order placed")
    RELEASE = "release", _("refund before capture")
    CAPTURE_NET = "capture_net", _("captured for the vendor")
    CAPTURE_COMMISSION = "capture_commission", _("commission")
    CAPTURE_VAT = "capture_vat", _("VAT")
    PAYOUT = "payout", _("payout")
    PAYOUT_BOUNCED = "payout_bounced", _("payout bounced")
    REFUND_NET = "refund_net", _("refund after capture")
    REFUND_COMMISSION = "refund_commission", _("commission given back")
    REFUND_VAT = "refund_vat", _("VAT given back")
    REFUND_ADVANCE = "refund_advance", _("refund advanced for the vendor")
    REPAYMENT = "repayment", _("advance repaid")
    CORRECTION = "correction", _("correction")
    PROVIDER_PAID = "provider_paid", _("paid over by the payment provider")
    PROVIDER_FEE = "provider_fee", _("fee of the payment provider")


EVERYDAY = (
    TransferKind.ESCROW,
    TransferKind.RELEASE,
    TransferKind.CAPTURE_NET,
    TransferKind.CAPTURE_COMMISSION,
    TransferKind.CAPTURE_VAT,
)
"""What nearly all transfers of orders are, and so nearly all transfers."""

REVERSIBLE = (TransferKind.DEPOSIT, TransferKind.CORRECTION)
"""What a correction may reverse. Money of an order or a payout goes back by that trade's own acts, which know the rest
of it: cancelling, deciding a dispute, refunding, a bounce."""

CORRECTABLE = (
    AccountKind.WALLET,
    AccountKind.PAYABLE,
    AccountKind.COMMISSION,
    AccountKind.VAT,
    AccountKind.BANK,
    AccountKind.PROVIDER,
    AccountKind.PROVIDER_FEES,
)
"""Between these a correction may move money. An escrow is the money of its orders, and a receivable that of its
advances: both follow from rows that a correction does not change."""


class CorrectionState(models.TextChoices):
    """Approved, its transfer is posted; declined, nothing has happened."""

    PROPOSED = "proposed", _("proposed")
    APPROVED = "approved", pgettext_lazy("correction", "approved")
    DECLINED = "declined", pgettext_lazy("correction", "declined")


CORRECTION_MOVES = TransitionTable({CorrectionState.PROPOSED: [CorrectionState.APPROVED, CorrectionState.DECLINED]})
