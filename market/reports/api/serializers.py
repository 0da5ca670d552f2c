"""What the reports API takes and gives."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import KeyField, StrictSerializer, TextField
from market.reports.exporters import exporters
from market.reports.models import Report
from market.reports.states import ReportState


class ReportRequestSerializer(StrictSerializer):
    """What to export. Which parameters there are depends on the exporter."""

    exporter = TextField(
        max_length=64, help_text="One of: " + ", ".join(f"`{exporter.identifier}`" for exporter in exporters()) + "."
    )
    parameters = serializers.DictField(
        required=False,
        help_text="All: `date_from`, `date_until` (business days, both included), `for_spreadsheet` (byte order mark). "
        "transactions: `vendor`, `buyer`, `state`. transfers: `organization`, `kind`. "
        "events: `organization`, `name`, `subject`.",
    )


class ReportFilters(StrictSerializer):
    """What a list of reports can be narrowed by."""

    state = serializers.ChoiceField(ReportState.choices, required=False)
    exporter = TextField(max_length=64, required=False)


class ReportSerializer(serializers.Serializer):
    """A report, and how far it is. Sums in ``totals`` are fen, of the snapshot at ``snapshot_at``."""

    id = serializers.UUIDField()
    exporter = serializers.CharField()
    parameters = serializers.DictField()
    state = serializers.ChoiceField(ReportState.choices)
    percent = serializers.IntegerField(help_text="0 to 100; 100 only when the file is ready.")
    rows_done = serializers.IntegerField()
    rows_total = serializers.IntegerField(allow_null=True)
    totals = serializers.DictField(child=serializers.IntegerField())
    snapshot_at = serializers.DateTimeField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField()
    failure_reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    file = serializers.SerializerMethodField(help_text="Address of the file, or null until it is ready.")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_file(self, report: Report) -> str | None:
        """Where the file is, once it is whole."""
        return reverse("reports-file", args=[report.id]) if report.state == ReportState.DONE else None


class EventFilters(StrictSerializer):
    """What a list of audit events can be narrowed by."""

    name = TextField(max_length=64, required=False, help_text="Such as `order.placed`.")
    subject = KeyField(required=False, help_text="Key of the order, product, organisation, ... that it was about.")


class EventSerializer(serializers.Serializer):
    """One act, as it was recorded."""

    id = serializers.UUIDField()
    sequence = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    actor = serializers.SerializerMethodField()
    on_behalf_of = serializers.UUIDField(source="on_behalf_of_org_id", allow_null=True)
    subject = serializers.SerializerMethodField()
    buyer = serializers.UUIDField(source="buyer_org_id", allow_null=True)
    vendor = serializers.UUIDField(source="vendor_org_id", allow_null=True)
    payload = serializers.DictField()
    request_id = serializers.CharField()

    def get_actor(self, event: Any) -> dict[str, Any]:
        """Who did it, as frozen at that moment."""
        return {
            "label": event.actor_label,
            "role": event.actor_role,
            "user": event.actor_user_id,
            "organization": event.actor_org_id,
        }

    def get_subject(self, event: Any) -> dict[str, Any]:
        """What it was about."""
        return {"type": event.subject_type, "id": event.subject_id}
