"""What the dispute API takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import StrictSerializer, TextField, WholeNumberField
from market.kernel.money import MAX_AMOUNT
from market.orders.models import Dispute
from market.orders.services.words import MAX_TEXT
from market.orders.states import DISPUTE_MOVES, DisputeReason, DisputeState, EvidenceKind, OrderState, Verdict


class ObjectSerializer(StrictSerializer):
    """What is wrong with a delivery."""

    reason = serializers.ChoiceField(DisputeReason.choices)
    text = TextField(max_length=MAX_TEXT, help_text="In your words; the vendor and the operator will read it.")


class AnswerDisputeSerializer(StrictSerializer):
    """The vendor's word."""

    text = TextField(max_length=MAX_TEXT, help_text="The buyer and the operator will read it.")


class DecideSerializer(StrictSerializer):
    """The operator's word."""

    verdict = serializers.ChoiceField(Verdict.choices)
    refund_amount = WholeNumberField(
        min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Fen, less than the whole; for `partial` only."
    )
    grounds = TextField(max_length=MAX_TEXT, help_text="Why; both sides will read it.")


class EvidenceSerializer(serializers.Serializer):
    """What the exchange itself knew: ``sha256`` is that of the UTF-8 bytes of ``document``, which is canonical JSON."""

    kind = serializers.ChoiceField(EvidenceKind.choices)
    sha256 = serializers.CharField()
    document = serializers.CharField()
    created_at = serializers.DateTimeField()


class DisputeSerializer(serializers.Serializer):
    """A dispute with everything said and known about it."""

    id = serializers.UUIDField()
    order = serializers.UUIDField(source="order_id")
    order_state = serializers.ChoiceField(OrderState.choices, source="order.state")
    state = serializers.ChoiceField(DisputeState.choices)
    legal_moves = serializers.SerializerMethodField(help_text="States that may follow.")
    reason = serializers.ChoiceField(DisputeReason.choices)
    text = serializers.CharField()
    amount = serializers.IntegerField(help_text="Fen in escrow when it was disputed.")
    currency = serializers.CharField()
    opened_at = serializers.DateTimeField()
    answer_due_at = serializers.DateTimeField(help_text="After it the operator decides without an answer.")
    decision_due_at = serializers.DateTimeField(
        allow_null=True, help_text="The operator is to decide by then; set when the vendor answered or its time ended."
    )
    escalated_at = serializers.DateTimeField(
        allow_null=True, help_text="When the operator's delay went on record. The money stays in escrow."
    )
    answer = serializers.CharField()
    answered_at = serializers.DateTimeField(allow_null=True)
    verdict = serializers.ChoiceField([("", ""), *Verdict.choices])
    refund_amount = serializers.IntegerField(allow_null=True, help_text="Fen that return to the buyer.")
    grounds = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    evidence = serializers.SerializerMethodField(help_text="Oldest first.")

    def get_legal_moves(self, dispute: Dispute) -> list[str]:
        """The states that may follow."""
        return DISPUTE_MOVES.legal_moves(dispute.state)

    @extend_schema_field(EvidenceSerializer(many=True))
    def get_evidence(self, dispute: Dispute) -> list[dict[str, Any]]:
        """What was attached; one query."""
        return EvidenceSerializer(dispute.evidence.order_by("created_at", "kind"), many=True).data
