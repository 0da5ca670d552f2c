from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class StatementTooLong(BusinessError):
    """More movements than a file of that form can hold; carries ``lines`` and ``limit``."""

    code = "statement_too_long"
    status = 409
    title = _("The statement has too many lines for this kind of file")


class StatementDoesNotAddUp(BusinessError):
    """Opening and movements do not come to the closing balance: nothing wrong is handed out."""

    code = "statement_does_not_add_up"
    status = 409
    title = _("The statement does not add up")


class InvoiceProfileMissing(BusinessError):
    """Nobody has said yet what the buyer's invoices are made out to."""

    code = "invoice_profile_missing"
    status = 409
    title = _("The invoice title and tax number are missing")


class NotInvoiceable(BusinessError):
    """Nothing of an order is captured, or all of it stands in another invoice; carries ``orders``."""

    code = "not_invoiceable"
    status = 409
    title = _("Some orders cannot be invoiced now")


class InvoiceNumberTaken(BusinessError):
    """Another invoice with the same code and number is recorded."""

    code = "invoice_number_taken"
    status = 409
    title = _("An invoice of this code and number is recorded already")


class RedLetterTooHigh(BusinessError):
    """More than what is left of the invoice; carries ``left`` (fen)."""

    code = "red_letter_too_high"
    status = 409
    title = _("The red-letter invoice is above what is left of the invoice")


class InvoiceFileMissing(BusinessError):
    """The file is no longer in the store."""

    code = "invoice_file_missing"
    status = 410
    title = _("The file is gone")
