"""The vendor's own catalogue: drafts, uploads, offers, submissions."""

import datetime
import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.states import OrganizationState, Role
from market.catalog import services
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
from market.catalog.forms import OfferForm, ProductForm, RevisionForm, UploadForm, VendorProfileForm
from market.catalog.models import Asset, Offer, Product, Review, Revision, VendorProfile
from market.catalog.price_forms import PriceForm
from market.catalog.selectors import may_list, missing_for_review
from market.catalog.services.rules import PRODUCT_FIELDS
from market.catalog.states import EDITABLE, FROZEN, OfferState, ProductState, RevisionState
from market.kernel import clock
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScopedAdmin
from market.workspaces.sites import vendor_site

LISTERS = (Role.OWNER, Role.LISTER)


def start_revision(actor: Actor, product: Product, given: dict[str, Any]) -> Revision:
    return services.start_revision(actor=actor, product_id=product.id)


def make_offer(actor: Actor, product: Product, given: dict[str, Any]) -> None:
    buyer, last_day = given["buyer_org"], given["last_day"]
    services.create_offer(
        actor=actor,
        product_id=product.id,
        licence=given["licence"],
        acceptance_days=given["acceptance_days"],
        **{name: given[name] for name in PriceForm.base_fields},
        buyer_org_id=buyer.id if buyer is not None else None,
        valid_until=clock.business_midnight(last_day + datetime.timedelta(days=1)) if last_day else None,
    )


def is_open(actor: Actor, product: Product) -> bool:
    return may_list(actor) and product.state not in FROZEN


def steps_of(product: Product) -> list[dict[str, Any]]:
    """What a draft needs before it can be submitted, and whether it has it."""
    missing = missing_for_review(product)
    steps = [
        {"text": _("Start a revision, upload its files, publish it"), "done": "/revisions" not in missing},
        {"text": _("Make an offer: price and licence"), "done": "/offers" not in missing},
    ]
    if "/grade" in missing:
        steps.append({"text": missing["/grade"], "done": False})
    if product.vendor_org.state != OrganizationState.VERIFIED:
        steps.append({"text": _("The exchange verifies your organisation"), "done": False})
    is_ready = all(step["done"] for step in steps)
    steps.append({"text": _("Submit it for review") if is_ready else _("Then submit it for review"), "done": False})
    return steps


@admin.register(Product, site=vendor_site)
class ProductAdmin(ReadProducts, OrganizationScopedAdmin):
    form = ProductForm
    add_roles = change_roles = LISTERS
    inlines = (RevisionInline, OfferInline, ReviewInline)
    acts = (
        Act(
            "start-revision",
            _("Start a revision"),
            start_revision,
            lambda actor, product: (
                is_open(actor, product) and not product.revisions.filter(state=RevisionState.DRAFT).exists()
            ),
            explanation=_("A new edition of the content. Describe it, upload its files, then publish it."),
        ),
        Act(
            "offer",
            _("Make an offer"),
            make_offer,
            is_open,
            OfferForm,
            explanation=_("An offer cannot be edited: for another price make another offer and withdraw this one."),
        ),
        Act(
            "submit",
            _("Submit for review"),
            lambda actor, product, given: services.submit_product(actor=actor, product_id=product.id) and None,
            lambda actor, product: may_list(actor) and product.state in EDITABLE and not missing_for_review(product),
            explanation=_("Until the exchange has decided, nothing about the product can be changed."),
        ),
        Act(
            "delist",
            _("Delist"),
            lambda actor, product, given: services.delist_product(
                actor=actor, product_id=product.id, reason=given["reason"]
            ),
            lambda actor, product: may_list(actor) and product.state == ProductState.LISTED,
            ReasonForm,
            explanation=_("For good: no new orders. What was bought stays available to its buyers."),
            is_dangerous=True,
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.state in EDITABLE)

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> list[tuple[Any, dict[str, Any]]]:
        if obj is None:
            return PRODUCT_SECTIONS
        stands = ["state_line", "next_steps"] if obj.state in EDITABLE else list(self.where_it_stands)
        return [(_("Where it stands"), {"fields": stands}), *PRODUCT_SECTIONS]

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "next_steps")

    def get_inline_instances(self, request: HttpRequest, obj: Product | None = None) -> list:
        return super().get_inline_instances(request, obj) if obj is not None else []

    @display(description=_("what is left to do"))
    def next_steps(self, product: Product) -> SafeString:
        """A list to tick off on the way to the market."""
        return render_to_string("catalog/next_steps.html", {"steps": steps_of(product)})

    def save_model(self, request: HttpRequest, obj: Product, form: ModelForm, change: bool) -> None:
        actor = self.actor(request)
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            services.edit_product(actor=actor, product_id=obj.id, **changes)
        else:
            given = {name: form.cleaned_data[name] for name in PRODUCT_FIELDS}
            made = services.create_product(actor=actor, **given)
            obj.id, obj.vendor_org = made.id, made.vendor_org

    def response_post_save_add(self, request: HttpRequest, obj: Product) -> HttpResponse:
        return HttpResponseRedirect(reverse("vendor:catalog_product_change", args=[obj.id]))

    def response_post_save_change(self, request: HttpRequest, obj: Product) -> HttpResponse:
        return self.response_post_save_add(request, obj)


def upload(actor: Actor, revision: Revision, given: dict[str, Any]) -> None:
    folder = given["folder"].strip().strip("/")
    uploads = [
        services.Upload(path=f"{folder}/{file.name}" if folder else file.name, stream=file, declared_bytes=file.size)
        for file in given["files"]
    ]
    services.add_assets(actor=actor, revision_id=revision.id, uploads=uploads)


