from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization, User
from market.catalog.models import Offer, Product
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.negotiation.states import OPEN, QuoteAct, QuoteState, Side
from market.orders.models import Order

ACTS_OF_SIDE = (
    (Side.BUYER, (QuoteAct.ASK, QuoteAct.COUNTER, QuoteAct.ACCEPT, QuoteAct.DECLINE, QuoteAct.WITHDRAW)),
    (Side.VENDOR, (QuoteAct.OFFER, QuoteAct.ASK_BACK, QuoteAct.DECLINE, QuoteAct.WITHDRAW)),
    (Side.EXCHANGE, (QuoteAct.EXPIRE,)),
)
MUST_SAY = (QuoteAct.COUNTER, QuoteAct.ASK_BACK)
"""Acts that are nothing without words."""


def _side_may_act() -> Q:
    allowed = Q()
    for side, acts in ACTS_OF_SIDE:
        allowed |= Q(side=side, act__in=acts)
    return allowed


class Quote(models.Model):
    """WHY: one buyer's wish for terms of its own for one product, and where the talk about it stands.

    The talk itself is in the rounds, which ``round_count`` counts. ``volume`` is what the buyer wants now, in units of
    the product. ``current_offer`` is the private offer that stands, for ``least_quantity`` units or more; ``order`` is
    what its acceptance made. ``due_at`` is when an open quote ends by itself: the offer's end, or the time to answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(_("quote number"), max_length=24, unique=True)
    buyer_org = models.ForeignKey(Organization, models.PROTECT, related_name="quotes_asked", verbose_name=_("buyer"))
    vendor_org = models.ForeignKey(Organization, models.PROTECT, related_name="quotes_given", verbose_name=_("vendor"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="quotes", verbose_name=_("product"))
    purpose = models.CharField(_("declared purpose"), max_length=1000)
    volume = models.PositiveIntegerField(_("volume wanted"), null=True)
    state = models.CharField(_("state"), max_length=16, choices=QuoteState, default=QuoteState.ASKED)
    round_count = models.PositiveSmallIntegerField(_("rounds"), default=1)
    current_offer = models.OneToOneField(
        Offer, models.PROTECT, null=True, related_name="current_in_quote", verbose_name=_("offer that stands")
    )
    least_quantity = models.PositiveIntegerField(_("for at least (units)"), null=True)
    order = models.OneToOneField(Order, models.PROTECT, null=True, related_name="quote", verbose_name=_("order"))
    due_at = models.DateTimeField(_("ends by itself"), null=True)
    asked_at = models.DateTimeField(_("asked"), default=clock.now)
    last_round_at = models.DateTimeField(_("last word"), default=clock.now)
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), null=True)

    class Meta:
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="quote_state_known", condition=Q(state__in=QuoteState.values)),
            models.CheckConstraint(name="quote_not_with_oneself", condition=~Q(buyer_org=F("vendor_org"))),
            models.CheckConstraint(
                name="quote_open_has_deadline",
                condition=Q(state__in=OPEN, due_at__isnull=False, closed_at=None)
                | (~Q(state__in=OPEN) & Q(due_at=None, closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="quote_offered_has_offer",
                condition=Q(state__in=[QuoteState.OFFERED, QuoteState.ACCEPTED], current_offer__isnull=False)
                | (
                    ~Q(state__in=[QuoteState.OFFERED, QuoteState.ACCEPTED]) & Q(current_offer=None, least_quantity=None)
                ),
            ),
            models.CheckConstraint(
                name="quote_accepted_has_order",
                condition=Q(state=QuoteState.ACCEPTED, order__isnull=False)
                | (~Q(state=QuoteState.ACCEPTED) & Q(order=None)),
            ),
            models.CheckConstraint(
                name="quote_counts",
                condition=Q(round_count__gte=1)
                & (Q(volume=None) | Q(volume__gte=1))
                & (Q(least_quantity=None) | Q(least_quantity__gte=1)),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="quote_of_buyer"),
            models.Index(fields=["vendor_org", "-id"], name="quote_of_vendor"),
            models.Index(fields=["due_at"], condition=Q(state__in=OPEN), name="quote_due"),
        ]

    def __str__(self) -> str:
        return self.number


class QuoteRound(models.Model):
    """WHY: what was said in one round of a quote, by whom and when; never changed, so that nobody disputes it later.

    ``volume`` is what the buyer wants, or the least that the vendor's offer is for. ``actor_label`` is frozen: it
    stays readable when the person is renamed. The exchange itself has no user.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    quote = models.ForeignKey(Quote, models.PROTECT, related_name="rounds", verbose_name=_("quote"))
    buyer_org_id = models.UUIDField(editable=False)
    vendor_org_id = models.UUIDField(editable=False)
    number = models.PositiveSmallIntegerField(_("round"))
    side = models.CharField(_("side"), max_length=16, choices=Side)
    act = models.CharField(_("act"), max_length=16, choices=QuoteAct)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    actor_role = models.CharField(_("role"), max_length=32, blank=True)
    actor_label = models.CharField(_("who"), max_length=200)
    message = models.TextField(_("message"), blank=True)
    volume = models.PositiveIntegerField(_("volume"), null=True)
    offer = models.OneToOneField(
        Offer, models.PROTECT, null=True, related_name="quote_round", verbose_name=_("private offer")
    )
    valid_until = models.DateTimeField(_("valid until"), null=True)
    created_at = models.DateTimeField(_("when"), default=clock.now)

    class Meta:
        verbose_name = _("round of a quote")
        verbose_name_plural = _("rounds of quotes")
        ordering = ("quote", "number")
        constraints = [
            models.UniqueConstraint(fields=["quote", "number"], name="quote_round_number_once"),
            models.CheckConstraint(name="quote_round_side_may_act", condition=_side_may_act()),
            models.CheckConstraint(
                name="quote_round_first_asks",
                condition=Q(number=1, act=QuoteAct.ASK) | (Q(number__gt=1) & ~Q(act=QuoteAct.ASK)),
            ),
            models.CheckConstraint(
                name="quote_round_offers_until",
                condition=Q(act=QuoteAct.OFFER, offer__isnull=False, valid_until__isnull=False)
                | (~Q(act=QuoteAct.OFFER) & Q(offer=None, valid_until=None)),
            ),
            models.CheckConstraint(name="quote_round_says_something", condition=~Q(act__in=MUST_SAY) | ~Q(message="")),
            models.CheckConstraint(name="quote_round_volume", condition=Q(volume=None) | Q(volume__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.get_side_display()} {self.get_act_display()}"
