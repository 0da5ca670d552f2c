"""What is sold, and what was said about it."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization, User
from market.catalog.states import (
    Grade,
    ProductKind,
    ProductState,
    ReviewDecision,
    RevisionState,
    RightsBasis,
    Sector,
)
from market.kernel import clock
from market.kernel.constraints import is_sha256
from market.kernel.identifiers import uuid7

PRODUCT_CODE = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", _("Latin letters, digits, - and _ only, a letter or digit first.")
)


def titled(row: models.Model, text: str) -> str:
    """``text`` after the product's title, where the product has been loaded; never a query for a label."""
    return f"{row.product.title} {text}" if "product" in row._state.fields_cache else text


class VendorProfile(models.Model):
    """WHY: what a vendor shows to the public, edited by the vendor; the organisation's facts are the operator's."""

    organization = models.OneToOneField(
        Organization, models.PROTECT, primary_key=True, related_name="vendor_profile", verbose_name=_("organisation")
    )
    sector = models.CharField(_("sector"), max_length=1, choices=Sector)
    introduction = models.TextField(_("introduction"), max_length=5000, blank=True)
    website = models.URLField(_("website"), blank=True)
    contact_email = models.EmailField(_("contact e-mail"), blank=True)
    updated_at = models.DateTimeField(_("updated"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("vendor profile")
        verbose_name_plural = _("vendor profiles")
        ordering = ("-organization_id",)

    def __str__(self) -> str:
        return self.organization.name


class Product(models.Model):
    """WHY: the thing for sale, that revisions (what is delivered) and offers (at what price) hang on."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    vendor_org = models.ForeignKey(Organization, models.PROTECT, related_name="products", verbose_name=_("vendor"))
    code = models.CharField(_("product code"), max_length=64, validators=[PRODUCT_CODE])
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), max_length=20000)
    kind = models.CharField(_("kind"), max_length=16, choices=ProductKind)
    sector = models.CharField(_("sector"), max_length=1, choices=Sector)
    grade = models.CharField(_("data grade"), max_length=16, choices=Grade, default=Grade.GENERAL)
    has_personal_information = models.BooleanField(_("contains personal information"), default=False)
    requires_purpose_approval = models.BooleanField(_("each buyer's purpose is approved first"), default=False)
    rights_basis = models.CharField(_("rights basis"), max_length=16, choices=RightsBasis)
    state = models.CharField(_("state"), max_length=16, choices=ProductState, default=ProductState.DRAFT)
    certificate_number = models.CharField(
        _("registration certificate"), max_length=32, null=True, blank=True, unique=True, editable=False
    )
    listed_at = models.DateTimeField(_("first listed"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["vendor_org", "code"], name="product_code_once_per_vendor"),
            models.CheckConstraint(name="product_state_known", condition=Q(state__in=ProductState.values)),
            models.CheckConstraint(
                name="product_core_data_never_listed",
                condition=~Q(grade=Grade.CORE) | Q(state__in=[ProductState.DRAFT, ProductState.REJECTED]),
            ),
            models.CheckConstraint(
                name="product_listed_has_certificate",
                condition=~Q(state__in=[ProductState.LISTED, ProductState.SUSPENDED, ProductState.DELISTED])
                | Q(certificate_number__isnull=False, listed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["-id"], condition=Q(state=ProductState.LISTED), name="product_listed"),
            models.Index(fields=["sector", "-id"], name="product_sector"),
            models.Index(fields=["kind", "-id"], name="product_kind"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def needs_purpose_approval(self) -> bool:
        """Whether a buyer's purpose must be approved before it orders: important data, and what the vendor marks so."""
        return self.requires_purpose_approval or self.grade == Grade.IMPORTANT


class Revision(models.Model):
    """WHY: one numbered, immutable edition of a product's content; what a buyer received can always be named."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="revisions", verbose_name=_("product"))
    vendor_org_id = models.UUIDField(editable=False)
    number = models.PositiveIntegerField(_("number"))
    notes = models.TextField(_("release notes"), max_length=5000, blank=True)
    data_dictionary = models.JSONField(_("data dictionary"), default=dict, blank=True)
    sample = models.JSONField(_("sample rows"), default=list, blank=True)
    profile = models.JSONField(_("data profile"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=RevisionState, default=RevisionState.DRAFT)
    published_at = models.DateTimeField(pgettext_lazy("time", "published"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(pgettext_lazy("time", "revoked"), null=True, blank=True, editable=False)
    revocation_reason = models.TextField(_("reason for revocation"), blank=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["product", "number"], name="revision_number_once_per_product"),
            models.UniqueConstraint(
                fields=["product"], condition=Q(state=RevisionState.DRAFT), name="revision_one_draft_per_product"
            ),
            models.CheckConstraint(name="revision_state_known", condition=Q(state__in=RevisionState.values)),
            models.CheckConstraint(
                name="revision_revoked_with_reason",
                condition=~Q(state=RevisionState.REVOKED) | (~Q(revocation_reason="") & Q(revoked_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="revision_published_when",
                condition=Q(state=RevisionState.DRAFT) | Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return titled(self, f"#{self.number}")


class Asset(models.Model):
    """WHY: one file of a revision, with the size and SHA-256 computed while it was received."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    revision = models.ForeignKey(Revision, models.PROTECT, related_name="assets", verbose_name=_("revision"))
    vendor_org_id = models.UUIDField(editable=False)
    path = models.CharField(_("path"), max_length=255)
    media_type = models.CharField(_("media type"), max_length=127)
    bytes = models.PositiveBigIntegerField(_("bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    storage_name = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(_("uploaded"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("asset")
        verbose_name_plural = _("assets")
        ordering = ("path",)
        constraints = [
            # Two paths that differ only in case would overwrite each other on many a buyer's computer.
            models.UniqueConstraint("revision", Lower("path"), name="asset_path_once_per_revision"),
            models.CheckConstraint(name="asset_sha256_format", condition=is_sha256("sha256")),
        ]

    def __str__(self) -> str:
        return self.path


class Review(models.Model):
    """WHY: the evidence that an operator who is not of the vendor looked at a submission, and what they decided."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="reviews", verbose_name=_("product"))
    vendor_org_id = models.UUIDField(editable=False)
    submitted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("submitted by"))
    submitted_at = models.DateTimeField(_("submitted"), default=clock.now)
    checklist = models.JSONField(_("checklist"), default=dict)
    decision = models.CharField(_("decision"), max_length=16, choices=ReviewDecision, default=ReviewDecision.PENDING)
    reasons = models.TextField(_("reasons"), max_length=5000, blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["product"], condition=Q(decision=ReviewDecision.PENDING), name="review_one_open_per_product"
            ),
            models.CheckConstraint(name="review_decision_known", condition=Q(decision__in=ReviewDecision.values)),
            models.CheckConstraint(
                name="review_decided_when",
                condition=Q(decision=ReviewDecision.PENDING) | Q(decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="review_rejected_with_reasons", condition=~Q(decision=ReviewDecision.REJECTED) | ~Q(reasons="")
            ),
            models.CheckConstraint(
                name="review_decided_by_another",
                condition=Q(decided_by=None) | Q(submitted_by=None) | ~Q(decided_by=F("submitted_by")),
            ),
        ]

    def __str__(self) -> str:
        return titled(self, f"{self.submitted_at:%Y-%m-%d}")
