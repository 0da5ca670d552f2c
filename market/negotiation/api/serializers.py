"""Quotes as JSON: amounts in fen, times in UTC."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import KeyField, StrictSerializer, TextField, TruthField, WholeNumberField
from market.catalog.api.serializers import OfferDetailSerializer
from market.negotiation import selectors
from market.negotiation.models import Quote, QuoteRound
from market.negotiation.services.steps import MAX_MESSAGE
from market.negotiation.states import HAS_THE_WORD, QUOTE_MOVES, QuoteAct, QuoteState, Side
from market.orders.api.serializers import OrderedProductSerializer, PartySerializer
from market.orders.services.placing import MAX_PURPOSE, MAX_QUANTITY, MAX_REFERENCE
from market.orders.states import OrderState


class AskSerializer(StrictSerializer):
    """What a buyer asks for."""

    product = KeyField(source="product_id")
    purpose = TextField(max_length=MAX_PURPOSE, help_text="What the data will be used for; goes into the order.")
    message = TextField(
        max_length=MAX_MESSAGE, allow_blank=True, default="", help_text="Your wishes: price, licence, period, form."
    )
    volume = WholeNumberField(
        min_value=1, max_value=MAX_QUANTITY, allow_null=True, default=None, help_text="How many units you want."
    )


class CounterSerializer(StrictSerializer):
    """The buyer's answer to an offer or a question."""

    message = TextField(max_length=MAX_MESSAGE)
    volume = WholeNumberField(
        min_value=1, max_value=MAX_QUANTITY, allow_null=True, default=None, help_text="Left out: as before."
    )


class AcceptSerializer(StrictSerializer):
    """An order under the offer that stands; its purpose is the quote's."""

    offer = KeyField(source="offer_id", help_text="The offer you accept: `current_offer.id` as you have read it.")
    quantity = WholeNumberField(min_value=1, max_value=MAX_QUANTITY)
    client_reference = TextField(max_length=MAX_REFERENCE, help_text="Your own number of this order, unique for ever.")
    wait_for_funds = TruthField(
        required=False, help_text="Keep an order beyond the wallet's balance until a deposit pays it, or it expires."
    )


class EndSerializer(StrictSerializer):
    """A last word, if you like."""

    message = TextField(max_length=MAX_MESSAGE, allow_blank=True, default="")


class QuoteQuery(StrictSerializer):
    """What a list of quotes can be narrowed by."""

    state = serializers.ChoiceField(QuoteState.choices, required=False)
    product = KeyField(required=False)
    waiting_for = serializers.ChoiceField(
        [(side.value, side.label) for side in (Side.BUYER, Side.VENDOR)],
        required=False,
        help_text="Open quotes that wait for this side's answer.",
    )


class CurrentOfferSerializer(OfferDetailSerializer):
    """The offer that stands, or that was accepted."""

    least_quantity = serializers.IntegerField(
        source="current_in_quote.least_quantity", allow_null=True, help_text="Accept at least so many units."
    )

    class Meta(OfferDetailSerializer.Meta):
        fields = (*OfferDetailSerializer.Meta.fields, "least_quantity")


class QuoteDeadlineSerializer(serializers.Serializer):
    """What must happen until when; else the quote expires."""

    what = serializers.ChoiceField(list(selectors.WHAT_IS_DUE.values()))
    at = serializers.DateTimeField()


class OrderOfQuoteSerializer(serializers.Serializer):
    """The order that acceptance made."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    state = serializers.ChoiceField(OrderState.choices)
    quantity = serializers.IntegerField()
    amount = serializers.IntegerField(help_text="Fen, all included.")
    currency = serializers.CharField()


class QuoteSerializer(serializers.Serializer):
    """A quote; the context names the ``actor`` who reads it."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    state = serializers.ChoiceField(QuoteState.choices)
    waiting_for = serializers.SerializerMethodField(help_text="Whose answer an open quote waits for.")
    legal_moves = serializers.SerializerMethodField(help_text="States that may follow.")
    acts = serializers.SerializerMethodField(
        help_text="What you may do now: accept, counter, decline, withdraw; a vendor also offer and ask_back, in its "
        "workspace."
    )
    next_deadline = serializers.SerializerMethodField()
    buyer = PartySerializer(source="buyer_org")
    vendor = PartySerializer(source="vendor_org")
    product = OrderedProductSerializer()
    purpose = serializers.CharField()
    volume = serializers.IntegerField(allow_null=True, help_text="Units the buyer wants.")
    current_offer = CurrentOfferSerializer(allow_null=True)
    order = OrderOfQuoteSerializer(allow_null=True)
    round_count = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    last_round_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ChoiceField([Side.BUYER, Side.VENDOR], allow_null=True))
    def get_waiting_for(self, quote: Quote) -> str | None:
        """Whose answer is due."""
        return HAS_THE_WORD.get(quote.state)

    def get_legal_moves(self, quote: Quote) -> list[str]:
        """The states that may follow."""
        return QUOTE_MOVES.legal_moves(quote.state)

    def get_acts(self, quote: Quote) -> list[str]:
        """What the reader may do now."""
        return selectors.acts_open_to(self.context["actor"], quote)

    @extend_schema_field(QuoteDeadlineSerializer(allow_null=True))
    def get_next_deadline(self, quote: Quote) -> dict[str, Any] | None:
        """When the quote ends by itself."""
        due = selectors.next_deadline(quote)
        return QuoteDeadlineSerializer(due).data if due else None


class RoundSerializer(serializers.Serializer):
    """One round: who said what, and when."""

    number = serializers.IntegerField()
    side = serializers.ChoiceField(Side.choices)
    act = serializers.ChoiceField(QuoteAct.choices)
    role = serializers.CharField(source="actor_role")
    actor = serializers.SerializerMethodField(help_text="The person, if of your own organisation.")
    message = serializers.CharField()
    volume = serializers.IntegerField(
        allow_null=True, help_text="Units the buyer wants or accepts, or the least the vendor offers for."
    )
    offer = OfferDetailSerializer(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    at = serializers.DateTimeField(source="created_at")

    def get_actor(self, said: QuoteRound) -> str | None:
        """Who spoke, where the reader may know it."""
        return said.actor_label if selectors.may_name(self.context["actor"], said) else None


class QuoteDetailSerializer(QuoteSerializer):
    """One quote with everything that was said."""

    rounds = RoundSerializer(source="rounds_in_order", many=True)
