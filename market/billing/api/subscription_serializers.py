"""Subscriptions as JSON: amounts in fen, days in the business zone (Asia/Shanghai), times in UTC."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import KeyField, StrictSerializer
from market.billing import selectors
from market.billing.models import Subscription
from market.billing.states import EndReason, PeriodState, Renewal, SubscriptionState
from market.kernel.actors import Actor
from market.orders.api.serializers import OrderedProductSerializer, PartySerializer


class SubscriptionQuery(StrictSerializer):
    """What a list of subscriptions can be narrowed by."""

    state = serializers.ChoiceField(SubscriptionState.choices, required=False)
    order = KeyField(required=False)
    product = KeyField(required=False)


class SubscribedOrderSerializer(serializers.Serializer):
    """The order that the subscription carries out."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    quantity = serializers.IntegerField()


class SubscriptionDeadlineSerializer(serializers.Serializer):
    """What happens by itself next."""

    what = serializers.ChoiceField(
        ["payment", "notice", "renewal", "term_end", "suspension", "end"],
        help_text="`payment`: the next instalment is drawn from the wallet; `notice`: you are told of the renewal; "
        "`renewal` or `term_end`: another term follows then, or none; `suspension`, `end`: unless the late instalment "
        "is paid by then, nothing may be received any more, or the contract ends.",
    )
    at = serializers.DateTimeField()


class NextPaymentSerializer(serializers.Serializer):
    """The next instalment that is to go from the wallet into escrow."""

    due_on = serializers.DateField()
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()


class SubscriptionSerializer(serializers.Serializer):
    """A subscription as ``subscription.reader``, an actor, sees it. Amounts are fen."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(SubscriptionState.choices)
    acts = serializers.SerializerMethodField(
        help_text="What you may do now: cancel, resume; a vendor decline, in its workspace."
    )
    next_deadline = serializers.SerializerMethodField(help_text="What happens by itself next, or null.")
    order = SubscribedOrderSerializer()
    buyer = PartySerializer(source="buyer_org")
    vendor = PartySerializer(source="vendor_org")
    product = OrderedProductSerializer(source="order.product")
    starts_on = serializers.DateField(help_text="First paid day; a trial lies before it.")
    ends_before = serializers.DateField(help_text="The day on which the term is over.")
    is_in_trial = serializers.BooleanField(help_text="Still free; cancelled now, it ends now and everything returns.")
    amount = serializers.IntegerField(help_text="Fen for the whole term, all included.")
    currency = serializers.CharField()
    is_instalment = serializers.BooleanField(help_text="Paid by the month; else at once.")
    next_payment = serializers.SerializerMethodField(help_text="null: nothing more is to be paid for this term.")
    renewal = serializers.ChoiceField(Renewal.choices, help_text="What happens at the end of the term.")
    notice_on = serializers.DateField(allow_null=True, help_text="You are told of the renewal on this day.")
    notified_at = serializers.DateTimeField(allow_null=True)
    suspends_at = serializers.DateTimeField(allow_null=True, help_text="Suspended then, unless paid.")
    lapses_at = serializers.DateTimeField(allow_null=True, help_text="Ended then, unless paid.")
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.ChoiceField(EndReason.choices, allow_blank=True)
    renewed_by = serializers.SerializerMethodField(help_text="The order of the next term.")
    renewal_refusal = serializers.CharField(help_text="Why it was not renewed although it should have been.")

    def get_acts(self, subscription: Subscription) -> list[str]:
        """What the reader may do now."""
        return selectors.acts_open_to(subscription.reader, subscription)

    @extend_schema_field(SubscriptionDeadlineSerializer(allow_null=True))
    def get_next_deadline(self, subscription: Subscription) -> dict[str, Any] | None:
        """The nearest of its deadlines."""
        due = selectors.next_deadline(subscription)
        return SubscriptionDeadlineSerializer(due).data if due else None

    @extend_schema_field(NextPaymentSerializer(allow_null=True))
    def get_next_payment(self, subscription: Subscription) -> dict[str, Any] | None:
        """The first month that is not paid in."""
        if subscription.next_due_on is None or subscription.state == SubscriptionState.ENDED:
            return None
        payment = {
            "due_on": subscription.next_due_on,
            "amount": subscription.next_amount,
            "currency": subscription.currency,
        }
        return NextPaymentSerializer(payment).data

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_renewed_by(self, subscription: Subscription) -> str | None:
        """The order that goes on with it."""
        following = getattr(subscription.order, "renewed_by", None)
        return None if following is None else str(following.id)


class PeriodSerializer(serializers.Serializer):
    """One month."""

    number = serializers.IntegerField()
    starts_on = serializers.DateField()
    ends_before = serializers.DateField()
    due_on = serializers.DateField(help_text="Into escrow on this day.")
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    state = serializers.ChoiceField(
        PeriodState.choices,
        help_text="`planned`: still in the wallet; `funded`: in escrow; `charged`: over, and due to the vendor; "
        "`dropped`: costs nothing.",
    )
    funded_at = serializers.DateTimeField(allow_null=True)
    charged_at = serializers.DateTimeField(allow_null=True)


class SubscriptionDetailSerializer(SubscriptionSerializer):
    """One subscription with its months."""

    periods = serializers.SerializerMethodField(help_text="The months, at most 36.")

    @extend_schema_field(PeriodSerializer(many=True))
    def get_periods(self, subscription: Subscription) -> list[dict[str, Any]]:
        """The months by number; one query."""
        return PeriodSerializer(selectors.periods_of(subscription), many=True).data


def rendered(subscription: Subscription, reader: Actor) -> dict[str, Any]:
    """The subscription with its months as ``reader`` sees it; one query."""
    subscription.reader = reader
    return SubscriptionDetailSerializer(subscription).data
