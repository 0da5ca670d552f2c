"""What is for sale: about three thousand products of all kinds and sectors, each with a small file of its own."""

import random
from collections.abc import Iterator, Sequence

from demo.companies import PLACES, Company
from demo.open_data import OPEN_DATA, OpenData
from demo.vocabulary import SECTORS
from market.catalog.services import ImportedFile, ImportedOffer, ImportedProduct
from market.catalog.states import Grade, PriceModel, ProductKind, ProductState, RightsBasis

KIND_WEIGHTS = {
    ProductKind.DATASET: 45,
    ProductKind.API: 20,
    ProductKind.MODEL: 12,
    ProductKind.COMPUTE: 8,
    ProductKind.SERVICE: 15,
}
TITLES = {
    ProductKind.DATASET: ("{place}{subject}数据集（{year}年）", "{place}{subject}月度数据（{year}年）"),
    ProductKind.API: ("{subject}查询接口（{place}）", "{place}{subject}实时接口服务"),
    ProductKind.MODEL: ("{subject}预测模型（{place}版）", "{place}{subject}异常识别算法"),
    ProductKind.COMPUTE: ("{place}智算中心算力包（{subject}场景）", "{place}{subject}推理算力"),
    ProductKind.SERVICE: ("{place}{subject}数据清洗与标注", "{subject}数据分析服务（{place}）"),
}
ABOUT = {
    ProductKind.DATASET: "覆盖{place}，按月汇总，含校验与缺失说明，附数据字典。",
    ProductKind.API: "以HTTP接口提供，附接口参数表与调用示例，按授权范围使用。",
    ProductKind.MODEL: "随附评测指标与适用范围说明，可在本地环境部署。",
    ProductKind.COMPUTE: "按PFLOPS·h计量，附可用规格与时段表，按份下单。",
    ProductKind.SERVICE: "按批次交付，附交付物清单与质量标准。",
}
ABOUT_ENGLISH = {
    ProductKind.DATASET: "Monthly figures with a data dictionary: {english}.",
    ProductKind.API: "An HTTP interface to {english}; the file lists its parameters.",
    ProductKind.MODEL: "A model for {english}; the file lists how it was evaluated.",
    ProductKind.COMPUTE: "Compute quota, tuned for {english}; the file lists sizes and hours.",
    ProductKind.SERVICE: "Cleansing, labelling and analysis of {english}; the file lists what is handed over.",
}
PRICES = {
    ProductKind.DATASET: (30_000, 6_000_000),
    ProductKind.API: (50_000, 4_000_000),
    ProductKind.MODEL: (800_000, 15_000_000),
    ProductKind.COMPUTE: (9_900, 160_000),
    ProductKind.SERVICE: (200_000, 9_000_000),
}
"""Lowest and highest price of one unit in fen."""

LICENCES = (
    "仅限购买方内部使用，不得转售或再许可。Internal use by the buyer only; no resale, no sublicence.",
    "可用于购买方产品与服务的研发，成果归购买方所有。For the buyer's own development; the results are its own.",
    "限一年内用于声明的用途，期满删除原始数据。For the declared purpose, one year; then deleted.",
)
SHARE_FREE = 0.05
SHARE_PRIVATE = 0.06
SHARE_TWO_OFFERS = 0.10
SHARE_IMPORTANT = 0.01
PERSONAL_SECTORS = "JOQ"


def open_products(vendors: Sequence[Company]) -> Iterator[ImportedProduct]:
    """The real open data, one product a vendor."""
    for vendor, data in zip(vendors, OPEN_DATA, strict=False):
        yield _open_product(vendor, data)


def invented_products(
    seed: int, vendors: Sequence[Company], buyers: Sequence[Company], count: int
) -> Iterator[ImportedProduct]:
    """``count`` products spread over ``vendors``; the first hundred are every kind in every sector."""
    chance = random.Random(f"{seed} products")
    by_sector = {sector: [vendor for vendor in vendors if vendor.sector == sector] for sector in SECTORS}
    pairs = [(sector, kind) for sector in SECTORS for kind in ProductKind]
    kinds, weights = list(KIND_WEIGHTS), list(KIND_WEIGHTS.values())
    used: dict[str, int] = {}
    for number in range(count):
        if number < len(pairs):
            sector, kind = pairs[number]
            vendor = chance.choice(by_sector[sector])
        else:
            # Everybody sells something before anybody sells a second thing.
            vendor = vendors[number % len(vendors)]
            kind = chance.choices(kinds, weights)[0]
        used[vendor.uscc] = used.get(vendor.uscc, 0) + 1
        yield _product(chance, vendor, kind, used[vendor.uscc], chance.choice(buyers))


def drafts(seed: int, vendors: Sequence[Company]) -> Iterator[ImportedProduct]:
    """One draft a vendor, complete enough to be submitted for review."""
    chance = random.Random(f"{seed} drafts")
    for vendor in vendors:
        kind = chance.choice(list(ProductKind))
        yield _product(chance, vendor, kind, 900, buyer=None, state=ProductState.DRAFT)


