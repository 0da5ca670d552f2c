"""Pages of documents, whichever file of this package they stand in."""

from market.documents.admin import statements

__all__ = ["statements"]
