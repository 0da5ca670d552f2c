"""At what price."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from market.catalog.models.products import Product, titled
from market.catalog.pricing import (
    MAX_MONTHS,
    MAX_NOTICE_DAYS,
    MAX_TRIAL_DAYS,
    MAX_UNIT_PRICE,
    MAX_UNITS,
    PriceRule,
    Tier,
)
from market.catalog.states import (
    PRICED_AT_ORDER,
    WITH_TERM,
    OfferState,
    PrepaidEnd,
    PriceModel,
    TierMode,
)
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT, to_text


class TiersSound(models.Func):
    """What ``pricing.check_tiers`` asks of a scale, as a function in the database (migration ``0004_price_rules``)."""

    function = "catalog_tiers_sound"
    output_field = models.BooleanField()


class Offer(models.Model):
    """WHY: an immutable price with its licence terms; an order refers to the very offer it accepted.

    ``buyer_org`` makes it private to one buyer. ``amount`` is the price of one unit in fen, before nothing and after
    all: commission and VAT are taken out of it at capture. It is for one month of a subscription, is paid ahead for
    metered use, and is the first unit's price on a scale (``tiers``), so that lists can show and compare it.
    The other columns of the price are those of ``market.catalog.pricing.PriceRule``;
    ``includes_later_revisions`` entitles a subscriber to what is published within the term.
    After ``valid_until`` it can no longer be ordered. ``quote_id`` names the quote it answers (a row of a higher room,
    hence no foreign key): it is ordered by accepting that quote, and a quote has one active offer at a time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="offers", verbose_name=_("product"))
    vendor_org_id = models.UUIDField(editable=False)
    price_model = models.CharField(_("price model"), max_length=16, choices=PriceModel)
    amount = models.BigIntegerField(_("price (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    months = models.PositiveSmallIntegerField(_("term (months)"), default=0)
    is_instalment = models.BooleanField(_("paid by the month"), default=False)
    trial_days = models.PositiveSmallIntegerField(_("trial (days)"), default=0)
    renewal_notice_days = models.PositiveSmallIntegerField(_("notice before renewal (days)"), null=True, blank=True)
    includes_later_revisions = models.BooleanField(_("includes revisions published within the term"), default=False)
    unit = models.CharField(_("unit of use"), max_length=32, blank=True)
    unit_price = models.BigIntegerField(_("price of a unit of use (1/10,000 fen)"), default=0)
    free_units = models.BigIntegerField(_("free units a month"), default=0)
    monthly_cap = models.BigIntegerField(_("most a month costs (fen)"), null=True, blank=True)
    at_prepaid_end = models.CharField(_("when the prepayment is used up"), max_length=8, choices=PrepaidEnd, blank=True)
    tier_mode = models.CharField(_("how the scale is read"), max_length=16, choices=TierMode, blank=True)
    tiers = models.JSONField(_("scale of prices"), default=list, blank=True)
    licence = models.TextField(_("licence terms"), max_length=20000)
    acceptance_days = models.PositiveSmallIntegerField(_("acceptance period (days)"), default=7)
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, null=True, blank=True, related_name="private_offers", verbose_name=_("only for")
    )
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    quote_id = models.UUIDField(_("answers quote"), null=True, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=OfferState, default=OfferState.ACTIVE)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="offer_price_fits_model",
                condition=Q(price_model=PriceModel.FREE, amount=0)
                | Q(price_model__in=[PriceModel.ONE_OFF, *WITH_TERM], amount__gt=0, amount__lte=MAX_AMOUNT)
                | (Q(price_model__in=[PriceModel.ONE_OFF, PriceModel.SUBSCRIPTION], amount=0) & ~Q(tier_mode="")),
            ),
            models.CheckConstraint(
                name="offer_term_fits_model",
                condition=Q(price_model__in=PRICED_AT_ORDER, months=0, trial_days=0)
                | Q(price_model__in=WITH_TERM, months__gte=1, months__lte=MAX_MONTHS, trial_days__lte=MAX_TRIAL_DAYS),
            ),
            models.CheckConstraint(
                name="offer_subscription_only",
                condition=Q(price_model=PriceModel.SUBSCRIPTION)
                | Q(is_instalment=False, renewal_notice_days=None, includes_later_revisions=False),
            ),
            models.CheckConstraint(
                name="offer_instalments_of_months", condition=Q(is_instalment=False) | Q(months__gte=2)
            ),
            models.CheckConstraint(
                name="offer_notice_within_term",
                condition=Q(renewal_notice_days=None)
                | Q(
                    renewal_notice_days__gte=1,
                    renewal_notice_days__lte=MAX_NOTICE_DAYS,
                )
                & Q(renewal_notice_days__lte=F("months") * 28),
            ),
            models.CheckConstraint(
                name="offer_metering_fits_model",
                condition=(
                    Q(price_model=PriceModel.METERED, free_units__gte=0, free_units__lte=MAX_UNITS)
                    & Q(at_prepaid_end__in=PrepaidEnd.values)
                    & ~Q(unit="")
                    & (Q(monthly_cap=None) | Q(monthly_cap__gte=1, monthly_cap__lte=MAX_AMOUNT))
                    & (
                        Q(tier_mode="", unit_price__gte=1, unit_price__lte=MAX_UNIT_PRICE)
                        | (~Q(tier_mode="") & Q(unit_price=0))
                    )
                )
                | (
                    ~Q(price_model=PriceModel.METERED)
                    & Q(unit="", unit_price=0, free_units=0, monthly_cap=None, at_prepaid_end="")
                ),
            ),
            models.CheckConstraint(
                name="offer_tiers_sound", condition=TiersSound("tiers", "tier_mode", "price_model", "amount")
            ),
            models.CheckConstraint(name="offer_state_known", condition=Q(state__in=OfferState.values)),
            models.CheckConstraint(name="offer_currency_code", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="offer_acceptance_days", condition=Q(acceptance_days__gte=1, acceptance_days__lte=90)
            ),
            models.CheckConstraint(
                name="offer_valid_after_creation",
                condition=Q(valid_until=None) | Q(valid_until__gt=F("created_at")),
            ),
            models.CheckConstraint(
                name="offer_of_quote_is_private", condition=Q(quote_id=None) | Q(buyer_org__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["quote_id"], condition=Q(state=OfferState.ACTIVE), name="offer_one_active_per_quote"
            ),
        ]
        indexes = [models.Index(fields=["product", "state"], name="offer_of_product")]

    def __str__(self) -> str:
        return titled(self, f"{self.currency} {to_text(self.amount)}")

    def price_rule(self) -> PriceRule:
        """The price as a pure rule, to calculate with."""
        if self.price_model in PRICED_AT_ORDER and not self.tiers:
            return PriceRule(self.price_model, self.amount)
        return PriceRule(
            model=self.price_model,
            amount=self.amount,
            months=self.months,
            is_instalment=self.is_instalment,
            trial_days=self.trial_days,
            renewal_notice_days=self.renewal_notice_days,
            unit=self.unit,
            unit_price=self.unit_price,
            free_units=self.free_units,
            monthly_cap=self.monthly_cap,
            at_prepaid_end=self.at_prepaid_end,
            tier_mode=self.tier_mode,
            tiers=tuple(Tier(**tier) for tier in self.tiers),
        )