def _open_product(vendor: Company, data: OpenData) -> ImportedProduct:
    free = data.amount == 0
    return ImportedProduct(
        vendor=vendor.uscc,
        code=data.code,
        title=data.title,
        description=data.description,
        kind=ProductKind.DATASET,
        sector=data.sector,
        rights_basis=RightsBasis.OPERATION,
        files=[ImportedFile(path=data.path.name, content=data.path)],
        offers=[
            ImportedOffer(
                price_model=PriceModel.FREE if free else PriceModel.ONE_OFF,
                amount=data.amount,
                licence=f"数据许可随原始来源：{data.licence}。The data keep the licence of their source.",
            )
        ],
        notes="原始文件，未改动。The original file, unchanged.",
    )


def _product(
    chance: random.Random,
    vendor: Company,
    kind: str,
    number: int,
    buyer: Company | None,
    state: str = ProductState.LISTED,
) -> ImportedProduct:
    chinese, english, column, unit, level = chance.choice(SECTORS[vendor.sector].subjects)
    place, year = chance.choice(list(PLACES.values()))[1], chance.randint(2021, 2026)
    words = {"place": place, "subject": chinese, "year": year, "english": english}
    important = buyer is not None and chance.random() < SHARE_IMPORTANT
    private_to = buyer if important or (buyer is not None and chance.random() < SHARE_PRIVATE) else None
    personal = vendor.sector in PERSONAL_SECTORS and kind == ProductKind.DATASET and chance.random() < 0.1
    return ImportedProduct(
        vendor=vendor.uscc,
        code=f"{kind.upper()}-{number:03d}",
        title=chance.choice(TITLES[kind]).format(**words),
        description=f"{vendor.name}：{chinese}。{ABOUT[kind].format(**words)}\n\n{ABOUT_ENGLISH[kind].format(**words)}",
        kind=kind,
        sector=vendor.sector,
        rights_basis=chance.choice(list(RightsBasis)),
        grade=Grade.IMPORTANT if important else Grade.GENERAL,
        has_personal_information=personal,
        files=[_file(chance, kind, place, year, column, unit, level)],
        offers=_offers(chance, kind, private_to),
        state=state,
    )


def _offers(chance: random.Random, kind: str, private_to: Company | None) -> list[ImportedOffer]:
    def offer(amount: int, buyer: str | None = None) -> ImportedOffer:
        return ImportedOffer(
            price_model=PriceModel.ONE_OFF if amount else PriceModel.FREE,
            amount=amount,
            licence=chance.choice(LICENCES),
            acceptance_days=chance.choice((3, 7, 7, 15)),
            buyer=buyer,
        )

    price = _price(chance, kind)
    if private_to is not None:
        return [offer(price, private_to.uscc)]
    if chance.random() < SHARE_FREE:
        return [offer(0)]
    if chance.random() < SHARE_TWO_OFFERS:
        return [offer(price), offer(price * 3)]
    return [offer(price)]


def _price(chance: random.Random, kind: str) -> int:
    """As many small as large orders of magnitude; most prices are round, some are to the fen."""
    low, high = PRICES[kind]
    price = int(low * (high / low) ** chance.random())
    return price if chance.random() < 0.2 else price // 1000 * 1000 + 900


def _file(chance: random.Random, kind: str, place: str, year: int, column: str, unit: str, level: int) -> ImportedFile:
    if kind == ProductKind.DATASET:
        lines = ["month,place,series,value,unit"]
        for series in range(1, chance.randint(2, 4)):
            for month in range(1, 13):
                value = round(level * chance.uniform(0.7, 1.3) + chance.random(), 2)
                lines.append(f"{year}-{month:02d},{place},{column}_{series},{value},{unit}")
    elif kind == ProductKind.API:
        lines = [
            "parameter,type,required,example,meaning",
            "place,string,true," + place + ",地区",
            "page,integer,false,1,页码",
        ]
        lines += [
            f"{column}_{name},number,false,{round(level * chance.uniform(0.5, 1.5), 2)},{meaning}"
            for name, meaning in (("min", "下限"), ("max", "上限"), ("mean", "均值"))
        ]
        lines.append(f"requests_per_second,integer,false,{chance.randint(5, 200)},限速")
    elif kind == ProductKind.MODEL:
        lines = ["metric,split,value", f"target,{column},{unit}"]
        lines += [
            f"{metric},{split},{round(chance.uniform(0.71, 0.99), 4)}"
            for metric in ("accuracy", "precision", "recall", "f1")
            for split in ("validation", "test")
        ]
    elif kind == ProductKind.COMPUTE:
        lines = ["accelerators,memory_gib,pflops,from_hour,to_hour,place"]
        lines += [
            f"{8 * size},{640 * size},{round(size * chance.uniform(2.2, 2.8), 2)},{chance.randint(0, 11)},24,{place}"
            for size in (1, 2, 4, 8)
        ]
    else:
        lines = ["deliverable,quantity,unit,quality,days"]
        lines += [
            f"{deliverable},{chance.randint(100, 9000)},{unit},{chance.randint(95, 99)}%,{chance.randint(3, 30)}"
            for deliverable in ("清洗后数据", "标注结果", "质量报告", "分析报告")
        ]
    return ImportedFile(path=f"{column}.csv", content=("\n".join(lines) + "\n").encode(), media_type="text/csv")
