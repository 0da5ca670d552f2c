"""The tables of the catalogue, whichever file of this package they stand in."""

from market.catalog.models.approvals import PurposeApproval
from market.catalog.models.offers import Offer
from market.catalog.models.products import SHA256_PATTERN, Asset, Product, Review, Revision, VendorProfile

__all__ = [
    "SHA256_PATTERN",
    "Asset",
    "Offer",
    "Product",
    "PurposeApproval",
    "Review",
    "Revision",
    "VendorProfile",
]
