"""python -m benchmarks.at_the_bank ACT [ARGUMENT ...]: one process of the measurement of statements; prints JSON."""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

import django
from django.core.management import call_command

django.setup()

from django.db import connection  # noqa: E402  (models exist only now)
from lxml import etree  # noqa: E402

from accounts.states import Capacity  # noqa: E402
from market.banking import pain, selectors  # noqa: E402
from market.banking.models import PaymentFile  # noqa: E402
from market.banking.services import import_statement  # noqa: E402
from market.banking.services.payment_files import content  # noqa: E402
from market.kernel import clock  # noqa: E402
from market.kernel.actors import SYSTEM  # noqa: E402
from market.kernel.money import to_text  # noqa: E402
from market.ledger.models import Account  # noqa: E402
from market.ledger.states import AccountKind  # noqa: E402
from market.settlement.models import Payout, SettlementBatch  # noqa: E402
from tests import factories, trades  # noqa: E402
from tests.banking.messages import Entry, document, one_statement  # noqa: E402

BUYERS = 1_000
DEPOSITS, CONFIRMED = 0.6, 0.35
DIGITS = str.maketrans("0189", "ABCD")

# Copies of one settled batch and its payout, as if so many had been sent and not yet answered.
PAYOUTS = """
WITH batches AS (
    INSERT INTO settlement_settlementbatch
    SELECT (jsonb_populate_record(model, jsonb_build_object(
               'id', uuidv7(), 'cutoff', model.cutoff - n * interval '1 second'))).*
      FROM settlement_settlementbatch AS model, generate_series(1, %(count)s) AS n
     WHERE model.id = %(batch)s
    RETURNING id
)
INSERT INTO settlement_payout
SELECT (jsonb_populate_record(model, jsonb_build_object(
           'id', uuidv7(), 'batch_id', batches.id, 'state', 'sent', 'ended_at', NULL, 'reference', 'QS20261120'
           || translate(lpad((row_number() OVER ())::text, 13, '0'), '0189', 'ABCD')))).*
  FROM settlement_payout AS model, batches
 WHERE model.id = %(payout)s
"""

PAYMENTS = """
INSERT INTO banking_payment (id, file_id, position, payout_id, creditor_name)
SELECT uuidv7(), %(file)s, row_number() OVER (ORDER BY payout.reference), payout.id, vendor.name
  FROM (
        SELECT * FROM settlement_payout WHERE id NOT IN (SELECT payout_id FROM banking_payment) LIMIT %(count)s
       ) AS payout
  JOIN accounts_organization AS vendor ON vendor.id = payout.vendor_org_id
"""


def load(lines: int, rounds: int, folder: str) -> dict:
    """A market with many buyers and many payouts under way; a file a round, one more, and a small one."""
    call_command("migrate", verbosity=0)
    trades.whole_trade(factories.market())
    buyers = [factories.organization(Capacity.BUYER) for _ in range(BUYERS)]
    codes = list(
        Account.objects.filter(organization__in=buyers, kind=AccountKind.WALLET).values_list(
            "remittance_code", flat=True
        )
    )
    payout, batch = Payout.objects.get(), SettlementBatch.objects.get()
    needed = int(lines * CONFIRMED) * (rounds + 1) + lines
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(PAYOUTS, {"count": needed, "batch": batch.id, "payout": payout.id})
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
    number = 0
    for name, count in [*((f"{each}.xml", lines) for each in range(rounds)), ("last.xml", lines), ("small.xml", 1000)]:
        entries = []
        for position in range(count):
            if position < count * DEPOSITS:
                entries.append(Entry(100 + position, f"货款 {codes[position % BUYERS]} {position}"))
            elif position < count * (DEPOSITS + CONFIRMED) and count == lines:
                number += 1
                reference = "QS20261120" + f"{number:013d}".translate(DIGITS)
                entries.append(Entry(-payout.amount, f"付款 {reference}", end_to_end_id=reference))
            else:
                entries.append(Entry(100, f"INVOICE {position}"))
        Path(folder, name).write_bytes(as_banks_write(document(one_statement(entries, opening=10**12))))
    return {"payouts": Payout.objects.count()}


ALSO = {
    b"</AcctSvcrRef>": "</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly>"
    "</Domn></BkTxCd>",
    b"<Refs>": "<Refs><InstrId>20261120000000001</InstrId><TxId>20261120-000000000001</TxId>",
    b"</Nm>": "</Nm><PstlAdr><Ctry>CN</Ctry><AdrLine>贵州省遵义市红花岗区</AdrLine></PstlAdr>",
    b"</RltdPties>": "</RltdPties><RltdAgts><DbtrAgt><FinInstnId><BICFI>ICBKCNBJ</BICFI><Nm>中国工商银行</Nm>"
    "</FinInstnId></DbtrAgt></RltdAgts>",
    b"</NtryDtls>": "</NtryDtls><AddtlNtryInf>TRANSFER</AddtlNtryInf>",
}
"""What a statement also says, and nobody asks for."""


def as_banks_write(file: bytes) -> bytes:
    """The same statement, as wordy as a bank's."""
    for where, words in ALSO.items():
        file = file.replace(where, words.encode())
    return file


