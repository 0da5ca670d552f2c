"""How the catalogue's rows look, on every site; what may be done with them is up to each."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Count, Model, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.catalog.models import Asset, Offer, Product, Review, Revision
from market.catalog.price_texts import sentence
from market.catalog.states import (
    REVIEW_CHECKLIST,
    OfferState,
    ProductState,
    ReviewDecision,
    RevisionState,
)
from market.workspaces.bases import WorkspaceInline

PRODUCT_COLOURS = {
    ProductState.DRAFT.value: "info",
    ProductState.IN_REVIEW.value: "warning",
    ProductState.REJECTED.value: "danger",
    ProductState.LISTED.value: "success",
    ProductState.SUSPENDED.value: "danger",
}
REVISION_COLOURS = {
    RevisionState.DRAFT.value: "info",
    RevisionState.PUBLISHED.value: "success",
    RevisionState.REVOKED.value: "danger",
}
OFFER_COLOURS = {OfferState.ACTIVE.value: "success"}
REVIEW_COLOURS = {
    ReviewDecision.PENDING.value: "warning",
    ReviewDecision.APPROVED.value: "success",
    ReviewDecision.REJECTED.value: "danger",
}
SHOWN_FILES = 200


def badge(value: str, text: Any, colours: dict[str, str]) -> SafeString:
    """A state as a coloured badge, for pages; lists do the same by ``display(label=...)``."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colours.get(value, ""), "size": "md"})


def code(text: str) -> SafeString:
    """A hash or the like: evenly spaced, broken anywhere when there is no room."""
    return format_html('<span class="workspace-code">{}</span>', text)


def price_text(offer: Offer) -> str:
    """The price in words: ``CNY 1280.00``, or that it is free, or a whole sentence."""
    return sentence(offer)


def tables(groups: Iterable[tuple[Any, list[Any], list[list[Any]]]]) -> SafeString:
    """Tables under their titles, one after the other; those without rows are left out."""
    shown = [{"title": title, "headers": headers, "rows": rows} for title, headers, rows in groups if rows]
    return render_to_string("catalog/tables.html", {"tables": shown})


def with_sizes(revisions: QuerySet[Revision]) -> QuerySet[Revision]:
    """The revisions with ``file_count`` and ``byte_count``."""
    counted = revisions.annotate(file_count=Count("assets"), byte_count=Coalesce(Sum("assets__bytes"), 0))
    return counted.order_by("-id")  # a grouped query forgets the order of its model


class ReadProducts:
    """Products in lists and on pages."""

    icon = "inventory_2"
    list_display = ("title", "code", "state_badge", "kind", "sector", "grade", "certificate_number", "created_at")
    list_filter = ("state", "kind", "sector", "grade")
    list_select_related = ("vendor_org",)
    search_fields = ("title", "code", "certificate_number", "vendor_org__name")
    search_help_text = _("Title, code, certificate number or vendor")
    where_it_stands = ("state_line", "certificate_number", "listed_at")
    readonly_fields = (*where_it_stands, "vendor_org", "created_at")

    @display(description=_("state"), ordering="state", label=PRODUCT_COLOURS)
    def state_badge(self, product: Product) -> tuple[str, str]:
        """The state as a coloured badge."""
        return product.state, product.get_state_display()

    @display(description=_("state"))
    def state_line(self, product: Product) -> SafeString:
        """The state as a coloured badge on the product's page."""
        return badge(product.state, product.get_state_display(), PRODUCT_COLOURS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).select_related("vendor_org")


PRODUCT_SECTIONS = [
    (_("What it is"), {"fields": ("title", "code", "kind", "sector", "description")}),
    (
        _("Rights and grade"),
        {"fields": ("rights_basis", "grade", "has_personal_information", "requires_purpose_approval")},
    ),
]


