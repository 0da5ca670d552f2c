"""What the delivery API takes and gives. Sizes are bytes."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import KeyField, StrictSerializer, WholeNumberField
from market.catalog.models import Asset
from market.delivery.models import Entitlement
from market.delivery.selectors import assets_with_bytes_sent
from market.delivery.services.entitlements import MAX_LINKS
from market.delivery.states import Standing
from market.orders.api.serializers import OrderedProductSerializer, OrderedRevisionSerializer, PartySerializer

MAX_NUMBER = 1_000_000
"""More revisions than a product will have, and a number that the database holds."""


class DetailQuery(StrictSerializer):
    """Which revision's files to show."""

    revision = serializers.IntegerField(
        min_value=1, max_value=MAX_NUMBER, required=False, help_text="The number of a covered revision."
    )


class EntitlementFilters(StrictSerializer):
    """What a list of entitlements can be narrowed by."""

    order = KeyField(required=False)
    product = KeyField(required=False)


class EntitledOrderSerializer(serializers.Serializer):
    """The order under which the right was given."""

    id = serializers.UUIDField()
    number = serializers.CharField()


class EntitlementSerializer(serializers.Serializer):
    """The right to download one revision under one order."""

    id = serializers.UUIDField()
    standing = serializers.ChoiceField(Standing.choices)
    order = EntitledOrderSerializer()
    buyer = PartySerializer(source="buyer_org")
    vendor = PartySerializer(source="product.vendor_org")
    product = OrderedProductSerializer()
    revision = OrderedRevisionSerializer()
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(
        source="ends_at",
        allow_null=True,
        help_text="null: without end. A contract that is renewed by itself has a day more than its term, so that the "
        "next one is there before this one ends.",
    )
    revoked_at = serializers.DateTimeField(allow_null=True)
    revocation_reason = serializers.CharField()


class CoveredRevisionSerializer(OrderedRevisionSerializer):
    """A revision the buyer may receive."""

    published_at = serializers.DateTimeField()


class EntitledAssetSerializer(serializers.Serializer):
    """One file of the revision."""

    id = serializers.UUIDField()
    path = serializers.CharField()
    media_type = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    bytes_sent = serializers.IntegerField(help_text="Sent so far under this entitlement; repeats count again.")


class EntitlementDetailSerializer(EntitlementSerializer):
    """One entitlement with the revisions it covers and the files of one of them."""

    covered_revisions = CoveredRevisionSerializer(
        source="covered",
        many=True,
        help_text="Newest first, the latest hundred: what was ordered, and what a subscription includes of what was "
        "published since.",
    )
    assets = serializers.SerializerMethodField(help_text="Files of the newest revision, or of the one asked for.")

    @extend_schema_field(EntitledAssetSerializer(many=True))
    def get_assets(self, entitlement: Entitlement) -> list[Asset]:
        """The files by path, at most a thousand."""
        return EntitledAssetSerializer(assets_with_bytes_sent(entitlement, entitlement.shown), many=True).data


class LinksRequestSerializer(StrictSerializer):
    """Which files to sign links for; all of the newest revision, or of the one named, when left out."""

    revision = WholeNumberField(
        min_value=1,
        max_value=MAX_NUMBER,
        required=False,
        help_text="The number of a covered revision, when you want all its files.",
    )

    assets = serializers.ListField(child=KeyField(), required=False, min_length=1, max_length=MAX_LINKS)


class LinkSerializer(serializers.Serializer):
    """A signed link to one file: whoever holds it may download the file until it expires."""

    asset = serializers.UUIDField()
    path = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    url = serializers.CharField()


class LinksSerializer(serializers.Serializer):
    """The links, and when they expire."""

    expires_at = serializers.DateTimeField()
    links = LinkSerializer(many=True)


class ReceiptSerializer(serializers.Serializer):
    """What was sent in one download."""

    id = serializers.UUIDField()
    asset = serializers.UUIDField(source="asset_id")
    path = serializers.CharField()
    range_start = serializers.IntegerField(help_text="First byte asked for, from 0.")
    bytes_requested = serializers.IntegerField()
    bytes_sent = serializers.IntegerField(help_text="Less than asked for when the client broke off.")
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField()
