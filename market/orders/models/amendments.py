"""Changes of a contract that one side proposes to the other."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import MAX_AMOUNT
from market.orders.models.orders import Order, OrderTerms
from market.orders.states import AMENDABLE, AmendmentState, ContractSide


class Amendment(models.Model):
    """WHY: what one side wants to change in a contract, until the other side confirms it or it comes to nothing.

    Of ``purpose``, ``licence``, ``acceptance_days`` and ``ends_on`` those that are neither empty nor NULL are proposed.
    ``ends_on`` is the day on which the contract shall be over (that day no longer), ``unused_amount`` the fen of its
    price that fall on the days from then on; NULL when use decides. Proposed on top of terms version ``base_version``;
    confirmed it is the version ``terms``. An order has one open proposal at a time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="amendments", verbose_name=_("order"))
    buyer_org_id = models.UUIDField(editable=False)
    vendor_org_id = models.UUIDField(editable=False)
    base_version = models.PositiveSmallIntegerField(_("changes version"))
    side = models.CharField(_("proposed by"), max_length=8, choices=ContractSide)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("person"), db_index=False)
    message = models.TextField(_("message"), blank=True)
    purpose = models.CharField(_("declared purpose"), max_length=1000, blank=True)
    licence = models.TextField(_("licence terms"), blank=True)
    acceptance_days = models.PositiveSmallIntegerField(_("acceptance period (days)"), null=True)
    ends_on = models.DateField(_("ends early before"), null=True)
    unused_amount = models.BigIntegerField(_("of its price unused (fen)"), null=True)
    state = models.CharField(_("state"), max_length=16, choices=AmendmentState, default=AmendmentState.PROPOSED)
    answer = models.TextField(_("answer"), blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), db_index=False
    )
    terms = models.OneToOneField(
        OrderTerms, models.PROTECT, null=True, related_name="amendment", verbose_name=_("became the terms")
    )
    created_at = models.DateTimeField(pgettext_lazy("amendment", "proposed on"), default=clock.now)
    due_at = models.DateTimeField(_("confirmed or void on"))
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), null=True)

    class Meta:
        verbose_name = _("amendment")
        verbose_name_plural = _("amendments")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(state=AmendmentState.PROPOSED), name="amendment_open_once"
            ),
            models.CheckConstraint(name="amendment_state_known", condition=Q(state__in=AmendmentState.values)),
            models.CheckConstraint(name="amendment_side_known", condition=Q(side__in=ContractSide.values)),
            models.CheckConstraint(
                name="amendment_changes_something",
                condition=~Q(purpose="", licence="", acceptance_days=None, ends_on=None),
            ),
            models.CheckConstraint(
                name="amendment_values",
                condition=(Q(acceptance_days=None) | Q(acceptance_days__gte=1, acceptance_days__lte=90))
                & (
                    Q(unused_amount=None)
                    | Q(ends_on__isnull=False, unused_amount__gte=0, unused_amount__lte=MAX_AMOUNT)
                ),
            ),
            models.CheckConstraint(
                name="amendment_closed_when",
                condition=Q(state=AmendmentState.PROPOSED, closed_at=None)
                | (~Q(state=AmendmentState.PROPOSED) & Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="amendment_confirmed_has_terms",
                condition=Q(state=AmendmentState.CONFIRMED, terms__isnull=False, decided_by__isnull=False)
                | (~Q(state=AmendmentState.CONFIRMED) & Q(terms=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=AmendmentState.PROPOSED), name="amendment_due"),
            models.Index(fields=["buyer_org_id", "-id"], name="amendment_of_buyer"),
            models.Index(fields=["vendor_org_id", "-id"], name="amendment_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()}, v{self.base_version}"

    def changes(self) -> dict[str, object]:
        """What is proposed, by name."""
        return {name: value for name in AMENDABLE if (value := getattr(self, name)) not in (None, "")}