class ReadRevisions:
    """Revisions in lists and on pages."""

    icon = "history"
    list_display = ("product", "number", "state_badge", "files", "size", "published_at")
    list_display_links = ("product", "number")
    list_filter = ("state",)
    list_select_related = ("product",)
    search_fields = ("product__title", "product__code")
    search_help_text = _("Title or code of the product")

    @display(description=_("state"), ordering="state", label=REVISION_COLOURS)
    def state_badge(self, revision: Revision) -> tuple[str, str]:
        """The state as a coloured badge."""
        return revision.state, revision.get_state_display()

    @display(description=_("state"))
    def state_line(self, revision: Revision) -> SafeString:
        """The state as a coloured badge on the revision's page, and why it was revoked."""
        line = badge(revision.state, revision.get_state_display(), REVISION_COLOURS)
        return format_html("{} {}", line, revision.revocation_reason)

    @display(description=_("files"), ordering="file_count")
    def files(self, revision: Revision) -> int:
        """How many files it has."""
        return revision.file_count

    @display(description=_("size"), ordering="byte_count")
    def size(self, revision: Revision) -> str:
        """What its files come to."""
        return filesizeformat(revision.byte_count)

    @display(description=_("content"))
    def content(self, revision: Revision) -> SafeString:
        """Data dictionary, sample rows and profile as tables."""
        return tables(described(revision))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        return with_sizes(super().get_queryset(request).select_related("product"))


def described(revision: Revision) -> Iterable[tuple[Any, list[Any], list[list[Any]]]]:
    """Title, headers and rows of each table that describes a revision's content."""
    fields = revision.data_dictionary.get("fields", [])
    yield (
        _("Data dictionary"),
        [_("name"), _("type"), _("meaning")],
        [
            [field["name"], field.get("type", "string"), field.get("description") or field.get("title", "")]
            for field in fields
        ],
    )
    files = profiled_files(revision)
    # PostgreSQL keeps no order of an object's members, so the columns' order comes from what does have one.
    known = [field["name"] for field in fields] + [column["name"] for file in files for column in file["columns"]]
    found = dict.fromkeys(name for row in revision.sample for name in row)
    names = [name for name in dict.fromkeys([*known, *found]) if name in found]
    yield _("Sample rows"), names, [[row.get(name, "") for name in names] for row in revision.sample]
    for file in files:
        title = _("%(path)s: %(rows)s rows") if file.get("complete") else _("%(path)s: more than %(rows)s rows")
        yield (
            title % {"path": file.get("path", ""), "rows": file.get("rows")},
            [_("column"), _("type"), _("cells missing in the first rows")],
            [[column["name"], column.get("type"), column.get("missing")] for column in file["columns"]],
        )


def profiled_files(revision: Revision) -> list[dict[str, Any]]:
    """The files of a profile that has the shape of a computed one; a vendor's own profile may have any."""
    files = revision.profile.get("files")
    return [file for file in files if _is_computed(file)] if isinstance(files, list) else []


def _is_computed(file: Any) -> bool:
    columns = file.get("columns") if isinstance(file, dict) else None
    return isinstance(columns, list) and all(isinstance(column, dict) and "name" in column for column in columns)


def file_table(assets: Iterable[Asset]) -> tuple[Any, list[Any], list[list[Any]]]:
    """Title, headers and rows of a table of files."""
    rows = [[asset.path, asset.media_type, filesizeformat(asset.bytes), code(asset.sha256)] for asset in assets]
    return _("Files"), [_("path"), _("media type"), _("size"), _("SHA-256")], rows


class ReadOffers:
    """Offers in lists and on pages."""

    icon = "sell"
    list_display = ("product", "price", "price_model", "buyer", "state_badge", "valid_until", "created_at")
    list_filter = ("state", "price_model")
    list_select_related = ("product", "buyer_org")
    search_fields = ("product__title", "product__code")
    search_help_text = _("Title or code of the product")
    fields = (
        "product",
        "state_line",
        "price_model",
        "price",
        "acceptance_days",
        "licence",
        "buyer",
        ("valid_until", "created_at"),
    )
    readonly_fields = ("state_line", "price", "buyer", "created_at")

    @display(description=_("price"), ordering="amount")
    def price(self, offer: Offer) -> str:
        """The price of one unit in yuan."""
        return price_text(offer)

    @display(description=_("only for"))
    def buyer(self, offer: Offer) -> str:
        """The one buyer of a private offer."""
        return offer.buyer_org.name if offer.buyer_org_id else str(_("everybody"))

    @display(description=_("state"), ordering="state", label=OFFER_COLOURS)
    def state_badge(self, offer: Offer) -> tuple[str, str]:
        """The state as a coloured badge."""
        return offer.state, offer.get_state_display()

    @display(description=_("state"))
    def state_line(self, offer: Offer) -> SafeString:
        """The state as a coloured badge on the offer's page."""
        return badge(offer.state, offer.get_state_display(), OFFER_COLOURS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return super().get_queryset(request).select_related("product", "buyer_org")


class ReadReviews:
    """Reviews in lists and on pages: those that wait come first, the longest waiting on top."""

    icon = "rate_review"
    list_display = ("product", "decision_badge", "submitted_at", "decided_at", "reasons")
    list_filter = ("decision",)
    list_select_related = ("product",)
    search_fields = ("product__title", "product__code")
    search_help_text = _("Title or code of the product")
    ordering = (
        Case(When(decision=ReviewDecision.PENDING, then=Value(0)), default=Value(1)),
        Case(When(decision=ReviewDecision.PENDING, then="submitted_at")),
        "-submitted_at",
    )

    @display(description=_("decision"), ordering="decision", label=REVIEW_COLOURS)
    def decision_badge(self, review: Review) -> tuple[str, str]:
        """The decision as a coloured badge."""
        return review.decision, review.get_decision_display()

    @display(description=_("decision"))
    def decision_line(self, review: Review) -> SafeString:
        """The decision as a coloured badge on the review's page."""
        return badge(review.decision, review.get_decision_display(), REVIEW_COLOURS)

    @display(description=_("checklist"))
    def checked(self, review: Review) -> str:
        """Every point, and whether it was confirmed."""
        if review.decision == ReviewDecision.PENDING:
            return "-"
        rows = [
            [text, _("confirmed") if review.checklist.get(name) else _("not confirmed")]
            for name, text in REVIEW_CHECKLIST.items()
        ]
        return tables([("", [_("point"), ""], rows)])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).select_related("product", "submitted_by", "decided_by")


