"""What companies of each sector of GB/T 4754 call themselves, and what their data is about."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """One sector: ``trades`` are parts of company names; ``subjects`` are (Chinese, English, column, unit, level)."""

    trades: tuple[str, ...]
    subjects: tuple[tuple[str, str, str, str, int], ...]


SECTORS: dict[str, Words] = {
    "A": Words(
        ("农业数据", "茶业信息", "山地农业科技", "林业数据"),
        (
            ("刺梨种植面积", "planted area of roxburgh rose", "area_mu", "mu", 820),
            ("辣椒批发价格", "wholesale price of chilli", "price_yuan_per_kg", "yuan/kg", 14),
            ("茶园土壤墒情", "soil moisture of tea gardens", "moisture_percent", "%", 31),
            ("生猪存栏量", "pig stock", "heads", "heads", 5400),
            ("林地碳汇", "forest carbon sink", "tonnes_co2", "t CO2", 260),
        ),
    ),
    "B": Words(
        ("矿业数据", "磷化信息", "矿山安全科技"),
        (
            ("磷矿石品位", "grade of phosphate ore", "p2o5_percent", "%", 29),
            ("煤矿瓦斯浓度", "methane in coal mines", "methane_percent", "%", 1),
            ("铝土矿产量", "bauxite output", "tonnes", "t", 13000),
            ("矿区地表沉降", "ground subsidence in mining areas", "millimetres", "mm", 12),
        ),
    ),
    "C": Words(
        ("智能制造", "酱酒质量数据", "装备数据", "工业互联网"),
        (
            ("基酒发酵温度", "fermentation temperature of base liquor", "celsius", "°C", 33),
            ("数控机床振动", "vibration of machine tools", "rms_um", "µm", 7),
            ("动力电池循环寿命", "cycle life of batteries", "cycles", "cycles", 1900),
            ("轮胎产线良率", "yield of tyre lines", "yield_percent", "%", 97),
            ("设备综合效率", "overall equipment effectiveness", "oee_percent", "%", 74),
        ),
    ),
    "D": Words(
        ("能源数据", "电力信息", "燃气数据", "水务科技"),
        (
            ("区域用电负荷", "regional power load", "megawatts", "MW", 480),
            ("光伏电站出力", "output of solar plants", "megawatt_hours", "MWh", 62),
            ("天然气门站流量", "flow at gas gate stations", "cubic_metres", "m3", 91000),
            ("供水管网压力", "pressure of water mains", "kilopascals", "kPa", 310),
        ),
    ),
    "E": Words(
        ("建筑数据", "桥梁检测科技", "工程信息"),
        (
            ("桥梁索力监测", "cable force of bridges", "kilonewtons", "kN", 4200),
            ("隧道施工进度", "tunnelling progress", "metres", "m", 96),
            ("建材信息价", "reference prices of building materials", "price_yuan_per_tonne", "yuan/t", 3600),
            ("工地扬尘浓度", "dust at building sites", "micrograms_per_m3", "µg/m3", 85),
        ),
    ),
    "F": Words(
        ("商贸数据", "零售信息", "供应链数据"),
        (
            ("商圈客流指数", "footfall index of shopping districts", "index", "index", 118),
            ("农产品零售价", "retail prices of farm produce", "price_yuan_per_kg", "yuan/kg", 9),
            ("白酒流通库存", "liquor stock in distribution", "cases", "cases", 7300),
            ("电商成交规模", "e-commerce turnover", "thousand_yuan", "1000 yuan", 2400),
        ),
    ),
    "G": Words(
        ("物流数据", "交通信息", "智慧公路科技"),
        (
            ("高速公路断面流量", "motorway traffic counts", "vehicles", "vehicles", 8600),
            ("货运车辆轨迹密度", "density of lorry trips", "trips", "trips", 1500),
            ("铁路口岸发运量", "rail freight dispatched", "containers", "containers", 210),
            ("公交线路准点率", "punctuality of bus lines", "punctual_percent", "%", 91),
        ),
    ),
    "H": Words(
        ("文旅酒店数据", "餐饮信息"),
        (
            ("景区周边客房出租率", "hotel occupancy near sights", "occupied_percent", "%", 68),
            ("酸汤鱼门店客单价", "spending per guest in sour-soup restaurants", "yuan", "yuan", 76),
            ("民宿预订间夜", "room nights booked in guest houses", "room_nights", "nights", 540),
        ),
    ),
    "I": Words(
        ("云计算", "算力服务", "软件信息", "大数据科技"),
        (
            ("智算集群利用率", "utilisation of compute clusters", "used_percent", "%", 83),
            ("中文语料质量评分", "quality scores of Chinese text", "score", "score", 88),
            ("骨干网时延", "latency of backbone links", "milliseconds", "ms", 18),
            ("域名解析量", "DNS queries", "million_queries", "million", 44),
        ),
    ),
    "J": Words(
        ("金融数据", "征信科技", "保险信息"),
        (
            ("小微企业信用评分", "credit scores of small firms", "score", "score", 640),
            ("农业保险赔付", "farm insurance claims", "thousand_yuan", "1000 yuan", 310),
            ("供应链票据贴现率", "discount rates of trade bills", "basis_points", "bps", 265),
            ("普惠贷款余额", "inclusive loans outstanding", "million_yuan", "million yuan", 520),
        ),
    ),
    "K": Words(
        ("不动产数据", "物业信息"),
        (
            ("商品住宅成交均价", "average price of homes sold", "yuan_per_m2", "yuan/m2", 6100),
            ("写字楼空置率", "office vacancy", "vacant_percent", "%", 23),
            ("园区厂房租金", "rents of industrial buildings", "yuan_per_m2_month", "yuan/m2", 17),
        ),
    ),
    "L": Words(
        ("商务咨询数据", "人力资源信息", "会展数据"),
        (
            ("岗位招聘需求", "job vacancies", "vacancies", "vacancies", 930),
            ("企业登记变更", "changes in company registers", "changes", "changes", 410),
            ("展会观众构成", "visitors of trade fairs", "visitors", "visitors", 5200),
        ),
    ),
    "M": Words(
        ("遥感科技", "气象数据", "检测技术", "测绘信息"),
        (
            ("逐小时气温降水", "hourly temperature and rain", "celsius", "°C", 16),
            ("喀斯特地貌高程", "elevation of karst terrain", "metres", "m", 1180),
            ("射电望远镜观测日志", "radio telescope observation logs", "minutes", "min", 240),
            ("水稻基因型", "rice genotypes", "samples", "samples", 380),
        ),
    ),
    "N": Words(
        ("环保数据", "水文信息", "生态科技"),
        (
            ("乌江水质监测", "water quality of the Wu river", "dissolved_oxygen_mg_per_l", "mg/l", 8),
            ("空气质量站点", "air quality stations", "pm25_micrograms_per_m3", "µg/m3", 24),
            ("水库蓄水量", "reservoir storage", "million_m3", "million m3", 73),
            ("生活垃圾清运量", "household waste collected", "tonnes", "t", 1150),
        ),
    ),
    "O": Words(
        ("家政服务数据", "汽修信息"),
        (
            ("家政服务时价", "hourly rates of household services", "yuan_per_hour", "yuan/h", 42),
            ("新能源车充电故障", "faults of charging points", "faults", "faults", 27),
            ("养老陪护需求", "demand for elderly care", "requests", "requests", 160),
        ),
    ),
    "P": Words(
        ("教育数据", "职教信息"),
        (
            ("职业技能题库", "vocational examination questions", "questions", "questions", 2600),
            ("高校实验设备共享", "shared laboratory equipment", "hours", "h", 340),
            ("双语阅读语料", "bilingual reading texts", "sentences", "sentences", 48000),
        ),
    ),
    "Q": Words(
        ("医疗数据", "中医药信息", "健康科技"),
        (
            ("苗药成分", "compounds of Miao medicine", "milligrams_per_g", "mg/g", 6),
            ("匿名医学影像标注", "annotated anonymised medical images", "images", "images", 1200),
            ("门诊病种分布", "outpatient diagnoses by group", "visits", "visits", 870),
            ("药品集采价格", "prices of procured medicines", "yuan", "yuan", 58),
        ),
    ),
    "R": Words(
        ("文化数据", "体育信息", "民族文化科技"),
        (
            ("侗族大歌音频", "recordings of Dong choral songs", "minutes", "min", 95),
            ("苗绣纹样", "Miao embroidery patterns", "patterns", "patterns", 640),
            ("村超赛事统计", "village football statistics", "matches", "matches", 36),
            ("博物馆藏品影像", "images of museum objects", "images", "images", 2100),
        ),
    ),
    "S": Words(
        ("公共数据运营", "政务信息技术"),
        (
            ("公共停车泊位", "public parking spaces", "spaces", "spaces", 1900),
            ("市场主体年报公示", "published annual reports of firms", "reports", "reports", 3300),
            ("政务热线诉求分类", "requests to the service hotline by class", "requests", "requests", 720),
        ),
    ),
    "T": Words(
        ("国际数据合作", "跨境信息"),
        (
            ("东盟农产品关税", "ASEAN farm tariffs", "tariff_percent", "%", 5),
            ("跨境物流时效", "cross-border delivery times", "hours", "h", 71),
            ("国际学术会议", "international conferences", "events", "events", 18),
        ),
    ),
}
"""By lettered section."""
