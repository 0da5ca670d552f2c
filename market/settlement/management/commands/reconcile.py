"""Does every fen add up? Exit code 0 when it does, 1 on any drift."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from market.settlement.services import Reconciliation, reconcile
from market.settlement.services.books import MAX_SHOWN, Finding


class Command(BaseCommand):
    help = (
        "Derive every balance, order, capture, batch and payout again and compare with what is kept. Amounts in fen. "
        "Exit code 1 when anything drifts, if by one fen."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
        parser.add_argument("--show", type=int, default=MAX_SHOWN, help="drifts to list a check, default %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        found = reconcile(show=max(1, options["show"]))
        self.stdout.write(_document(found) if options["json"] else _table(found))
        if not found.is_clean:
            sys.exit(1)


def _document(found: Reconciliation) -> str:
    checks = [
        {
            "name": finding.check.name,
            "claim": str(finding.check.claim),
            "looked_at": finding.looked_at,
            "drifted": finding.drifted,
            "drift": [
                {
                    "object": drift.kind,
                    "id": drift.key,
                    "label": drift.label,
                    "fact": drift.fact,
                    "expected": drift.expected,
                    "found": drift.found,
                }
                for drift in finding.drift
            ],
        }
        for finding in found.findings
    ]
    return json.dumps(
        {"at": found.at.isoformat(), "is_clean": found.is_clean, "checks": checks}, ensure_ascii=False, indent=2
    )


def _table(found: Reconciliation) -> str:
    width = max(len(str(finding.check.claim)) for finding in found.findings)
    lines = [f"Reconciliation at {found.at.isoformat(timespec='seconds')}", ""]
    lines.append(f"{'check':10}  {'what must hold':{width}}  {'looked at':>12}  drift")
    for finding in found.findings:
        outcome = f"{finding.drifted:,}" if finding.drifted else "none"
        lines.append(f"{finding.check.name:10}  {finding.check.claim!s:{width}}  {finding.looked_at:>12,}  {outcome}")
    lines.append("")
    for finding in found.findings:
        lines.extend(_drift_lines(finding))
    lines.append("Every fen adds up." if found.is_clean else "DRIFT: see the runbook.")
    return "\n".join(lines)


def _drift_lines(finding: Finding) -> list[str]:
    lines = [
        f"{finding.check.name}: {drift.kind} {drift.key} ({drift.label}): {drift.fact}: "
        f"expected {drift.expected}, found {drift.found}"
        for drift in finding.drift
    ]
    if finding.drifted > len(finding.drift):
        lines.append(f"{finding.check.name}: and {finding.drifted - len(finding.drift):,} more (--show)")
    return lines
