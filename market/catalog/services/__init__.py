"""Writes: one public function a business act, whichever file of this package it lives in."""

from market.catalog.services.approvals import (
    approval_of_purpose,
    decide_as_operator,
    decide_as_vendor,
    expire_purpose_approvals,
    request_purpose_approval,
    withdraw_purpose_approval,
)
from market.catalog.services.assets import Upload, add_assets, remove_asset, remove_stray_files
from market.catalog.services.imports import ImportedFile, ImportedOffer, ImportedProduct, import_products
from market.catalog.services.offers import create_offer, end_quoted_offers, withdraw_offer
from market.catalog.services.products import (
    create_product,
    delist_product,
    edit_product,
    resume_product,
    suspend_product,
)
from market.catalog.services.reviews import decide_review, submit_product
from market.catalog.services.revisions import edit_revision, publish_revision, revoke_revision, start_revision
from market.catalog.services.vendors import edit_vendor_profile, import_vendor_profiles

__all__ = [
    "ImportedFile",
    "ImportedOffer",
    "ImportedProduct",
    "Upload",
    "add_assets",
    "approval_of_purpose",
    "create_offer",
    "create_product",
    "decide_as_operator",
    "decide_as_vendor",
    "decide_review",
    "delist_product",
    "edit_product",
    "edit_revision",
    "edit_vendor_profile",
    "end_quoted_offers",
    "expire_purpose_approvals",
    "import_products",
    "import_vendor_profiles",
    "publish_revision",
    "remove_asset",
    "request_purpose_approval",
    "remove_stray_files",
    "resume_product",
    "revoke_revision",
    "start_revision",
    "submit_product",
    "suspend_product",
    "withdraw_offer",
    "withdraw_purpose_approval",
]
