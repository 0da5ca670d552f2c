from django.db import models
from django.utils.translation import gettext_lazy as _


class AccountKind(models.TextChoices):
    """What an account is for. ``GUARDED`` kinds keep a balance that can never fall below zero."""

    WALLET = "wallet", _("wallet")
    ESCROW = "escrow", _("escrow")
    PAYABLE = "payable", _("payable")
    COMMISSION = "commission", _("commission")
    VAT = "vat", _("VAT")
    BANK = "bank", _("bank clearing")


GUARDED = (AccountKind.WALLET, AccountKind.ESCROW, AccountKind.PAYABLE)


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
