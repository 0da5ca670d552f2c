"""What the orders API takes and gives."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import DayField, KeyField, StrictSerializer, TextField, TruthField, WholeNumberField
from market.kernel.actors import Actor
from market.orders.models import Order
from market.orders.selectors import acts_open_to, money_of, next_deadline
from market.orders.services.ground import Wish
from market.orders.services.placing import MAX_PURPOSE, MAX_QUANTITY, MAX_REFERENCE
from market.orders.states import ORDER_MOVES, OrderState

REQUIRED = {"offer", "quantity", "purpose", "client_reference"}


class PlaceOrderSerializer(StrictSerializer):
    """A purchase under one offer."""

    offer = KeyField(source="offer_id", help_text="The offer you accept; its price and licence are frozen.")
    quantity = WholeNumberField(min_value=1, max_value=MAX_QUANTITY)
    purpose = TextField(max_length=MAX_PURPOSE, help_text="What the data will be used for; part of the contract.")
    client_reference = TextField(max_length=MAX_REFERENCE, help_text="Your own number of this order, unique for ever.")
    wait_for_funds = TruthField(
        required=False,
        help_text="Keep an order beyond the wallet's balance until a deposit pays it, or it expires at `funds_due_at`. "
        "Its terms, the days of a subscription included, are those of today.",
    )


def plain_wish(body: Any) -> Wish | None:
    """The wish in a body of just the members and types that ``PlaceOrderSerializer`` requires; None sends it there.

    A serializer takes ten times as long. Whether the values may be is for the service to say, in either case.
    """
    if not isinstance(body, dict) or body.keys() != REQUIRED:
        return None
    offer, quantity = body["offer"], body["quantity"]
    texts = (offer, body["purpose"], body["client_reference"])
    if type(quantity) is not int or not all(isinstance(text, str) for text in texts) or len(offer) != 36:
        return None
    try:
        return Wish(uuid.UUID(offer), quantity, body["purpose"], body["client_reference"])
    except ValueError:
        return None


class OrderFilters(StrictSerializer):
    """What a list of orders can be narrowed by."""

    state = serializers.ChoiceField(OrderState.choices, required=False)
    side = serializers.ChoiceField(
        ["purchases", "sales"],
        required=False,
        help_text="What your own organisation bought or sold; needed only by one that does both.",
    )
    buyer = KeyField(required=False, help_text="The buying organisation.")
    vendor = KeyField(required=False, help_text="The selling organisation.")
    product = KeyField(required=False)
    client_reference = TextField(max_length=MAX_REFERENCE, required=False)
    placed_from = DayField(required=False, help_text="First business day (Asia/Shanghai), included.")
    placed_until = DayField(required=False, help_text="Last business day (Asia/Shanghai), included.")


class DeadlineSerializer(serializers.Serializer):
    """What happens by itself next."""

    what = serializers.ChoiceField(
        ["approval", "funds", "acceptance", "answer", "decision", "refund", "payment", "term_end", "amendment"],
        help_text="`approval`, `funds`: void unless approved or paid by then; `acceptance`: accepted then; `answer`: "
        "until then the vendor may answer the dispute; `decision`: until then the operator is to decide it, else the "
        "delay is escalated; `refund`: refunded then; `payment`: a late instalment must be "
        "paid by then (see the subscription); `term_end`: the right to receive ends then, unless the contract is "
        "renewed; `amendment`: a proposed change is void then.",
    )
    at = serializers.DateTimeField()


class PartySerializer(serializers.Serializer):
    """A buyer or vendor."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class OrderedProductSerializer(serializers.Serializer):
    """What was bought."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    title = serializers.CharField()


class OrderedRevisionSerializer(serializers.Serializer):
    """The edition that is delivered."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()