def is_open_draft(actor: Actor, revision: Revision) -> bool:
    return is_open(actor, revision.product) and revision.state == RevisionState.DRAFT


@admin.register(Revision, site=vendor_site)
class RevisionAdmin(ReadRevisions, OrganizationScopedAdmin):
    form = RevisionForm
    change_roles = LISTERS
    inlines = (AssetInline,)
    acts = (
        Act(
            "upload",
            _("Upload files"),
            upload,
            is_open_draft,
            UploadForm,
            explanation=_("Buyers receive exactly these bytes; size and SHA-256 are computed while they arrive."),
        ),
        Act(
            "publish",
            _("Publish"),
            lambda actor, revision, given: services.publish_revision(actor=actor, revision_id=revision.id),
            lambda actor, revision: is_open_draft(actor, revision) and revision.assets.exists(),
            explanation=_("A published revision never changes again. New orders deliver the newest one."),
        ),
        Act(
            "revoke",
            _("Revoke"),
            lambda actor, revision, given: services.revoke_revision(
                actor=actor, revision_id=revision.id, reason=given["reason"]
            ),
            lambda actor, revision: may_list(actor) and revision.state == RevisionState.PUBLISHED,
            ReasonForm,
            explanation=_("New orders no longer deliver it. It stays in the history with your reason."),
            is_dangerous=True,
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or is_open_draft(self.actor(request), obj))

    def get_fieldsets(self, request: HttpRequest, obj: Revision | None = None) -> list[tuple[Any, dict[str, Any]]]:
        stands = (_("Where it stands"), {"fields": ("product", "state_line", "published_at")})
        if self.has_change_permission(request, obj):
            return [
                stands,
                (
                    _("What buyers see before they order"),
                    {"fields": ("notes", "data_dictionary", "sample", "profile")},
                ),
            ]
        return [stands, (_("What buyers see before they order"), {"fields": ("notes", "content")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Revision | None = None) -> tuple[str, ...]:
        return ("product", "state_line", "published_at", "content")

    def save_model(self, request: HttpRequest, obj: Revision, form: ModelForm, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.edit_revision(actor=self.actor(request), revision_id=obj.id, **changes)

    def response_post_save_change(self, request: HttpRequest, obj: Revision) -> HttpResponse:
        return HttpResponseRedirect(reverse("vendor:catalog_revision_change", args=[obj.id]))


@admin.register(Asset, site=vendor_site)
class AssetAdmin(OrganizationScopedAdmin):
    """A file's own page, reached from its revision: there it can be taken out again."""

    icon = "draft"
    list_display = ("path", "revision", "media_type", "size")
    list_select_related = ("revision__product",)
    search_fields = ("path", "sha256")
    fields = readonly_fields = ("revision", "path", "media_type", "size", "bytes", "sha256", "created_at")
    acts = (
        Act(
            "remove",
            _("Remove"),
            lambda actor, asset, given: services.remove_asset(actor=actor, asset_id=asset.id) or asset.revision,
            lambda actor, asset: is_open_draft(actor, asset.revision),
            explanation=_("The file is deleted. You can upload another under the same path."),
            is_dangerous=True,
        ),
    )

    @display(description=_("size"))
    def size(self, asset: Asset) -> str:
        """Its size for people."""
        return filesizeformat(asset.bytes)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        return super().get_queryset(request).select_related("revision__product")


@admin.register(Offer, site=vendor_site)
class OfferAdmin(ReadOffers, OrganizationScopedAdmin):
    acts = (
        Act(
            "withdraw",
            _("Withdraw"),
            lambda actor, offer, given: services.withdraw_offer(actor=actor, offer_id=offer.id),
            lambda actor, offer: may_list(actor) and offer.state == OfferState.ACTIVE and offer.quote_id is None,
            explanation=_("Nobody can order under it any more. Orders that were placed go on."),
            is_dangerous=True,
        ),
    )


@admin.register(Review, site=vendor_site)
class ReviewAdmin(ReadReviews, OrganizationScopedAdmin):
    """What the exchange said; who of its people said it is the exchange's affair."""

    fields = readonly_fields = ("product", "decision_line", "submitted_at", "decided_at", "reasons", "checked")


@admin.register(VendorProfile, site=vendor_site)
class VendorProfileAdmin(OrganizationScopedAdmin):
    icon = "storefront"
    form = VendorProfileForm
    organization_path = "organization_id"
    add_roles = change_roles = LISTERS
    list_display = ("organization", "sector", "website", "updated_at")
    list_select_related = ("organization",)
    fields = ("sector", "introduction", "website", "contact_email", "updated_at")
    readonly_fields = ("updated_at",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_add_permission(request, obj) and self._own(request) is None

    def _own(self, request: HttpRequest) -> uuid.UUID | None:
        own = self.organization_id(request)
        return own if VendorProfile.objects.filter(organization_id=own).exists() else None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one profile at most, so its page, or the page to write it, stands in for a list."""
        own = self._own(request)
        if own is not None:
            return HttpResponseRedirect(reverse("vendor:catalog_vendorprofile_change", args=[own]))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse("vendor:catalog_vendorprofile_add"))
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: VendorProfile, form: ModelForm, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in VendorProfileForm.Meta.fields}
        obj.organization = services.edit_vendor_profile(actor=self.actor(request), **given).organization
