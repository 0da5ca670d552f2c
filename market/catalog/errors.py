from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class OfferNotOrderable(BusinessError):
    """The offer exists and may be seen, but cannot be ordered now; the detail says why."""

    code = "offer_not_orderable"
    status = 409
    title = _("This offer cannot be ordered")


class OfferAnswersQuote(BusinessError):
    """The offer is part of a quote and ends there; carries the quote's key as ``quote``."""

    code = "offer_answers_quote"
    status = 409
    title = _("This offer answers a quote")


class ApprovalNeeded(BusinessError):
    """Important data (GB/T 43697-2024) is sold by private offer for an approved purpose only, and so is what a vendor
    marks; carries ``product`` and the buyer's open ``approvals`` of it when an approval is what misses.
    """

    code = "approval_needed"
    status = 403
    title = _("This product needs an approval for each buyer")


class ApprovalNotNeeded(BusinessError):
    """The product can be ordered for any purpose without asking first."""

    code = "approval_not_needed"
    status = 409
    title = _("This product needs no approval")


class ApprovalAsked(BusinessError):
    """The buyer has an open approval of this product for this very purpose; carries its key as ``approval``."""

    code = "approval_asked"
    status = 409
    title = _("You have asked for this already")


class ApprovalExpired(BusinessError):
    """The time to decide, or to order under it, is over; beat will say so in the state too."""

    code = "approval_expired"
    status = 409
    title = _("The time of this approval is over")


class ProductNotOpen(BusinessError):
    """The act needs a product that can be worked on: not in review, not delisted."""

    code = "product_not_open"
    status = 409
    title = _("The product cannot be changed now")


class ProductCodeTaken(BusinessError):
    """The vendor has used this product code before; codes are unique per vendor."""

    code = "product_code_taken"
    status = 409
    title = _("This product code is taken")


class NotReadyForReview(BusinessError):
    """The product misses something that a submission needs; ``errors`` names all of it at once."""

    code = "not_ready_for_review"
    status = 409
    title = _("The product is not ready for review")


class CoreDataRefused(BusinessError):
    """Core data (GB/T 43697-2024) may never be offered on the exchange."""

    code = "core_data_refused"
    status = 422
    title = _("Core data can never be listed")


class ReviewerNotIndependent(BusinessError):
    """Whoever belongs to the vendor, or made the submission, may not decide on it."""

    code = "reviewer_not_independent"
    status = 403
    title = _("You may not decide on this product")


class RevisionFinal(BusinessError):
    """A published revision never changes: new content is a new revision."""

    code = "revision_final"
    status = 409
    title = _("The revision is published and cannot change")


class RevisionEmpty(BusinessError):
    """A revision without files cannot be published: there would be nothing to deliver."""

    code = "revision_empty"
    status = 409
    title = _("The revision has no files")


class RevisionChanged(BusinessError):
    """Somebody added or removed a file while the revision was being published; nothing was published."""

    code = "revision_changed"
    status = 409
    title = _("The revision's files changed meanwhile")


class DraftExists(BusinessError):
    """A product has at most one draft revision at a time."""

    code = "draft_exists"
    status = 409
    title = _("The product already has a draft revision")


class AssetPathTaken(BusinessError):
    """The revision has a file of that path; paths that differ only in case count as the same."""

    code = "asset_path_taken"
    status = 409
    title = _("The revision already has a file of this path")


class UploadTooLarge(BusinessError):
    """The file is larger than the exchange takes (``ASSET_MAX_BYTES``); carries ``limit`` in bytes."""

    code = "upload_too_large"
    status = 413
    title = _("The file is too large")


class UploadIncomplete(BusinessError):
    """What arrived is not what was announced: another size or SHA-256, or nothing at all. Nothing was kept."""

    code = "upload_incomplete"
    status = 422
    title = _("The file did not arrive whole")
