"""The tables of documents, whichever file of this package they stand in."""

from market.documents.models.statements import AccountStatement

__all__ = ["AccountStatement"]
