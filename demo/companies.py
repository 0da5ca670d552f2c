"""Who trades: invented companies with codes that pass every check of GB 32100-2015 and GB 11714-1997."""

import dataclasses
import random

from accounts import uscc
from accounts.bank_numbers import check_digit
from accounts.states import TaxpayerType
from demo.vocabulary import SECTORS

GUIZHOU = {
    "520100": ("贵州省贵阳市", "贵阳"),
    "520200": ("贵州省六盘水市", "六盘水"),
    "520300": ("贵州省遵义市", "遵义"),
    "520400": ("贵州省安顺市", "安顺"),
    "520500": ("贵州省毕节市", "毕节"),
    "520600": ("贵州省铜仁市", "铜仁"),
    "522300": ("贵州省黔西南布依族苗族自治州", "黔西南"),
    "522600": ("贵州省黔东南苗族侗族自治州", "黔东南"),
    "522700": ("贵州省黔南布依族苗族自治州", "黔南"),
}
ELSEWHERE = {
    "110000": ("北京市", "北京"),
    "310000": ("上海市", "上海"),
    "330100": ("浙江省杭州市", "杭州"),
    "420100": ("湖北省武汉市", "武汉"),
    "430100": ("湖南省长沙市", "长沙"),
    "440300": ("广东省深圳市", "深圳"),
    "450100": ("广西壮族自治区南宁市", "南宁"),
    "500000": ("重庆市", "重庆"),
    "510100": ("四川省成都市", "成都"),
    "530100": ("云南省昆明市", "昆明"),
}
PLACES = GUIZHOU | ELSEWHERE
"""Region code of GB/T 2260 to (full name, name in a company's name)."""

BRAND_FIRST = "黔筑播牂苗岭娄甲花瀑荔锦梵赤乌溪云山万瑞恒汇鼎启明晟泓嘉远博诚中新天华金禾景泰"
BRAND_SECOND = "数智信源达通联创科盛丰川峰林海航越腾晖维格朗瑜琪衡原湾亭秀乐康宁安和"
BUYER_TRADES = ("食品", "酒业", "医药", "汽车零部件", "物流", "农业发展", "新材料", "文旅发展", "电力工程", "商贸")
FORMS = ("有限公司",) * 8 + ("股份有限公司", "有限责任公司")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何罗高林龙石潘韦田安冉侯蒙莫"
GIVEN = "伟芳娜敏静丽强磊军洋艳勇杰娟涛明超霞平刚桂英华玉兰建国文辉丹丽君梦婷宇浩子轩雨欣思远"


@dataclasses.dataclass(frozen=True, slots=True)
class Company:
    """One invented organisation; ``number`` counts within its group."""

    number: int
    name: str
    uscc: str
    region: str
    place: str
    sector: str
    taxpayer_type: str
    bank_account: str
    bank_code: str


def companies(seed: int, group: str, count: int) -> list[Company]:
    """``count`` distinct companies, the same for the same ``seed`` and ``group`` (``vendor`` or ``buyer``)."""
    chance = random.Random(f"{seed} {group}")
    names: set[str] = set()
    bodies: set[str] = set()
    made = []
    for number in range(1, count + 1):
        # The first twenty cover every sector.
        sector = list(SECTORS)[number - 1] if number <= len(SECTORS) else chance.choice(list(SECTORS))
        region_code = chance.choice(list(GUIZHOU if chance.random() < 0.75 else ELSEWHERE))
        region, place = PLACES[region_code]
        trades = SECTORS[sector].trades if group == "vendor" else BUYER_TRADES
        while (name := _name(chance, place, chance.choice(trades))) in names:
            pass
        while (body := "".join(chance.choices("0123456789ABCDEFGHJKLMNPQRTUWXY", k=6))) in bodies:
            pass
        names.add(name)
        bodies.add(body)
        made.append(
            Company(
                number=number,
                name=name,
                uscc=code_of(region_code, f"MA{body}"),
                region=region,
                place=place,
                sector=sector,
                taxpayer_type=TaxpayerType.GENERAL if chance.random() < 0.7 else TaxpayerType.SMALL_SCALE,
                bank_account=f"6222{chance.randrange(10**15):015d}",
                bank_code=_bank_code(number),
            )
        )
    return made


def _bank_code(number: int) -> str:
    """The CNAPS code of an invented branch in Guiyang (area 7010); no bank has the number 999."""
    digits = f"9997010{number % 10_000:04d}"
    return digits + check_digit(digits)


def person(chance: random.Random) -> str:
    """An invented person's name."""
    return chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2))))


def code_of(region_code: str, organization_code: str, kind: str = "91") -> str:
    """A USCC: kind (91 is an enterprise, 11 an authority), region, organisation code and its check, check."""
    first = f"{kind}{region_code}{organization_code}{organization_check(organization_code)}"
    return first + uscc.check_character(first)


def organization_check(code: str) -> str:
    """The ninth character of an organisation code (GB 11714-1997): 11 - weighted sum mod 11, X for 10, 0 for 11."""
    total = sum(weight * int(letter, 36) for weight, letter in zip((3, 7, 9, 10, 5, 8, 4, 2), code, strict=True))
    return "0123456789X"[-total % 11]


def _name(chance: random.Random, place: str, trade: str) -> str:
    brand = chance.choice(BRAND_FIRST) + chance.choice(BRAND_SECOND)
    where = chance.choice(("贵州", place)) if place in {short for _full, short in GUIZHOU.values()} else place
    return f"{where}{brand}{trade}{chance.choice(FORMS)}"
