"""The catalogue as JSON: amounts in fen, times in UTC."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Organization
from market.api.serializers import KeyField, StrictSerializer, TextField
from market.catalog.models import Asset, Offer, Product, PurposeApproval, Revision
from market.catalog.price_texts import LANGUAGES, sentences
from market.catalog.selectors import may_withdraw
from market.catalog.services.approvals import MAX_PURPOSE
from market.catalog.states import OPEN_APPROVALS, ApprovalState, Grade, PriceModel, ProductKind, Sector
from market.kernel.money import MAX_AMOUNT

MAX_WORDS = 8


class WordsField(serializers.CharField):
    """Words of a text search: at most 100 letters, at most 8 words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=100, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        text = super().run_validation(data)
        if isinstance(text, str) and len(text.split()) > MAX_WORDS:
            raise serializers.ValidationError(_("At most %(most)d words.") % {"most": MAX_WORDS})
        return text


class ProductQuery(StrictSerializer):
    """What a caller may ask of the list of products."""

    kind = serializers.ChoiceField(ProductKind.choices, required=False)
    sector = serializers.ChoiceField(Sector.choices, required=False, help_text=_("Section of GB/T 4754, A to T."))
    grade = serializers.ChoiceField(Grade.choices, required=False)
    vendor = serializers.UUIDField(required=False, help_text=_("Key of the vendor's organisation."))
    price_model = serializers.ChoiceField(
        PriceModel.choices, required=False, help_text=_("Products with such an offer.")
    )
    max_amount = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_AMOUNT,
        help_text=_("Products with an offer of at most so many fen."),
    )
    q = WordsField(help_text=_("Words that all occur in title, description, code or the vendor's name."))
    ordering = serializers.ChoiceField(
        [("newest", _("newest first")), ("oldest", _("oldest first"))],
        required=False,
        help_text=_("newest when left out."),
    )


class VendorQuery(StrictSerializer):
    """What a caller may ask of the list of vendors."""

    sector = serializers.ChoiceField(Sector.choices, required=False, help_text=_("Section of GB/T 4754, A to T."))
    region = serializers.CharField(required=False, max_length=64)
    q = WordsField(help_text=_("Words that all occur in the name or the introduction."))


class VendorReferenceSerializer(serializers.ModelSerializer):
    class Meta:
        model = Organization
        fields = ("id", "name")


class OfferSerializer(serializers.ModelSerializer):
    """An active offer; ``amount`` is the price of one unit in fen."""

    is_private = serializers.SerializerMethodField(help_text=_("Made to you alone."))

    class Meta:
        model = Offer
        fields = ("id", "price_model", "amount", "currency", "acceptance_days", "valid_until", "is_private")

    def get_is_private(self, offer: Offer) -> bool:
        return offer.buyer_org_id is not None


class TierSerializer(serializers.Serializer):
    """One step of a scale."""

    up_to = serializers.IntegerField(allow_null=True, help_text=_("Its last unit; null: without end."))
    unit_price = serializers.IntegerField(help_text=_("In 1/10,000 fen."))
    flat = serializers.IntegerField(help_text=_("Fen, once when the tier is reached."))


class PriceSerializer(serializers.ModelSerializer):
    """The whole price rule of an offer; members that mean nothing for its model are 0, empty or null."""

    model = serializers.CharField(source="price_model")
    amount = serializers.IntegerField(
        help_text=_(
            "Fen: of one unit, of one unit for a month (subscription), or paid ahead for one unit (metered); "
            "with tiers, what the first unit costs."
        )
    )
    unit_price = serializers.IntegerField(help_text=_("Of one unit of use, in 1/10,000 fen."))
    monthly_cap = serializers.IntegerField(allow_null=True, help_text=_("The most a month of use costs, in fen."))
    tiers = TierSerializer(many=True)

    class Meta:
        model = Offer
        fields = (
            "model",
            "amount",
            "currency",
            "months",
            "is_instalment",
            "trial_days",
            "renewal_notice_days",
            "includes_later_revisions",
            "unit",
            "unit_price",
            "free_units",
            "monthly_cap",
            "at_prepaid_end",
            "tier_mode",
            "tiers",
        )


