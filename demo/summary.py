"""What was traded, by what the exchange says: never by what the script remembers."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.checks import Check
from demo.facts import Facts
from market.catalog.states import ProductKind

TOP = 5


def show(console: Console, facts: Facts, checks: list[Check], report: Path, seconds: float) -> None:
    """Tables, then every check, then one sentence."""
    console.print(_by_kind(facts))
    console.print(_top("Buyers who spent most", facts, "buyer_name", "amount_fen"))
    console.print(_top("Vendors who earned most (net)", facts, "vendor_name", "net_fen"))
    console.print(_contracts(facts))
    console.print(_flow(facts))
    console.print(_checks(checks))
    failed = [found for found in checks if not found.holds]
    console.print(f"\nThe auditor's report: [bold]{report}[/] ({len(facts.all_rows):,} orders)", soft_wrap=True)
    if failed:
        console.print(f"[bold red]{len(failed)} of {len(checks)} checks failed.[/]")
    else:
        console.print(f"[bold green]All balances add up.[/] {len(checks)} checks, {seconds:.0f} seconds.")


def yuan(fen: int) -> str:
    """``1234567`` as ``12,345.67``: exact."""
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}{whole:,}.{rest:02d}"


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", min_width=60)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    return table


def _by_kind(facts: Facts) -> Table:
    table = _table(
        "What was traded (yuan; from the auditor's report)", "kind", "orders", "settled", "amount", "vendors"
    )
    for kind in ProductKind:
        rows = [row for row in facts.rows if row["product_kind"] == kind]
        settled = [row for row in rows if row["state"] == "settled"]
        table.add_row(
            str(kind.label),
            str(len(rows)),
            str(len(settled)),
            yuan(sum(int(row["amount_fen"]) for row in settled)),
            str(len({row["vendor_uscc"] for row in rows})),
        )
    settled = [row for row in facts.rows if row["state"] == "settled"]
    table.add_section()
    table.add_row(
        "all",
        str(len(facts.rows)),
        str(len(settled)),
        yuan(sum(int(row["amount_fen"]) for row in settled)),
        str(len({row["vendor_uscc"] for row in facts.rows})),
    )
    return table


def _top(title: str, facts: Facts, who: str, what: str) -> Table:
    sums: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for row in facts.rows:
        if row["state"] == "settled":
            sums[row[who]] += int(row[what] or 0)
            orders[row[who]] += 1
    table = _table(title, "name", "orders", "yuan")
    for name, amount in sums.most_common(TOP):
        table.add_row(name, str(orders[name]), yuan(amount))
    return table


def _flow(facts: Facts) -> Table:
    table = _table("Where the money went (from the transfers; this run's orders)", "step", "fen", "yuan")
    payouts = sum(payout["amount"] for batch in facts.batches for payout in batch["payouts"])
    steps: Iterable[tuple[str, int]] = (
        ("wallets → escrow", facts.moved("escrow")),
        ("escrow → wallets (cancelled, refunded)", facts.moved("release")),
        ("escrow → vendors, net", facts.moved("capture_net")),
        ("escrow → commission", facts.moved("capture_commission")),
        ("escrow → VAT", facts.moved("capture_vat")),
        ("vendors → bank (settlement run)", payouts),
    )
    deposits = sum(facts.deposits.values())
    table.add_row("bank → wallets (deposits)", f"{deposits:,}", yuan(deposits))
    for step, amount in steps:
        table.add_row(step, f"{amount:,}", yuan(amount))
    table.add_section()
    for kind in ("wallet", "escrow", "payable", "commission", "vat", "bank"):
        table.add_row(f"all {kind} accounts now", f"{facts.balances[kind]:,}", yuan(facts.balances[kind]))
    total = sum(facts.balances.values())
    table.add_row(f"all {facts.accounts:,} accounts together", f"{total:,}", yuan(total))
    return table


def _contracts(facts: Facts) -> Table:
    found = facts.contracts
    table = _table("Contracts that run (yuan)", "contract", "in escrow", "used", "next")
    first, *_later = found.subscription["periods"]
    following = found.subscription["next_payment"]
    table.add_row(
        f"subscription, {len(found.subscription['periods'])} months at {yuan(first['amount'])}",
        yuan(found.escrowed["subscription"]),
        "-",
        f"{yuan(following['amount'])} due on {following['due_on']}" if following else "-",
    )
    usage = found.usage
    table.add_row(
        f"metered use, {usage['units']:,} calls in {usage['records']} records",
        yuan(found.escrowed["metered"]),
        yuan(usage["drawn"]),
        f"ended; {yuan(usage['left'])} returns after the last statement",
    )
    return table


def _checks(checks: list[Check]) -> Table:
    table = _table("Checks", "", "what must hold", "compared")
    table.columns[1].justify = table.columns[2].justify = "left"
    for found in checks:
        mark = "[green]✓[/]" if found.holds else "[bold red]✗[/]"
        table.add_row(mark, found.claim, found.compared if found.holds else f"[red]{found.compared}[/]")
    return table
