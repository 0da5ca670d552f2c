"""What the exchange's own service costs, and how much each vendor has sold in a month, which decides it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.states import TaxpayerType
from market.catalog.states import Sector
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import BPS, CURRENCY


class CommissionScale(models.Model):
    """Commission by what the vendor has sold in the month: ``commission_bps`` of the first fen, and from each of
    ``tier_volumes`` (fen, rising) on the rate at the same place of ``tier_bps``, each fen at the rate of its own tier.
    """

    commission_bps = models.PositiveIntegerField(_("commission (bps)"))
    tier_volumes = ArrayField(
        models.BigIntegerField(), verbose_name=_("tiers from (fen a month)"), default=list, blank=True
    )
    tier_bps = ArrayField(
        models.IntegerField(), verbose_name=_("commission in the tiers (bps)"), default=list, blank=True
    )

    class Meta:
        abstract = True

    @property
    def tiers(self) -> list[tuple[int, int]]:
        """From how many fen a month on, and the rate in basis points; without the first rate, which needs no volume."""
        return list(zip(self.tier_volumes, self.tier_bps, strict=True))


class FeeSchedule(CommissionScale):
    """WHY: the price of the exchange's own service, versioned: a capture names the version it was computed by.

    Commission is of the order's amount; the VAT rates are of the amount without VAT, which the amount includes
    (``division.divide``). A draft has no version and no beginning; announced, it gets both and never changes again.
    In force is the schedule whose ``effective_from`` came last, the higher version of two that began together.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(_("version"), unique=True, null=True)
    vat_general_bps = models.PositiveIntegerField(_("VAT, general taxpayer (bps)"), default=600)
    vat_small_scale_bps = models.PositiveIntegerField(_("VAT, small-scale taxpayer (bps)"), default=100)
    effective_from = models.DateTimeField(_("effective from"), null=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("fee schedule")
        verbose_name_plural = _("fee schedules")
        ordering = ("-version",)
        constraints = [
            models.CheckConstraint(
                name="fee_schedule_leaves_something",
                condition=Q(commission_bps__lte=BPS - F("vat_general_bps"))
                & Q(commission_bps__lte=BPS - F("vat_small_scale_bps")),
                violation_error_message=_("Commission and VAT together leave the vendor less than nothing."),
            ),
            models.CheckConstraint(
                name="fee_schedule_announced_whole",
                condition=Q(version=None, effective_from=None) | Q(version__isnull=False, effective_from__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(_("draft")) if self.version is None else f"v{self.version}"

    def vat_bps(self, taxpayer_type: str) -> int:
        """The VAT rate in basis points for a vendor of that type."""
        return {
            TaxpayerType.GENERAL: self.vat_general_bps,
            TaxpayerType.SMALL_SCALE: self.vat_small_scale_bps,
            TaxpayerType.EXEMPT: 0,
        }[TaxpayerType(taxpayer_type)]


class FeeOverride(CommissionScale):
    """WHY: another scale than the schedule's for one vendor, or for all products of one sector. A vendor's own goes
    before its sectors'. Belongs to its schedule and is as unchangeable.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    schedule = models.ForeignKey(FeeSchedule, models.CASCADE, related_name="overrides", verbose_name=_("fee schedule"))
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", verbose_name=_("vendor"), null=True, blank=True
    )
    sector = models.CharField(_("sector"), max_length=1, choices=Sector, blank=True)

    class Meta:
        verbose_name = _("special rate")
        verbose_name_plural = _("special rates")
        ordering = ("vendor_org", "sector")
        constraints = [
            models.CheckConstraint(
                name="fee_override_for_vendor_or_sector",
                condition=(Q(vendor_org=None) & ~Q(sector="")) | Q(vendor_org__isnull=False, sector=""),
                violation_error_message=_("A special rate is for one vendor or for one sector."),
            ),
            models.UniqueConstraint(
                fields=["schedule", "vendor_org"],
                condition=Q(vendor_org__isnull=False),
                name="fee_override_once_a_vendor",
                violation_error_message=_("The vendor has a special rate in this schedule already."),
            ),
            models.UniqueConstraint(
                fields=["schedule", "sector"],
                condition=~Q(sector=""),
                name="fee_override_once_a_sector",
                violation_error_message=_("The sector has a special rate in this schedule already."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.vendor_org or self.get_sector_display())


class MonthlyVolume(models.Model):
    """WHY: what was captured for a vendor in a month (Asia/Shanghai), gross, so that the next capture knows its tier.
    Each capture adds to it under its lock, and begins where the one before ended: two at once count one after
    the other. Refunds take nothing off it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", verbose_name=_("vendor"), db_index=False
    )
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    month = models.DateField(_("month"))
    gross = models.BigIntegerField(_("gross (fen)"))

    class Meta:
        verbose_name = _("volume of a month")
        verbose_name_plural = _("volumes of months")
        ordering = ("-month", "vendor_org")
        constraints = [
            models.UniqueConstraint(fields=["vendor_org", "month", "currency"], name="monthly_volume_once"),
            models.CheckConstraint(name="monthly_volume_positive", condition=Q(gross__gt=0)),
            models.CheckConstraint(name="monthly_volume_of_a_month", condition=Q(month__day=1)),
        ]

    def __str__(self) -> str:
        return f"{self.vendor_org_id} {self.month:%Y-%m}"
