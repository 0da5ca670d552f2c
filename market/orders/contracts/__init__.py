"""Contracts that people can read, made from nothing but the frozen terms. Pure: no query, no clock, no setting."""

from market.orders.contracts.pages import CONTENT_TYPES, LANGUAGES, POLICY, Contract, as_html, as_pdf
from market.orders.contracts.words import contract_of

__all__ = ["CONTENT_TYPES", "LANGUAGES", "POLICY", "Contract", "as_html", "as_pdf", "contract_of"]
