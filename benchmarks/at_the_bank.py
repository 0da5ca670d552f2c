"""python -m benchmarks.at_the_bank ACT [ARGUMENT ...]: one process of the measurement of statements; prints JSON."""

import json
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
from benchmarks.copies import insert_copies, triggers_asleep  # noqa: E402
from benchmarks.processes import database_seconds, peak_mib  # noqa: E402
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
SENT = "CREATE TEMPORARY TABLE sent AS SELECT n, uuidv7() AS batch, uuidv7() AS payout FROM generate_series(1, %s) AS n"
BATCH = {"id": "sent.batch", "cutoff": "model.cutoff - n * interval '1 second'"}
PAYOUT = {
    "id": "sent.payout",
    "batch_id": "sent.batch",
    "state": "'sent'",
    "ended_at": "NULL",
    "bank_code": "'102100099996'",
    "reference": "'QS20261120' || translate(lpad(n::text, 13, '0'), '0189', 'ABCD')",
}

PAYMENTS = """
INSERT INTO banking_payment (id, file_id, position, payout_id, creditor_name)
SELECT uuidv7(), %(file)s, row_number() OVER (ORDER BY payout.reference), payout.id, vendor.name
  FROM (
        SELECT * FROM settlement_payout WHERE id NOT IN (SELECT payout_id FROM banking_payment) LIMIT %(count)s
       ) AS payout
  JOIN accounts_organization AS vendor ON vendor.id = payout.vendor_org_id
"""


def load(lines: int, few: int, rounds: int, folder: str) -> dict:
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
    needed = int(lines * CONFIRMED) * (rounds + 1) + lines + few
    with triggers_asleep(), connection.cursor() as cursor:
        cursor.execute(SENT, [needed])
        insert_copies("settlement_settlementbatch", batch.id, "sent", BATCH)
        insert_copies("settlement_payout", payout.id, "sent", PAYOUT)
        cursor.execute("VACUUM ANALYZE")
    number = 0
    files = {str(each): lines for each in range(rounds)} | {str(count): count for count in (lines, few)}
    for name, count in files.items():
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
        Path(folder, f"{name}.xml").write_bytes(as_banks_write(document(one_statement(entries, opening=10**12))))
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


def parse(path: str) -> None:
    """lxml goes through the file entry by entry and forgets each. Nothing is read out of it: of no use to anybody, but
    the least that any import takes."""
    with open(path, "rb") as file:
        for _event, entry in etree.iterparse(file, tag="{*}Ntry", resolve_entities=False):
            entry.clear()
            while entry.getprevious() is not None:
                del entry.getparent()[0]


def parse_plainly(path: str) -> None:
    """lxml hands over every element as it ends, and each is cleared: the plain way through a large file."""
    with open(path, "rb") as file:
        for _event, element in etree.iterparse(file, resolve_entities=False):
            element.clear()


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


def parse_and_read(path: str) -> None:
    """lxml goes through the file and reads what an import needs of each entry, the plain way: a parse of use."""

    def paths(names: tuple[str, ...]) -> list[str]:
        return ["/".join(NAMESPACE + part for part in name.split("/")) for name in names]

    facts, of_detail, details = paths(FACTS), paths(FACTS_OF_DETAIL), paths(("NtryDtls/TxDtls",))[0]
    with open(path, "rb") as file:
        for _event, entry in etree.iterparse(file, tag=NAMESPACE + "Ntry", resolve_entities=False):
            found = [entry.findtext(name) for name in facts]
            for detail in entry.iterfind(details):
                found += [detail.findtext(name) for name in of_detail]
            entry.clear()
            while entry.getprevious() is not None:
                del entry.getparent()[0]


def imports(folder: str, rounds: int) -> dict:
    """Seconds of the three parses and of the import, taking turns: the medians of all rounds.

    With them the processor's, the import's including PostgreSQL's: what a busy machine changes least.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    taken: dict[str, list[float]] = {}
    outcome = {}

    def take_in(path: str) -> None:
        nonlocal outcome
        with open(path, "rb") as file:
            outcome = import_statement(actor=SYSTEM, file=file).by_state

    for each in range(rounds):
        acts = {"parse": parse, "parse plainly": parse_plainly, "parse and read": parse_and_read, "import": take_in}
        for name, act in acts.items():
            started, busy = time.monotonic(), time.process_time() + database_seconds(backend)
            act(f"{folder}/{each}.xml")
            taken.setdefault(name, []).append(time.monotonic() - started)
            busy = time.process_time() + database_seconds(backend) - busy
            taken.setdefault(f"{name} (processor)", []).append(busy)
    middles = {name: statistics.median(seconds) for name, seconds in taken.items()}
    rounded = {name: [round(one, 2) for one in seconds] for name, seconds in taken.items()}
    return middles | {"outcome": outcome, "rounds": rounded, "mib": Path(folder, "0.xml").stat().st_size >> 20}


def import_one(path: str) -> dict:
    """The most memory that an import takes."""
    with open(path, "rb") as file:
        import_statement(actor=SYSTEM, file=file)
    return {"peak_mib": peak_mib()}


def file_of(count: int) -> PaymentFile:
    """A payment file of so many payouts, the one that has been made before or one of payouts that stand in none yet."""
    before = PaymentFile.objects.filter(payment_count=count).first()
    if before is not None:
        return before
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
    return {"seconds": time.monotonic() - started, "bytes": size, "peak_mib": peak_mib()}


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
        put(identification, "InstrId", text=payment.reference)
        put(identification, "EndToEndId", text=payment.reference)
        put(one, "Amt", "InstdAmt", text=to_text(payment.amount), Ccy="CNY")
        member = put(one, "CdtrAgt", "FinInstnId", "ClrSysMmbId")
        put(member, "ClrSysId", "Cd", text="CNAPS")
        put(member, "MmbId", text=payment.bank_code)
        put(one, "Cdtr", "Nm", text=payment.creditor_name)
        put(one, "CdtrAcct", "Id", "Othr", "Id", text=payment.bank_account)
        put(one, "RmtInf", "Ustrd", text=f"{file.debtor_name} {payment.reference}")
    size = len(etree.tostring(root, encoding="utf-8"))
    return {"seconds": time.monotonic() - started, "bytes": size, "peak_mib": peak_mib()}


if __name__ == "__main__":
    act, *arguments = sys.argv[1:]
    print(json.dumps(globals()[act](*(int(each) if each.isdigit() else each for each in arguments))))
