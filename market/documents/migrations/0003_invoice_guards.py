from pathlib import Path

from django.db import migrations

from market.documents.states import INVOICE_MOVES, InvoiceState
from market.kernel.triggers import append_only, immutable_when, only_moves

GUARDS = Path(__file__).with_suffix(".sql").read_text()
UNDO = """
DROP TRIGGER documents_taxdocument_amounts ON documents_taxdocument;
DROP FUNCTION documents_taxdocument_amounts();
DROP TRIGGER documents_line_released_when_dead ON documents_invoiceline;
DROP FUNCTION documents_line_released_when_dead();
DROP TRIGGER documents_lines_are_the_invoice ON documents_invoiceline;
DROP FUNCTION documents_lines_are_the_invoice();
DROP TRIGGER documents_line_is_of_its_capture ON documents_invoiceline;
DROP FUNCTION documents_line_is_of_its_capture();
"""


class Migration(migrations.Migration):
    dependencies = [("documents", "0002_invoices")]

    operations = [
        migrations.RunSQL(GUARDS, UNDO),
        immutable_when("documents_invoice", "true", may_change=("state", "reason", "ended_at")),
        only_moves(
            "documents_invoice", "state", {state.value: INVOICE_MOVES.legal_moves(state) for state in InvoiceState}
        ),
        append_only("documents_invoiceline", fill_once=("released_at",)),
        append_only("documents_taxdocument"),
    ]