class SentenceSerializer(serializers.Serializer):
    """A text by language."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {language: serializers.CharField() for language in LANGUAGES}


class OfferDetailSerializer(OfferSerializer):
    """An offer with its whole price, by rule and in words."""

    price = PriceSerializer(source="*")
    sentence = serializers.SerializerMethodField(help_text=_("The price in words, by language."))

    class Meta(OfferSerializer.Meta):
        fields = (*OfferSerializer.Meta.fields, "price", "sentence", "licence", "created_at")

    @extend_schema_field(SentenceSerializer)
    def get_sentence(self, offer: Offer) -> dict[str, str]:
        """The price in words."""
        return sentences(offer)


class ProductSerializer(serializers.ModelSerializer):
    """A product in a list."""

    vendor = VendorReferenceSerializer(source="vendor_org")
    summary = serializers.CharField(help_text=_("The beginning of the description."))
    needs_purpose_approval = serializers.BooleanField(
        help_text=_("Ask for approval of your purpose before you order: POST /purpose-approvals.")
    )
    latest_revision = serializers.IntegerField(allow_null=True, help_text=_("Number of what an order delivers today."))
    offers = OfferSerializer(source="active_offers", many=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "code",
            "title",
            "summary",
            "kind",
            "sector",
            "grade",
            "has_personal_information",
            "needs_purpose_approval",
            "rights_basis",
            "state",
            "certificate_number",
            "listed_at",
            "latest_revision",
            "vendor",
            "offers",
        )


class AssetSerializer(serializers.ModelSerializer):
    class Meta:
        model = Asset
        fields = ("id", "path", "media_type", "bytes", "sha256")


class RevisionSerializer(serializers.ModelSerializer):
    """One edition of the content: what it holds, described, but not the content itself."""

    data_dictionary = serializers.DictField(help_text=_("A Table Schema, or empty."))
    sample = serializers.ListField(child=serializers.DictField(), help_text=_("A few rows, column name to value."))
    profile = serializers.DictField(help_text=_("Rows, columns and their types, by file; or empty."))
    assets = AssetSerializer(many=True)

    class Meta:
        model = Revision
        fields = (
            "id",
            "number",
            "state",
            "notes",
            "data_dictionary",
            "sample",
            "profile",
            "published_at",
            "revoked_at",
            "revocation_reason",
            "assets",
        )


class ProductDetailSerializer(ProductSerializer):
    """A product with its newest revisions and the offers that the caller may order under."""

    offers = OfferDetailSerializer(source="active_offers", many=True)
    revisions = RevisionSerializer(source="shown_revisions", many=True)

    class Meta(ProductSerializer.Meta):
        fields = (
            *(name for name in ProductSerializer.Meta.fields if name != "summary"),
            "description",
            "created_at",
            "revisions",
        )


class VendorSerializer(serializers.ModelSerializer):
    """A vendor as it shows itself; the profile's members are empty until it wrote one."""

    sector = serializers.CharField(source="vendor_profile.sector", default=None, allow_null=True)
    introduction = serializers.CharField(source="vendor_profile.introduction", default="")
    website = serializers.CharField(source="vendor_profile.website", default="")
    contact_email = serializers.CharField(source="vendor_profile.contact_email", default="")
    listed_products = serializers.IntegerField()

    class Meta:
        model = Organization
        fields = (
            "id",
            "name",
            "uscc",
            "region",
            "state",
            "sector",
            "introduction",
            "website",
            "contact_email",
            "listed_products",
        )


class PurposeApprovalQuery(StrictSerializer):
    """What a caller may ask of the list of purposes."""

    state = serializers.ChoiceField(ApprovalState.choices, required=False)
    product = serializers.UUIDField(required=False, help_text=_("Key of the product."))


class AskForPurposeSerializer(StrictSerializer):
    """What a buyer wants a product for."""

    product = KeyField(source="product_id")
    purpose = TextField(
        max_length=MAX_PURPOSE,
        help_text=_("An order declares the very same words; white space around them is dropped."),
    )


class ApprovalProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ("id", "code", "title")


class ApprovalDeadlineSerializer(serializers.Serializer):
    """What happens by itself, and when."""

    what = serializers.ChoiceField(["decision", "order"])
    at = serializers.DateTimeField()


class PurposeApprovalSerializer(serializers.ModelSerializer):
    """A buyer's purpose and where it stands; the context names the ``actor`` who reads it."""

    product = ApprovalProductSerializer()
    vendor = VendorReferenceSerializer(source="product.vendor_org")
    buyer = VendorReferenceSerializer(source="buyer_org")
    acts = serializers.SerializerMethodField(help_text=_("What you may do now: withdraw."))
    next_deadline = serializers.SerializerMethodField(
        help_text=_("Until when it is decided, or may be ordered under; then it expires.")
    )

    class Meta:
        model = PurposeApproval
        fields = (
            "id",
            "state",
            "acts",
            "next_deadline",
            "product",
            "vendor",
            "buyer",
            "purpose",
            "requested_at",
            "expires_at",
            "vendor_decided_at",
            "vendor_reason",
            "operator_decided_at",
            "operator_reason",
            "closed_at",
        )

    def get_acts(self, approval: PurposeApproval) -> list[str]:
        """What the reader may do now."""
        return ["withdraw"] if may_withdraw(self.context["actor"], approval) else []

    @extend_schema_field(ApprovalDeadlineSerializer(allow_null=True))
    def get_next_deadline(self, approval: PurposeApproval) -> dict[str, Any] | None:
        """The end of the time to decide or to order."""
        if approval.state not in OPEN_APPROVALS:
            return None
        what = "order" if approval.state == ApprovalState.APPROVED else "decision"
        return ApprovalDeadlineSerializer({"what": what, "at": approval.expires_at}).data
