"""The exchange's side: what waits for a decision, and a hand on the emergency brake."""

from typing import Any

from django.contrib import admin
from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.catalog import services
from market.catalog.admin.pages import (
    PRODUCT_SECTIONS,
    SHOWN_FILES,
    AssetInline,
    OfferInline,
    ReadOffers,
    ReadProducts,
    ReadReviews,
    ReadRevisions,
    ReviewInline,
    RevisionInline,
    described,
    file_table,
    price_text,
    tables,
)
from market.catalog.forms import ApprovalForm, RejectionForm
from market.catalog.locks import is_operator
from market.catalog.models import Offer, Product, Review, Revision, VendorProfile
from market.catalog.selectors import standing_offers
from market.catalog.states import (
    REVIEW_CHECKLIST,
    ProductState,
    ReviewDecision,
    RevisionState,
)
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.sites import operator_site


def product_act(name: str, label: str, perform: Any, states: tuple[str, ...], **options: Any) -> Act:
    """An act of the operator on a product in one of ``states``, with a reason."""
    return Act(
        name,
        label,
        lambda actor, product, given: perform(actor=actor, product_id=product.id, reason=given["reason"]),
        lambda actor, product: is_operator(actor) and product.state in states,
        ReasonForm,
        **options,
    )


@admin.register(Product, site=operator_site)
class ProductAdmin(ReadProducts, WorkspaceAdmin):
    list_display = ("title", "vendor_org", "code", "state_badge", "kind", "grade", "certificate_number", "created_at")
    inlines = (RevisionInline, OfferInline, ReviewInline)
    fieldsets = [
        (_("Where it stands"), {"fields": ("vendor_org", *ReadProducts.where_it_stands)}),
        *PRODUCT_SECTIONS,
    ]
    acts = (
        product_act(
            "suspend",
            _("Suspend"),
            services.suspend_product,
            (ProductState.LISTED,),
            explanation=_("No new orders until it is resumed. What was bought stays available."),
            is_dangerous=True,
        ),
        product_act(
            "resume",
            _("Resume"),
            services.resume_product,
            (ProductState.SUSPENDED,),
            explanation=_("It can be ordered again at once."),
        ),
        product_act(
            "delist",
            _("Delist"),
            services.delist_product,
            (ProductState.LISTED,),
            explanation=_("For good: no new orders. What was bought stays available to its buyers."),
            is_dangerous=True,
        ),
    )


@admin.register(Revision, site=operator_site)
class RevisionAdmin(ReadRevisions, WorkspaceAdmin):
    inlines = (AssetInline,)
    fields = readonly_fields = ("product", "state_line", "published_at", "notes", "content")
    acts = (
        Act(
            "revoke",
            _("Revoke"),
            lambda actor, revision, given: services.revoke_revision(
                actor=actor, revision_id=revision.id, reason=given["reason"]
            ),
            lambda actor, revision: is_operator(actor) and revision.state == RevisionState.PUBLISHED,
            ReasonForm,
            explanation=_("New orders no longer deliver it. It stays in the history with your reason."),
            is_dangerous=True,
        ),
    )


@admin.register(Offer, site=operator_site)
class OfferAdmin(ReadOffers, WorkspaceAdmin):
    pass


def approve(actor: Actor, review: Review, given: dict[str, Any]) -> None:
    checklist = {name: given[name] for name in REVIEW_CHECKLIST}
    services.decide_review(
        actor=actor,
        review_id=review.id,
        decision=ReviewDecision.APPROVED,
        reasons=given["reasons"],
        checklist=checklist,
    )


def reject(actor: Actor, review: Review, given: dict[str, Any]) -> None:
    services.decide_review(
        actor=actor,
        review_id=review.id,
        decision=ReviewDecision.REJECTED,
        reasons=given["reasons"],
        checklist=dict.fromkeys(given["checklist"], True),
    )


def waits(actor: Actor, review: Review) -> bool:
    return is_operator(actor) and review.decision == ReviewDecision.PENDING


@admin.register(Review, site=operator_site)
class ReviewAdmin(ReadReviews, WorkspaceAdmin):
    """All that a decision needs on one page: the product, its newest content, its offers."""

    list_display = ("product", "vendor", "decision_badge", "submitted_at", "decided_by", "decided_at")
    list_select_related = ("product__vendor_org", "decided_by")
    search_fields = (*ReadReviews.search_fields, "product__vendor_org__name")
    fieldsets = [
        (
            _("Submission"),
            {"fields": ("product", "vendor", ("submitted_by", "submitted_at"), "decision_line")},
        ),
        (_("Product"), {"fields": ("facts",)}),
        (_("Content"), {"fields": ("content",)}),
        (_("Offers"), {"fields": ("offers",)}),
        (_("Decision"), {"fields": (("decided_by", "decided_at"), "reasons", "checked")}),
    ]
    acts = (
        Act(
            "approve",
            _("Approve"),
            approve,
            waits,
            ApprovalForm,
            explanation=_("The product gets its registration certificate and can be ordered at once."),
        ),
        Act("reject", _("Reject"), reject, waits, RejectionForm, is_dangerous=True),
    )

    @display(description=_("vendor"), ordering="product__vendor_org__name")
    def vendor(self, review: Review) -> str:
        """Whose product it is."""
        return review.product.vendor_org.name

    @display(description=_("facts"))
    def facts(self, review: Review) -> SafeString:
        """What the vendor says about the product."""
        product = review.product
        yes_or_no = _("yes") if product.has_personal_information else _("no")
        rows = [
            [_("code"), product.code],
            [_("kind"), product.get_kind_display()],
            [_("sector"), f"{product.sector} {product.get_sector_display()}"],
            [_("data grade"), product.get_grade_display()],
            [_("rights basis"), product.get_rights_basis_display()],
            [_("contains personal information"), yes_or_no],
            [_("description"), linebreaksbr(product.description)],
        ]
        return tables([("", [], rows)])

    @display(description=_("newest published revision"))
    def content(self, review: Review) -> SafeString:
        """Files, data dictionary, sample and profile of what would be delivered."""
        revision = review.product.revisions.filter(state=RevisionState.PUBLISHED).order_by("-number").first()
        if revision is None:
            return tables([])
        return tables([file_table(revision.assets.all()[:SHOWN_FILES]), *described(revision)])

    @display(description=_("active offers"))
    def offers(self, review: Review) -> SafeString:
        """Prices and licences."""
        offers = standing_offers().filter(product=review.product).select_related("buyer_org")
        rows = [[price_text(offer), offer.buyer_org or _("everybody"), linebreaksbr(offer.licence)] for offer in offers]
        return tables([("", [_("price"), _("only for"), _("licence terms")], rows)])

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("product__vendor_org")


@admin.register(VendorProfile, site=operator_site)
class VendorProfileAdmin(WorkspaceAdmin):
    icon = "storefront"
    list_display = ("organization", "sector", "website", "updated_at")
    list_filter = ("sector",)
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__uscc")
    fields = ("organization", "sector", "introduction", "website", "contact_email", "updated_at")
