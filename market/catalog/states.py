from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class ProductState(models.TextChoices):
    """Only a ``listed`` product can be ordered; entitlements run on after ``delisted``."""

    DRAFT = "draft", _("draft")
    IN_REVIEW = "in_review", _("in review")
    REJECTED = "rejected", _("rejected")
    LISTED = "listed", _("listed")
    SUSPENDED = "suspended", _("suspended")
    DELISTED = "delisted", _("delisted")


PRODUCT_MOVES = TransitionTable(
    {
        ProductState.DRAFT: [ProductState.IN_REVIEW],
        ProductState.IN_REVIEW: [ProductState.LISTED, ProductState.REJECTED],
        ProductState.REJECTED: [ProductState.DRAFT],
        ProductState.LISTED: [ProductState.SUSPENDED, ProductState.DELISTED],
        ProductState.SUSPENDED: [ProductState.LISTED],
    }
)


NEVER_LISTED = (ProductState.DRAFT, ProductState.IN_REVIEW, ProductState.REJECTED)
"""States that no buyer has ever seen a product in."""

EDITABLE = (ProductState.DRAFT, ProductState.REJECTED)
"""States in which a product's own description may change."""

FROZEN = (ProductState.IN_REVIEW, ProductState.DELISTED)
"""States in which no revision or offer may be added: what is under review stays as it was submitted."""


class ProductKind(models.TextChoices):
    """What kind of thing is sold."""

    DATASET = "dataset", _("dataset")
    API = "api", _("data API")
    MODEL = "model", _("model or algorithm")
    COMPUTE = "compute", _("compute power")
    SERVICE = "service", _("data service")


class Grade(models.TextChoices):
    """Data grade of GB/T 43697-2024. Core data can never be listed; important data needs approval per buyer."""

    GENERAL = "general", _("general data")
    IMPORTANT = "important", _("important data")
    CORE = "core", _("core data")


class RightsBasis(models.TextChoices):
    """On which of the three separated data rights (数据二十条, article 7) the vendor sells."""

    HOLDING = "holding", _("right to hold data resources")
    USE = "use", _("right to process and use data")
    OPERATION = "operation", _("right to operate data products")


class Sector(models.TextChoices):
    """The 20 lettered sections of GB/T 4754-2017, industrial classification for national economic activities."""

    A = "A", _("Agriculture, forestry, animal husbandry and fishery")
    B = "B", _("Mining")
    C = "C", _("Manufacturing")
    D = "D", _("Electricity, heat, gas and water supply")
    E = "E", _("Construction")
    F = "F", _("Wholesale and retail")
    G = "G", _("Transport, storage and post")
    H = "H", _("Accommodation and catering")
    I = "I", _("Information transmission, software and IT services")  # noqa: E741
    J = "J", _("Finance")
    K = "K", _("Real estate")
    L = "L", _("Leasing and business services")
    M = "M", _("Scientific research and technical services")
    N = "N", _("Water conservancy, environment and public facilities")
    O = "O", _("Resident services, repair and other services")  # noqa: E741
    P = "P", _("Education")
    Q = "Q", _("Health and social work")
    R = "R", _("Culture, sports and entertainment")
    S = "S", _("Public administration, social security and social organisations")
    T = "T", _("International organisations")


class RevisionState(models.TextChoices):
    """A published revision never changes again; a revoked one stays as a row, with its reason."""

    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")
    REVOKED = "revoked", _("revoked")


REVISION_MOVES = TransitionTable(
    {
        RevisionState.DRAFT: [RevisionState.PUBLISHED],
        RevisionState.PUBLISHED: [RevisionState.REVOKED],
    }
)


class PriceModel(models.TextChoices):
    """How an offer is charged: once, not at all, for a term, or by use drawn from a prepayment."""

    ONE_OFF = "one_off", _("one-off")
    FREE = "free", _("free")
    SUBSCRIPTION = "subscription", _("subscription")
    METERED = "metered", _("metered")


PRICED_AT_ORDER = (PriceModel.ONE_OFF, PriceModel.FREE)
"""Models whose whole price is known when the order is placed."""

WITH_TERM = (PriceModel.SUBSCRIPTION, PriceModel.METERED)
"""Models of a contract that runs from one day to another."""


class PrepaidEnd(models.TextChoices):
    """What happens to metered use when the prepayment is used up."""

    TOP_UP = "top_up", _("topped up: the same amount is taken from the wallet again")
    STOP = "stop", _("stopped until the buyer tops up")


class TierMode(models.TextChoices):
    """How a scale of prices is read."""

    GRADUATED = "graduated", _("graduated: each unit at its own tier")
    VOLUME = "volume", _("volume: all units at the tier of the total")


class OfferState(models.TextChoices):
    """An offer is never edited: a new price is a new offer, and the old one is withdrawn."""

    ACTIVE = "active", _("active")
    WITHDRAWN = "withdrawn", _("withdrawn")


OFFER_MOVES = TransitionTable({OfferState.ACTIVE: [OfferState.WITHDRAWN]})


class ReviewDecision(models.TextChoices):
    """What the operator decided about a submission."""

    PENDING = "pending", _("pending")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")


REVIEW_MOVES = TransitionTable({ReviewDecision.PENDING: [ReviewDecision.APPROVED, ReviewDecision.REJECTED]})


class ApprovalState(models.TextChoices):
    """Where a buyer's purpose stands: the vendor decides first, then the exchange; only ``approved`` lets order."""

    REQUESTED = "requested", _("waits for the vendor")
    VENDOR_APPROVED = "vendor_approved", _("waits for the exchange")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired")


APPROVAL_MOVES = TransitionTable(
    {
        ApprovalState.REQUESTED: [
            ApprovalState.VENDOR_APPROVED,
            ApprovalState.REJECTED,
            ApprovalState.WITHDRAWN,
            ApprovalState.EXPIRED,
        ],
        ApprovalState.VENDOR_APPROVED: [
            ApprovalState.APPROVED,
            ApprovalState.REJECTED,
            ApprovalState.WITHDRAWN,
            ApprovalState.EXPIRED,
        ],
        ApprovalState.APPROVED: [ApprovalState.WITHDRAWN, ApprovalState.EXPIRED],
    }
)
OPEN_APPROVALS = (ApprovalState.REQUESTED, ApprovalState.VENDOR_APPROVED, ApprovalState.APPROVED)
"""States that something may still follow: a buyer has one open approval of a product and purpose at a time."""


REVIEW_CHECKLIST = {
    "rights": _("The vendor has shown on which right it sells (contract, licence, own collection)"),
    "grade": _("The data grade is right, and the product holds no core data"),
    "personal_information": _("Personal information is declared, and absent or lawfully processed"),
    "content": _("Files, data dictionary and sample match the description"),
    "terms": _("Price and licence terms are clear and complete"),
}
"""What an operator confirms, every point of it, before a product is listed."""
