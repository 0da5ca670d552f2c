"""The tables of the catalogue, whichever file of this package they stand in."""

from market.catalog.models.approvals import PurposeApproval
from market.catalog.models.offers import Offer
from market.catalog.models.products import Asset, Product, Review, Revision, VendorProfile

__all__ = [
    "Asset",
    "Offer",
    "Product",
    "PurposeApproval",
    "Review",
    "Revision",
    "VendorProfile",
]
