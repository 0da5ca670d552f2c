"""Reads of statements and invoices."""