class ReadOnlyInline(WorkspaceInline):
    """Rows to look at, each with a link to its own page."""

    can_delete = False
    show_change_link = True
    max_num = 0

    def page_link(self, row: Model, text: Any) -> SafeString:
        """A link to the row's own page on the same site, when it has one."""
        opts = row._meta
        try:
            url = reverse(f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
        except NoReverseMatch:
            return format_html("{}", text)
        return format_html('<a class="text-link" href="{}">{}</a>', url, text)


class RevisionInline(ReadOnlyInline):
    model = Revision
    fields = readonly_fields = ("edition", "state_line", "files", "size", "published_at")
    verbose_name_plural = _("Revisions: what is delivered")
    ordering = ("-number",)
    state_line = ReadRevisions.state_line
    files = ReadRevisions.files
    size = ReadRevisions.size
    hide_title = True
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        return with_sizes(super().get_queryset(request))

    @display(description=_("number"))
    def edition(self, revision: Revision) -> SafeString:
        """The number, leading to the revision's page."""
        return self.page_link(revision, f"#{revision.number}")


class OfferInline(ReadOnlyInline):
    model = Offer
    fields = readonly_fields = ("price_link", "state_line", "buyer", "acceptance_days", "valid_until", "created_at")
    verbose_name_plural = _("Offers: at what price")
    state_line = ReadOffers.state_line
    buyer = ReadOffers.buyer
    hide_title = True
    show_change_link = False
    fk_name = "product"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return super().get_queryset(request).select_related("buyer_org")

    @display(description=_("price"))
    def price_link(self, offer: Offer) -> SafeString:
        """The price, leading to the offer's page."""
        return self.page_link(offer, price_text(offer))


class ReviewInline(ReadOnlyInline):
    model = Review
    fields = readonly_fields = ("when", "decision_line", "reasons", "decided_at")
    verbose_name_plural = _("Reviews: what the exchange said")
    decision_line = ReadReviews.decision_line
    hide_title = True
    show_change_link = False

    @display(description=_("submitted"))
    def when(self, review: Review) -> SafeString:
        """When it was submitted, leading to the review's page."""
        return self.page_link(review, f"{review.submitted_at:%Y-%m-%d}")


class AssetInline(ReadOnlyInline):
    model = Asset
    fields = readonly_fields = ("file", "media_type", "size", "sha256_line")
    verbose_name_plural = _("Files")
    hide_title = True
    show_change_link = False
    per_page = SHOWN_FILES

    @display(description=_("path"))
    def file(self, asset: Asset) -> SafeString:
        """The path, leading to the file's page where there is one."""
        return self.page_link(asset, asset.path)

    @display(description=_("size"))
    def size(self, asset: Asset) -> str:
        """Its size for people."""
        return filesizeformat(asset.bytes)

    @display(description=_("SHA-256"))
    def sha256_line(self, asset: Asset) -> SafeString:
        """The hash, to compare with one's own."""
        return code(asset.sha256)
