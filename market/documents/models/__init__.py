"""The tables of documents, whichever file of this package they stand in."""

from market.documents.models.invoices import Invoice, InvoiceLine, InvoiceProfile, TaxDocument
from market.documents.models.statements import AccountStatement

__all__ = ["AccountStatement", "Invoice", "InvoiceLine", "InvoiceProfile", "TaxDocument"]