class OrderSerializer(serializers.Serializer):
    """An order as ``order.reader``, an actor, sees it. Amounts are fen."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    state = serializers.ChoiceField(OrderState.choices)
    legal_moves = serializers.SerializerMethodField(help_text="States that may follow.")
    acts = serializers.SerializerMethodField(help_text="What you may do now: cancel, accept, refund.")
    buyer = PartySerializer(source="buyer_org")
    vendor = PartySerializer(source="vendor_org")
    product = OrderedProductSerializer()
    revision = OrderedRevisionSerializer()
    offer = serializers.UUIDField(source="offer_id")
    quantity = serializers.IntegerField()
    amount = serializers.IntegerField(
        help_text="Fen that the order put into escrow, all included: the whole price, the first instalment of a "
        "subscription, or the prepayment of metered use."
    )
    currency = serializers.CharField()
    term_starts_on = serializers.DateField(allow_null=True, help_text="First paid day of a subscription or metering.")
    term_ends_on = serializers.DateField(allow_null=True, help_text="The day on which the term is over.")
    renews = serializers.UUIDField(source="renews_id", allow_null=True, help_text="The order whose term this goes on.")
    suspended_at = serializers.DateTimeField(
        allow_null=True, help_text="Nothing may be received from then on, until the late instalment is paid."
    )
    purpose = serializers.CharField()
    purpose_approval = serializers.UUIDField(
        source="approval_id", allow_null=True, help_text="The approval of this purpose, where the product needs one."
    )
    client_reference = serializers.CharField()
    group = serializers.UUIDField(
        source="group_id",
        allow_null=True,
        help_text="What was placed with it in one request: `/order-groups/<group>`.",
    )
    terms_sha256 = serializers.CharField()
    failure_reason = serializers.CharField()
    placed_at = serializers.DateTimeField()
    next_deadline = serializers.SerializerMethodField(help_text="What happens by itself next, or null.")
    approval_due_at = serializers.DateTimeField(allow_null=True, help_text="Void then, unless approved.")
    funds_due_at = serializers.DateTimeField(allow_null=True, help_text="Void then, unless paid.")
    delivered_at = serializers.DateTimeField(allow_null=True)
    acceptance_due_at = serializers.DateTimeField(allow_null=True, help_text="Accepted by itself at this moment.")
    accepted_at = serializers.DateTimeField(allow_null=True)
    refund_due_at = serializers.DateTimeField(allow_null=True, help_text="Refunded by itself at this moment.")
    closed_at = serializers.DateTimeField(allow_null=True)

    def get_legal_moves(self, order: Order) -> list[str]:
        """The states that may follow."""
        return ORDER_MOVES.legal_moves(order.state)

    @extend_schema_field(DeadlineSerializer(allow_null=True))
    def get_next_deadline(self, order: Order) -> dict[str, Any] | None:
        """The deadline of the present state."""
        return next_deadline(order)

    def get_acts(self, order: Order) -> list[str]:
        """What the reader may do now."""
        return acts_open_to(order.reader, order)


class OrderMoneySerializer(serializers.Serializer):
    """Where an order's money is, in fen."""

    escrowed = serializers.IntegerField()
    returned = serializers.IntegerField()
    captured = serializers.IntegerField()
    refunded = serializers.IntegerField(help_text="Of what was captured, returned afterwards.")
    held = serializers.IntegerField()
    currency = serializers.CharField()


class OrderDetailSerializer(OrderSerializer):
    """One order with where its money is."""

    money = serializers.SerializerMethodField()

    @extend_schema_field(OrderMoneySerializer)
    def get_money(self, order: Order) -> dict[str, Any]:
        """Sums of the order's transfers."""
        return money_of(order)


def rendered(order: Order, reader: Actor, *, with_money: bool = False) -> dict[str, Any]:
    """The order as ``reader`` sees it, as ``OrderSerializer`` describes it; ``with_money`` costs one query.

    Written out, since a serializer takes several times as long, and every act on an order answers with this. Keys, days
    and moments are left as they are, for ``as_json`` to write.
    """
    product, revision, buyer, vendor = order.product, order.revision, order.buyer_org, order.vendor_org
    document = {
        "id": order.id,
        "number": order.number,
        "state": order.state,
        "legal_moves": ORDER_MOVES.legal_moves(order.state),
        "acts": acts_open_to(reader, order),
        "buyer": {"id": buyer.id, "name": buyer.name},
        "vendor": {"id": vendor.id, "name": vendor.name},
        "product": {"id": product.id, "code": product.code, "title": product.title},
        "revision": {"id": revision.id, "number": revision.number},
        "offer": order.offer_id,
        "quantity": order.quantity,
        "amount": order.amount,
        "currency": order.currency,
        "term_starts_on": order.term_starts_on,
        "term_ends_on": order.term_ends_on,
        "renews": order.renews_id,
        "suspended_at": order.suspended_at,
        "purpose": order.purpose,
        "purpose_approval": order.approval_id,
        "client_reference": order.client_reference,
        "group": order.group_id,
        "terms_sha256": order.terms_sha256,
        "failure_reason": order.failure_reason,
        "placed_at": order.placed_at,
        "next_deadline": next_deadline(order),
        "approval_due_at": order.approval_due_at,
        "funds_due_at": order.funds_due_at,
        "delivered_at": order.delivered_at,
        "acceptance_due_at": order.acceptance_due_at,
        "accepted_at": order.accepted_at,
        "refund_due_at": order.refund_due_at,
        "closed_at": order.closed_at,
    }
    if with_money:
        document["money"] = money_of(order)
    return document


class MomentSerializer(serializers.Serializer):
    """One line of an order's history."""

    at = serializers.DateTimeField()
    name = serializers.CharField(help_text="An act such as order.placed, or money.escrow.")
    party = serializers.ChoiceField(["buyer", "vendor", "exchange"])
    role = serializers.CharField()
    actor = serializers.CharField(allow_null=True, help_text="Only of your own organisation.")
    details = serializers.JSONField()
    amount = serializers.IntegerField(allow_null=True, help_text="Fen moved.")
    currency = serializers.CharField(allow_null=True)
    debit = serializers.CharField(allow_null=True, help_text="Kind of the account the money left.")
    credit = serializers.CharField(allow_null=True, help_text="Kind of the account the money reached.")


class TimelineSerializer(serializers.Serializer):
    """The history of one order, oldest first."""

    results = MomentSerializer(many=True)
