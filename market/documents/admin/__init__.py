"""Pages of documents, whichever file of this package they stand in."""

from market.documents.admin import invoices, statements

__all__ = ["invoices", "statements"]
