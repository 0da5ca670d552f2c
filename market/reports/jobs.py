"""The kinds of durable work of this room."""

EXPORT = "reports.export"
"""Write a report's file; key and subject are the report's key."""