def parse(path: str) -> float:
    """Seconds for lxml to go through the file entry by entry and forget each: nothing is read out of it."""
    started = time.monotonic()
    with open(path, "rb") as file:
        for _event, entry in etree.iterparse(file, tag="{*}Ntry", resolve_entities=False):
            entry.clear()
            while entry.getprevious() is not None:
                del entry.getparent()[0]
    return time.monotonic() - started


FACTS = ("Amt", "CdtDbtInd", "Sts/Cd", "BookgDt/Dt", "ValDt/Dt", "AcctSvcrRef", "RvslInd", "AddtlNtryInf")
FACTS_OF_DETAIL = (
    "Refs/EndToEndId",
    "RltdPties/Dbtr/Pty/Nm",
    "RltdPties/DbtrAcct/Id/Othr/Id",
    "RltdPties/Cdtr/Pty/Nm",
    "RltdPties/CdtrAcct/Id/Othr/Id",
    "RmtInf/Ustrd",
    "RtrInf/Rsn/Cd",
)
NAMESPACE = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}"


def parse_and_read(path: str) -> float:
    """Seconds for lxml to go through the file and read what an import needs of each entry, the plain way."""

    def paths(names: tuple[str, ...]) -> list[str]:
        return ["/".join(NAMESPACE + part for part in name.split("/")) for name in names]

    facts, of_detail, details = paths(FACTS), paths(FACTS_OF_DETAIL), paths(("NtryDtls/TxDtls",))[0]
    started = time.monotonic()
    with open(path, "rb") as file:
        for _event, entry in etree.iterparse(file, tag=NAMESPACE + "Ntry", resolve_entities=False):
            found = [entry.findtext(name) for name in facts]
            for detail in entry.iterfind(details):
                found += [detail.findtext(name) for name in of_detail]
            entry.clear()
            while entry.getprevious() is not None:
                del entry.getparent()[0]
    return time.monotonic() - started


def imports(folder: str, rounds: int) -> dict:
    """Seconds of the parse and of the import, taking turns: the medians of all rounds."""
    taken: dict[str, list[float]] = {"parse": [], "parse and read": [], "import": []}
    outcome = {}
    for each in range(rounds):
        path = f"{folder}/{each}.xml"
        taken["parse"].append(parse(path))
        taken["parse and read"].append(parse_and_read(path))
        started = time.monotonic()
        with open(path, "rb") as file:
            outcome = import_statement(actor=SYSTEM, file=file).by_state
        taken["import"].append(time.monotonic() - started)
    middles = {name: statistics.median(seconds) for name, seconds in taken.items()}
    rounded = {name: [round(one, 2) for one in seconds] for name, seconds in taken.items()}
    return middles | {"outcome": outcome, "rounds": rounded, "mib": Path(folder, "0.xml").stat().st_size >> 20}


def import_one(path: str) -> dict:
    """The most memory that an import takes."""
    with open(path, "rb") as file:
        import_statement(actor=SYSTEM, file=file)
    return peak()


def file_of(count: int) -> PaymentFile:
    """A payment file of so many payouts that stand in none yet."""
    batch = SettlementBatch.objects.latest("cutoff")
    number = PaymentFile.objects.count() + 10
    made = PaymentFile(
        cutoff=batch.cutoff,
        number=number,
        message_id=f"QS-BENCH-{number}",
        execute_on=clock.business_date(),
        debtor_name="贵阳大数据交易所",
        debtor_account="6222000000000000001",
        payment_count=count,
        total=count * batch.net,
        file_sha256="0" * 64,
    )
    made.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(PAYMENTS, {"file": made.id, "count": count})
    return made


def payments(count: int) -> dict:
    """Written as a stream."""
    file = file_of(count)
    started = time.monotonic()
    size = sum(len(piece) for piece in content(file))
    return {"seconds": time.monotonic() - started, "bytes": size} | peak()


def payments_as_tree(count: int) -> dict:
    """The same payments, read the same way, as elements of lxml that are written at the end."""
    file = file_of(count)
    started = time.monotonic()
    namespace = f"{{{pain.NAMESPACE}}}"
    root = etree.Element(namespace + "PmtInf")

    def put(parent: etree._Element, *names: str, text: str = "", **attributes: str) -> etree._Element:
        for name in names:
            parent = etree.SubElement(parent, namespace + name)
        parent.text = text or None
        parent.attrib.update(attributes)
        return parent

    for payment in selectors.payments_of(file):
        one = put(root, "CdtTrfTxInf")
        identification = put(one, "PmtId")
        put(identification, "InstrId", text=payment.payout.reference)
        put(identification, "EndToEndId", text=payment.payout.reference)
        put(one, "Amt", "InstdAmt", text=to_text(payment.payout.amount), Ccy="CNY")
        put(one, "Cdtr", "Nm", text=payment.creditor_name)
        put(one, "CdtrAcct", "Id", "Othr", "Id", text=payment.payout.bank_account)
        put(one, "RmtInf", "Ustrd", text=f"{file.debtor_name} {payment.payout.reference}")
    size = len(etree.tostring(root, encoding="utf-8"))
    return {"seconds": time.monotonic() - started, "bytes": size} | peak()


def peak() -> dict:
    """The most memory this process has had, in MiB."""
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    act, *arguments = sys.argv[1:]
    print(json.dumps(globals()[act](*(int(each) if each.isdigit() else each for each in arguments))))
