"""For what purpose."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import MD5
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization, User
from market.catalog.models.products import Product, titled
from market.catalog.states import (
    OPEN_APPROVALS,
    ApprovalState,
)
from market.kernel import clock
from market.kernel.identifiers import uuid7


class PurposeApproval(models.Model):
    """WHY: before important data is sold, vendor and exchange agree to what this buyer wants it for.

    The vendor decides first, the exchange second. ``expires_at`` is the end of the time to decide, and once approved
    the end of the time to order; it counts from the last of request and approval. An order declares the very purpose
    that was approved and refers to this row. A rejected buyer asks again with a new row: what was said stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="purpose_approvals", verbose_name=_("product"))
    vendor_org_id = models.UUIDField(editable=False)
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="purpose_approvals", verbose_name=_("buyer")
    )
    purpose = models.CharField(_("purpose"), max_length=1000)
    state = models.CharField(_("state"), max_length=16, choices=ApprovalState, default=ApprovalState.REQUESTED)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    requested_at = models.DateTimeField(_("requested"), default=clock.now)
    expires_at = models.DateTimeField(_("expires"))
    vendor_decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided for the vendor by")
    )
    vendor_decided_at = models.DateTimeField(_("vendor decided"), null=True)
    vendor_reason = models.TextField(_("vendor's reasons"), max_length=5000, blank=True)
    operator_decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided for the exchange by")
    )
    operator_decided_at = models.DateTimeField(_("exchange decided"), null=True)
    operator_reason = models.TextField(_("exchange's reasons"), max_length=5000, blank=True)
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), null=True)

    class Meta:
        verbose_name = _("purpose approval")
        verbose_name_plural = _("purpose approvals")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                "product", "buyer_org", MD5("purpose"), condition=Q(state__in=OPEN_APPROVALS), name="purpose_open_once"
            ),
            models.CheckConstraint(name="purpose_state_known", condition=Q(state__in=ApprovalState.values)),
            models.CheckConstraint(name="purpose_said", condition=~Q(purpose="")),
            models.CheckConstraint(name="purpose_of_another", condition=~Q(buyer_org=F("vendor_org_id"))),
            models.CheckConstraint(name="purpose_expires_later", condition=Q(expires_at__gt=F("requested_at"))),
            models.CheckConstraint(
                name="purpose_vendor_decides_first",
                condition=Q(state__in=[ApprovalState.REQUESTED], vendor_decided_at=None, operator_decided_at=None)
                | Q(state=ApprovalState.VENDOR_APPROVED, vendor_decided_at__isnull=False, operator_decided_at=None)
                | Q(state=ApprovalState.APPROVED, vendor_decided_at__isnull=False, operator_decided_at__isnull=False)
                | Q(state=ApprovalState.REJECTED, vendor_decided_at__isnull=False)
                | Q(state__in=[ApprovalState.WITHDRAWN, ApprovalState.EXPIRED]),
            ),
            models.CheckConstraint(
                name="purpose_rejected_with_reason",
                condition=~Q(state=ApprovalState.REJECTED)
                | (Q(operator_decided_at=None) & ~Q(vendor_reason=""))
                | (Q(operator_decided_at__isnull=False) & ~Q(operator_reason="")),
            ),
            models.CheckConstraint(
                name="purpose_closed_when",
                condition=Q(state__in=OPEN_APPROVALS, closed_at=None)
                | (~Q(state__in=OPEN_APPROVALS) & Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="purpose_decided_by_three",
                condition=(Q(vendor_decided_by=None) | ~Q(vendor_decided_by=F("requested_by")))
                & (Q(operator_decided_by=None) | ~Q(operator_decided_by=F("requested_by")))
                & (
                    Q(vendor_decided_by=None)
                    | Q(operator_decided_by=None)
                    | ~Q(operator_decided_by=F("vendor_decided_by"))
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state__in=OPEN_APPROVALS), name="purpose_expiry"),
            models.Index(fields=["buyer_org", "-id"], name="purpose_of_buyer"),
            models.Index(fields=["vendor_org_id", "-id"], name="purpose_of_vendor"),
        ]

    def __str__(self) -> str:
        return titled(self, f"{self.requested_at:%Y-%m-%d}")
