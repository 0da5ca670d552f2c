"""The catalogue to read, for those who supervise the exchange."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from market.catalog.admin.pages import (
    PRODUCT_SECTIONS,
    AssetInline,
    OfferInline,
    ReadOffers,
    ReadProducts,
    ReadReviews,
    ReadRevisions,
    ReviewInline,
    RevisionInline,
)
from market.catalog.models import Offer, Product, Review, Revision
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.sites import auditor_site


@admin.register(Product, site=auditor_site)
class ProductAdmin(ReadProducts, WorkspaceAdmin):
    list_display = ("title", "vendor_org", "code", "state_badge", "kind", "grade", "certificate_number", "created_at")
    inlines = (RevisionInline, OfferInline, ReviewInline)
    fieldsets = [
        (_("Where it stands"), {"fields": ("vendor_org", *ReadProducts.where_it_stands)}),
        *PRODUCT_SECTIONS,
    ]


@admin.register(Revision, site=auditor_site)
class RevisionAdmin(ReadRevisions, WorkspaceAdmin):
    inlines = (AssetInline,)
    fields = readonly_fields = ("product", "state_line", "published_at", "notes", "content")


@admin.register(Offer, site=auditor_site)
class OfferAdmin(ReadOffers, WorkspaceAdmin):
    pass


@admin.register(Review, site=auditor_site)
class ReviewAdmin(ReadReviews, WorkspaceAdmin):
    fields = (
        "product",
        "decision_line",
        ("submitted_by", "submitted_at"),
        ("decided_by", "decided_at"),
        "reasons",
        "checked",
    )
