"""The plan's own figures, and what became of them.

Every figure of 2020 and every target of 2025 is the plan's (市政发〔2022〕1号, boxes 1, 2, 3 and 12, sections 1.1, 3.2
and 4.3), whatever the scale of the city. The years after 2020, the shares of districts, zones and departments, and the
states of the tasks are invented and marked 演示值.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from demo import words
from demo.city import City
from demo.quiet import quiet

PLAN = "西安市“十四五”科技创新发展规划"
PLAN_NUMBER = "市政发〔2022〕1号"
ISSUED = date(2022, 1, 4)
CITY_UNIT = ("610100", "西安市")
UNALLOCATED = ("000000", "未分配")
FLOOR, GROWTH, STOCK, FLOW, CUMULATIVE, NO_BASELINE = "保底", "增长", "存量", "年度流量", "累计", "无基线"
CITY, DEPARTMENT, DISTRICT, ZONE = "全市", "部门", "区县", "开发区"

DEPARTMENTS = {
    "D01": "市科技局",
    "D02": "市发展改革委",
    "D03": "市工业和信息化局",
    "D04": "市财政局",
    "D05": "市人力资源社会保障局",
    "D06": "市教育局",
    "D07": "市市场监管局",
    "D08": "市农业农村局",
    "D09": "市卫生健康委",
    "D10": "市金融工作局",
    "D11": "市统计局",
    "D12": "市国资委",
}


@dataclass(frozen=True)
class Indicator:
    """One indicator. `digits`: decimals it is published with; `parts`: dimensions whose parts sum to the city."""

    code: str
    name: str
    unit: str
    mode: str
    base: float | None
    target: float | None
    section: str
    department: str
    definition: str
    denominator: str = ""
    digits: int = 0
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mention:
    """One place of the plan that names a figure of an indicator, in the plan's own words."""

    code: str
    section: str
    kind: str
    year: int
    value: float
    quote: str


@dataclass(frozen=True)
class Value:
    """One published figure. `version` counts the revisions of what is otherwise the same figure."""

    indicator: Indicator
    year: int
    dimension: str
    unit_code: str
    unit_name: str
    value: float
    denominator_code: str
    definition: str
    denominator: str
    publisher: str
    document: str
    kind: str
    version: int
    published: date


@dataclass(frozen=True)
class Target:
    """What an indicator shall reach, by the city or by one that answers for a part; versions by document and date."""

    indicator: Indicator
    year: int
    dimension: str
    unit_code: str
    unit_name: str
    baseline: float | None
    target: float
    document: str
    document_number: str
    section: str
    issued: date
    version: int
    kind: str


@dataclass(frozen=True)
class Task:
    """One task of the plan and everything that ever happens to it. `reports`: (day, percent done), ascending."""

    number: int
    title: str
    section: str
    department: str
    helpers: tuple[str, ...]
    district: str | None
    zone: str | None
    owner: str
    indicator: str | None
    start: date
    due: date
    reports: tuple[tuple[date, int], ...]
    completed: date | None

    def progress(self, day: date) -> int:
        return max((percent for at, percent in self.reports if at <= day), default=0)

    def state(self, day: date) -> str:
        """As its department reports it: nobody reports that he is late."""
        if self.completed and self.completed <= day:
            return "已完成"
        return "进行中" if self.start <= day else "未启动"


ALL = (DEPARTMENT, DISTRICT, ZONE)
PLACES = (DISTRICT, ZONE)
_PLAN_OF = "《规划》专栏1口径"

INDICATORS: tuple[Indicator, ...] = (
    # 专栏1, in its order
    Indicator("I01", "全社会R&D经费支出占GDP比重", "%", FLOOR, 5.05, 5, "专栏1", "D01", _PLAN_OF, "地区生产总值", 2),
    Indicator(
        "I02", "每万人高价值发明专利拥有量", "件", NO_BASELINE, None, 12, "专栏1", "D07", _PLAN_OF, "常住人口", 2
    ),
    Indicator(
        "I03", "规上工业企业中有研发活动企业占比", "%", GROWTH, 40.09, 50, "专栏1", "D11", _PLAN_OF, "规上工业企业数", 2
    ),
    Indicator(
        "I04",
        "规上工业企业战略性新兴产业总值占工业总产值比重",
        "%",
        GROWTH,
        46.9,
        50,
        "专栏1",
        "D03",
        _PLAN_OF,
        "规上工业总产值",
        1,
    ),
    Indicator("I05", "市级以上新型研发机构数", "家", STOCK, 5, 100, "专栏1", "D01", _PLAN_OF, parts=ALL),
    Indicator("I06", "技术合同交易额", "亿元", FLOW, 1648, 2000, "专栏1", "D01", _PLAN_OF, digits=2, parts=ALL),
    Indicator("I07", "国家高新技术企业数", "家", STOCK, 5212, 10000, "专栏1", "D01", _PLAN_OF, parts=ALL),
    Indicator("I08", "科技型中小企业累计入库数", "家", CUMULATIVE, 6135, 12000, "专栏1", "D01", _PLAN_OF, parts=ALL),
    # other targets of 2025
    Indicator("I09", "国家备案众创空间数", "家", STOCK, 71, 90, "第三章第二节", "D01", "经国家备案", parts=PLACES),
    Indicator("I10", "国家级科技企业孵化器数", "家", STOCK, 24, 30, "第三章第二节", "D01", "经国家认定", parts=PLACES),
    Indicator("I11", "科技创新成果对接活动场次", "场", FLOW, None, 100, "专栏2", "D01", "每年组织的对接活动"),
    Indicator(
        "I12",
        "领域类国家级技术创新中心、制造业创新中心数",
        "家",
        STOCK,
        None,
        2,
        "专栏3",
        "D02",
        "争创并获批的国家级中心",
    ),
    Indicator("I13", "市级以上技术转移示范机构数", "家", STOCK, None, 150, "专栏3", "D01", "引进培育的示范机构"),
    Indicator("I14", "创新型领军企业累计支持数", "家", CUMULATIVE, None, 100, "专栏12", "D01", "累计支持的优势企业"),
    Indicator(
        "I15",
        "规上企业内设研发机构覆盖率",
        "%",
        STOCK,
        None,
        100,
        "第四章第三节",
        "D03",
        "规划要求全覆盖，隐含目标100%",
        "规上企业数",
        1,
    ),
    # where the 13th plan ended (section 1.1): no target
    Indicator("S01", "省级以上重点实验室数", "家", STOCK, 164, None, "第一章第一节", "D01", "“十三五”末存量"),
    Indicator("S02", "工程技术研究中心数", "家", STOCK, 154, None, "第一章第一节", "D01", "“十三五”末存量"),
    Indicator("S03", "企业技术中心数", "家", STOCK, 237, None, "第一章第一节", "D03", "“十三五”末存量"),
    Indicator("S04", "各类人才总量", "万人", STOCK, 344, None, "第一章第一节", "D05", "“十三五”末存量"),
    Indicator("S05", "两院院士数", "人", STOCK, 60, None, "第一章第一节", "D01", "“十三五”末存量"),
    Indicator("S06", "享受国务院特殊津贴专家数", "人", STOCK, 226, None, "第一章第一节", "D05", "“十三五”末存量"),
    Indicator("S07", "国家专精特新“小巨人”企业数", "家", STOCK, 37, None, "第一章第一节", "D03", "“十三五”末存量"),
    Indicator("S08", "国家级制造业单项冠军企业数", "家", STOCK, 3, None, "第一章第一节", "D03", "“十三五”末存量"),
    Indicator("S09", "科创板累计上市企业数", "家", CUMULATIVE, 5, None, "第一章第一节", "D10", "“十三五”末累计"),
    Indicator("S10", "市级以上众创载体数", "家", STOCK, 285, None, "第一章第一节", "D01", "“十三五”末存量"),
    Indicator("S11", "国家双创示范基地数", "家", STOCK, 6, None, "第一章第一节", "D02", "“十三五”末存量"),
    Indicator("S12", "发明专利授权量", "件", FLOW, 34123, None, "第一章第一节", "D07", "2020年当年授权量"),
)
BY_CODE = {i.code: i for i in INDICATORS}

# Numerators and denominators of the ratios: the plan gives none of them, so all are invented, 2020 included. In 2020
# they give the plan's ratios when rounded.
COMPONENTS: tuple[Indicator, ...] = (
    Indicator("C01", "全社会R&D经费支出", "亿元", FLOW, 506.03, None, "", "D11", "演示用分子", digits=2, parts=PLACES),
    Indicator("C02", "地区生产总值", "亿元", FLOW, 10020.4, None, "", "D11", "演示用分母", digits=2, parts=PLACES),
    Indicator("C03", "有研发活动的规上工业企业数", "家", STOCK, 643, None, "", "D11", "演示用分子", parts=PLACES),
    Indicator("C04", "规上工业企业数", "家", STOCK, 1604, None, "", "D11", "演示用分母", parts=PLACES),
)

MENTIONS: tuple[Mention, ...] = (
    *(
        Mention(i.code, "专栏1", kind, year, value, f"{i.name} {i.unit}")
        for i in INDICATORS[:8]
        for kind, year, value in (("基期值", 2020, i.base), ("目标值", 2025, i.target))
        if value is not None
    ),
    Mention("I01", "第一章第一节", "基期值", 2020, 5.05, "全市研发经费（R&D）支出占 GDP 比重达 5.05%"),
    Mention("I06", "第一章第一节", "基期值", 2020, 1648, "2020 年技术合同交易额达 1648 亿元"),
    Mention("I07", "第一章第一节", "基期值", 2020, 5212, "国家高新技术企业达到 5212 家"),
    Mention("I08", "第一章第一节", "基期值", 2020, 6135, "入库科技型中小企业 6135 家"),
    Mention("I09", "第一章第一节", "基期值", 2020, 71, "国家备案众创空间 71 家"),
    Mention("I10", "第一章第一节", "基期值", 2020, 24, "国家级科技企业孵化器 24 家"),
    Mention("I09", "第三章第二节", "目标值", 2025, 90, "建成国家备案众创空间90家"),
    Mention("I10", "第三章第二节", "目标值", 2025, 30, "国家级科技企业孵化器30家"),
    Mention("I05", "专栏2", "目标值", 2025, 100, "到 2025 年，建设市级以上新型研发机构 100 家"),
    Mention("I11", "专栏2", "目标值", 2025, 100, "每年组织不少于 100 场对接活动"),
    Mention("I12", "专栏3", "目标值", 2025, 2, "争创领域类国家级技术创新中心、制造业创新中心 2 家"),
    Mention("I13", "专栏3", "目标值", 2025, 150, "引进培育市级以上技术转移示范机构 150 家"),
    Mention("I15", "第四章第三节", "隐含目标", 2025, 100, "推动规上企业内设研发机构全覆盖"),
    Mention("I07", "专栏12", "目标值", 2025, 10000, "全市国家高新技术企业达 10000 家"),
    Mention("I08", "专栏12", "目标值", 2025, 12000, "科技型中小企业累计入库 12000 家"),
    Mention("I14", "专栏12", "目标值", 2025, 100, "到 2025 年，累计支持百家优势企业"),
    Mention("S01", "第一章第一节", "基期值", 2020, 164, "省级以上重点实验室 164 家"),
    Mention("S02", "第一章第一节", "基期值", 2020, 154, "工程技术研究中心 154 家"),
    Mention("S03", "第一章第一节", "基期值", 2020, 237, "企业技术中心 237 家"),
    Mention("S04", "第一章第一节", "基期值", 2020, 344, "拥有各类人才 344 万人"),
    Mention("S05", "第一章第一节", "基期值", 2020, 60, "两院院士 60 人"),
    Mention("S06", "第一章第一节", "基期值", 2020, 226, "享受国务院特殊津贴专家 226 人"),
    Mention("S07", "第一章第一节", "基期值", 2020, 37, "认定国家专精特新“小巨人”企业 37 家"),
    Mention("S08", "第一章第一节", "基期值", 2020, 3, "国家级制造业单项冠军企业 3 家"),
    Mention("S09", "第一章第一节", "基期值", 2020, 5, "科创板累计上市企业 5 家"),
    Mention("S10", "第一章第一节", "基期值", 2020, 285, "拥有市级以上众创载体 285 家"),
    Mention("S11", "第一章第一节", "基期值", 2020, 6, "6 家单位入选国家双创示范基地"),
    Mention("S12", "第一章第一节", "基期值", 2020, 34123, "发明专利授权量达 34123 件"),
    # constants of projects that the plan names
    Mention("K01", "专栏4", "项目常数", 2022, 100, "规划用地 100 亩"),
    Mention("K02", "专栏4", "项目常数", 2022, 15, "建设总投资 15 亿元"),
    Mention("K03", "专栏4", "项目常数", 2022, 5, "装置主体建设周期 5 年"),
    Mention("K04", "专栏13", "项目常数", 2022, 220, "总规划面积 220 平方公里"),
    Mention("K05", "专栏13", "项目常数", 2022, 50.5, "中央创新区规划面积 50.5 平方公里"),
    Mention("K06", "专栏13", "项目常数", 2022, 21.82, "生态文创区规划面积 21.82 平方公里"),
    Mention("K07", "专栏13", "项目常数", 2022, 147.7, "硬科技产业区规划面积 147.7 平方公里"),
)
CONSTANTS = {
    "K01": ("电磁驱动聚变项目规划用地", "亩"),
    "K02": ("电磁驱动聚变项目总投资", "亿元"),
    "K03": ("电磁驱动聚变项目主体建设周期", "年"),
    "K04": ("丝路科学城总规划面积", "平方公里"),
    "K05": ("丝路科学城中央创新区规划面积", "平方公里"),
    "K06": ("丝路科学城生态文创区规划面积", "平方公里"),
    "K07": ("丝路科学城硬科技产业区规划面积", "平方公里"),
}

LATER_MENTIONS: tuple[Mention, ...] = (
    Mention("I06", "目标调整表", "目标值", 2025, 4700, "技术合同交易额调整为4700亿元（演示）"),
    Mention("I06", "目标调整表", "目标值", 2026, 5100, "技术合同交易额达到5100亿元（演示）"),
    Mention("I07", "目标调整表", "目标值", 2025, 16000, "高新技术企业调整为16000家（演示）"),
    Mention("I07", "目标调整表", "目标值", 2026, 17500, "高新技术企业达到17500家（演示）"),
)

# Publications: (year of the figures, day). The figures of a year come out in the March after it.
FIRST, LAST = 2020, 2030
REVISED = date(2025, 11, 20)  # the mid-term check
REVISED_AGAIN = date(2026, 7, 20)
ADJUSTED = date(2025, 5, 20)  # targets of 2025 that a later document set higher
ADJUSTING, ADJUSTING_NUMBER = "西安市科技创新目标调整方案（演示）", "演示〔2025〕1号"
ADJUSTMENTS = {"I06": 4700, "I07": 16000}

# Departments that share an indicator in percent; the rest is not allocated.
_DEPARTMENT_SHARES = {
    "I05": {"D01": 55, "D02": 20, "D03": 15, "D06": 6},
    "I06": {"D01": 50, "D06": 24, "D03": 14, "D12": 9},
    "I07": {"D01": 68, "D03": 18, "D12": 6, "D08": 4},
    "I08": {"D01": 72, "D03": 16, "D08": 5, "D10": 3},
}
_ZONE_SHARES = {
    "610131": 38,
    "610132": 11,
    "610133": 4,
    "610136": 5,
    "610139": 3,
    "610140": 6,
    "610141": 4,
    "610150": 9,
}

# Title, section, department, helpers, due, owner besides the department. In the words of the plan.
_CITY_TASKS: tuple[tuple[str, str, str, tuple[str, ...], date, str], ...] = (
    ("推动西咸新区秦创原“总窗口”建设", "第三章第一节", "D01", ("D02",), date(2025, 12, 31), "秦创原工作专班"),
    ("建设国家备案众创空间和国家级科技企业孵化器", "第三章第二节", "D01", ("D03",), date(2025, 12, 31), ""),
    ("建设新型研发机构集群", "专栏2", "D01", ("D02", "D03"), date(2025, 12, 31), "秦创原工作专班"),
    ("制定市级新型研发机构认定标准", "专栏2", "D01", (), date(2022, 12, 31), ""),
    ("组织科技创新成果对接活动", "专栏2", "D01", ("D06",), date(2025, 12, 31), ""),
    ("争创领域类国家级技术创新中心、制造业创新中心", "专栏3", "D02", ("D01", "D03"), date(2025, 12, 31), ""),
    ("引进培育市级以上技术转移示范机构", "专栏3", "D01", (), date(2025, 12, 31), ""),
    ("搭建场景机会清单信息发布平台", "专栏3", "D01", ("D02",), date(2023, 12, 31), ""),
    ("建成运行国家超算（西安）中心", "专栏4", "D02", ("D01",), date(2023, 12, 31), "重大设施工作专班"),
    ("推动建成高精度地基授时系统", "专栏4", "D02", ("D01",), date(2025, 12, 31), "重大设施工作专班"),
    ("推动建成国家分子医学转化科学中心", "专栏4", "D02", ("D09",), date(2024, 12, 31), "重大设施工作专班"),
    ("优先布局建设先进阿秒光源", "专栏4", "D02", ("D01",), date(2026, 6, 30), "重大设施工作专班"),
    ("建设电磁驱动聚变项目", "专栏4", "D02", ("D01",), date(2027, 12, 31), "重大设施工作专班"),
    ("滚动编制重大技术攻关清单", "第四章第二节", "D01", ("D03",), date(2025, 12, 31), ""),
    ("组织光子产业链关键核心技术攻关", "专栏5", "D01", ("D03",), date(2025, 12, 31), "光子产业链长"),
    ("组织新能源汽车产业链关键核心技术攻关", "专栏6", "D03", ("D01",), date(2025, 12, 31), "新能源汽车产业链长"),
    ("组织航空航天产业链关键核心技术攻关", "专栏7", "D03", ("D01",), date(2025, 12, 31), "航空产业链长"),
    ("组织智能电力装备产业链关键核心技术攻关", "专栏8", "D03", ("D01",), date(2025, 12, 31), "电力装备产业链长"),
    ("组织稀有金属材料产业链关键核心技术攻关", "专栏9", "D03", ("D01",), date(2025, 12, 31), "钛及钛合金产业链长"),
    ("组织太阳能光伏产业链关键核心技术攻关", "专栏10", "D03", ("D01",), date(2025, 12, 31), "太阳能光伏产业链长"),
    ("组织生物医药产业链关键核心技术攻关", "专栏11", "D03", ("D09",), date(2025, 12, 31), "生物医药产业链长"),
    ("建立高新技术企业培育库", "专栏12", "D01", (), date(2022, 12, 31), ""),
    ("实施创新型领军企业百强工程", "专栏12", "D01", ("D12",), date(2025, 12, 31), ""),
    ("建立硬科技企业上市储备企业资源库", "专栏12", "D10", ("D01",), date(2023, 6, 30), ""),
    ("推动规上企业内设研发机构全覆盖", "第四章第三节", "D03", ("D01", "D11"), date(2025, 12, 31), ""),
    ("组织实施“西安英才计划”", "第四章第四节", "D05", ("D01",), date(2025, 12, 31), ""),
    ("建立产业急需紧缺人才目录制度", "第四章第四节", "D05", ("D01",), date(2023, 12, 31), ""),
    ("建设丝路科学城", "专栏13", "D02", ("D01",), date(2026, 7, 15), "丝路科学城工作专班"),
    ("推进西咸科技创新一体化", "第四章第七节", "D02", ("D01",), date(2025, 12, 31), ""),
    ("认定西安市国际科技合作基地", "专栏15", "D01", (), date(2024, 12, 31), ""),
    ("建设国家西安科创金融改革创新试验区", "第四章第八节", "D10", ("D01", "D04"), date(2025, 12, 31), ""),
    ("做优西安科技创新发展基金群", "第四章第八节", "D04", ("D10",), date(2025, 12, 31), ""),
    ("布局西安知识产权运营服务中心", "第四章第八节", "D07", (), date(2024, 6, 30), ""),
    ("建设西安“科技大脑”", "第五章第二节", "D01", (), date(2026, 12, 31), ""),
    ("建设科研诚信与科技监督信息系统", "第五章第三节", "D01", (), date(2024, 12, 31), ""),
    ("实施财政资金“拨改投”改革", "第六章第二节", "D04", ("D01",), date(2025, 12, 31), ""),
    ("开展规划实施中期评估", "第六章第四节", "D01", ("D02", "D11"), date(2023, 12, 31), ""),
)
_DISTRICT_TASKS = (
    ("落实{}特色发展任务", "第四章第六节", "D01"),
    ("建设{}科技服务平台", "第四章第六节", "D01"),
    ("组织{}“科创西安”系列活动", "专栏17", "D01"),
)
_ZONE_TASKS = (
    ("建设{}示范区重点载体", "第四章第五节", "D02"),
    ("推动{}科技园区提质增效", "第四章第五节", "D01"),
    ("建设{}国际科技合作载体", "专栏15", "D01"),
)
_SHARED = ("I05", "I06", "I07", "I08")  # indicators handed down to districts and zones as tasks of their own


class Plan:
    """The figures, targets and tasks of one city, as far as they are published by its day."""

    def __init__(self, city: City):
        self.city = city

    # -- figures --------------------------------------------------------------------------------------------------

    def publications(self) -> list[date]:
        """Days on which figures come out, ascending, up to the city's day."""
        yearly = [date(year + 1, 3, 25) for year in range(FIRST + 1, LAST)]
        return sorted(d for d in (ISSUED, *yearly, REVISED, REVISED_AGAIN) if d <= self.city.today)

    @cached_property
    def values(self) -> Sequence[Value]:
        """Every figure published by the city's day, in the order of publication."""
        found = [v for day in self.publications() for v in self.published(day)]
        return tuple(found)

    def published(self, day: date) -> Iterator[Value]:
        """The figures of one publication."""
        if day == REVISED:
            yield from self._revision(("I06", 2023, 1.012), ("I07", 2024, 0.994), day=day, version=2)
        elif day == REVISED_AGAIN:
            yield from self._revision(("I06", 2025, 0.991), ("I08", 2025, 1.004), day=day, version=2)
        else:
            year = FIRST if day == ISSUED else day.year - 1
            for indicator in (*INDICATORS, *COMPONENTS):
                yield from self._figures(indicator, year, day)
            yield from (self._stray(stray, year, day) for stray in _STRAYS.get(year, ()))
            if year > FIRST:
                yield from self._self_reports(year, day)

    def figure(self, code: str, year: int) -> float | None:
        """The city's figure of a year as first published; None where there is none."""
        indicator = next(i for i in (*INDICATORS, *COMPONENTS) if i.code == code)
        if year == FIRST:
            return indicator.base
        if code in _NUMERATORS:  # numerators follow from ratio and denominator, so that both publish the same ratio
            ratio, below = _NUMERATORS[code]
            denominator = self.figure(below, year)
            assert denominator is not None
            return _rounded(self._path(BY_CODE[ratio])[year - FIRST - 1] * denominator / 100, indicator.digits)
        if code in _RATIOS:
            above, under = (self.figure(part, year) for part in _RATIOS[code])
            assert above is not None and under
            return _rounded(100 * above / under, indicator.digits)
        return self._path(indicator)[year - FIRST - 1]

    def _path(self, indicator: Indicator) -> list[float]:
        """Figures of 2021 on. A fate of its own: some targets are met years early, some are missed."""
        rng = self.city.rng(f"indicator {indicator.code}", 0)
        start, target = indicator.base, indicator.target
        if start is None:
            start = (target or 0) * rng.uniform(0.15, 0.5)
        if target is None:
            target = start * rng.uniform(1.15, 1.5)
        elif indicator.mode == FLOOR:
            target = start * rng.uniform(0.97, 1.08)
        else:
            target = start + (target - start) * rng.choice((0.75, 0.95, 1.02, 1.5))
        steps = [rng.uniform(0.6, 1.4) for _ in range(FIRST, LAST)]
        total, done, found = sum(steps[:5]), 0.0, []
        for step in steps:
            done += step
            found.append(_rounded(start + (target - start) * done / total, indicator.digits))
        return [min(v, 100.0) for v in found] if indicator.unit == "%" else found

    def _figures(self, indicator: Indicator, year: int, day: date) -> Iterator[Value]:
        figure = self.figure(indicator.code, year)
        if figure is None or (year == FIRST and indicator.base is None):
            return
        own = year == FIRST and indicator.code[0] in "IS"
        document = f"{PLAN}（{PLAN_NUMBER}）" if own else f"{DEPARTMENTS[indicator.department]}{year}年统计（演示）"
        kind = "规划公布值" if own else "演示值"
        publisher = "市政府" if own else DEPARTMENTS[indicator.department]

        def value(dimension: str, unit: tuple[str, str], number: float) -> Value:
            first = dimension == CITY
            return Value(
                indicator,
                year,
                dimension,
                *unit,
                number,
                "A",
                indicator.definition,
                indicator.denominator,
                publisher if first else DEPARTMENTS[indicator.department],
                document if first else f"{DEPARTMENTS[indicator.department]}{year}年任务分解（演示）",
                kind if first else "演示值",
                1,
                day,
            )

        yield value(CITY, CITY_UNIT, figure)
        for dimension in indicator.parts:
            for unit, number in self.shares(indicator, dimension, figure):
                yield value(dimension, unit, number)

    def shares(self, indicator: Indicator, dimension: str, total: float) -> list[tuple[tuple[str, str], float]]:
        """The parts of a figure in one dimension, 未分配 last; they sum to it exactly, in its own decimals."""
        weights = _weights(dimension, indicator, self.city.rng(f"shares {indicator.code} {dimension}", 0))
        scale = 10**indicator.digits
        whole = round(total * scale)
        parts = [int(whole * weight) for weight in weights.values()]
        numbers = [*parts, whole - sum(parts)]
        units = [*((code, _unit_name(dimension, code)) for code in weights), UNALLOCATED]
        return [(unit, n / scale if indicator.digits else n) for unit, n in zip(units, numbers, strict=True)]

    def _revision(self, *revised: tuple[str, int, float], day: date, version: int) -> Iterator[Value]:
        """Revised figures with their parts: the department's own reports were late."""
        for code, year, factor in revised:
            indicator = BY_CODE[code]
            figure = self.figure(code, year)
            assert figure is not None
            figure = _rounded(figure * factor, indicator.digits)
            units: list[tuple[str, tuple[str, str], float]] = [(CITY, CITY_UNIT, figure)]
            for dimension in indicator.parts:
                units += [(dimension, unit, n) for unit, n in self.shares(indicator, dimension, figure)]
            for dimension, unit, number in units:
                yield Value(
                    indicator,
                    year,
                    dimension,
                    *unit,
                    number,
                    "A",
                    indicator.definition,
                    indicator.denominator,
                    DEPARTMENTS[indicator.department],
                    f"{DEPARTMENTS[indicator.department]}{year}年数据核定（演示）",
                    "演示值",
                    version,
                    day,
                )

    def _stray(self, stray: tuple[str, str, str, str, float], year: int, day: date) -> Value:
        code, denominator_code, denominator, publisher, factor = stray
        indicator = BY_CODE[code]
        figure = self.figure(code, year)
        assert figure is not None
        return Value(
            indicator,
            year,
            CITY,
            *CITY_UNIT,
            _rounded(figure * factor, indicator.digits),
            denominator_code,
            "分母不同，不可并入同一序列" if denominator_code != "A" else indicator.definition,
            denominator or indicator.denominator,
            publisher,
            f"{year}年{publisher}发布（演示）",
            "演示值",
            1,
            day,
        )

    def _self_reports(self, year: int, day: date) -> Iterator[Value]:
        """What the districts say themselves of one stock: it does not add up to the city's figure."""
        indicator = BY_CODE[SELF_REPORTED]
        rng = self.city.rng("self-reports", year)
        for code, (name, share) in words.DISTRICTS.items():
            yield Value(
                indicator,
                year,
                DISTRICT,
                code,
                name,
                round((self.figure(indicator.code, year) or 0) * share / 100 * rng.uniform(0.9, 1.4)),
                "A",
                "区县自报，未经核定",
                "",
                "区县自报",
                f"{year}年区县自报（演示）",
                "演示值",
                1,
                day,
            )

    # -- targets --------------------------------------------------------------------------------------------------

    @cached_property
    def targets(self) -> Sequence[Target]:
        """Targets by document, then indicator; parts of a target sum to it exactly."""
        found: list[Target] = []
        for indicator in INDICATORS:
            if indicator.target is None:
                continue
            found += self._target(indicator, indicator.target, ISSUED, 1)
        found += [self._half_way(i) for i in INDICATORS[:8]]
        if self.city.today >= ADJUSTED:
            for code, target in ADJUSTMENTS.items():
                found += self._target(BY_CODE[code], target, ADJUSTED, 2)
        return tuple(found)

    def _half_way(self, indicator: Indicator) -> Target:
        """What the mid-term review asked of 2023; invented."""
        start = indicator.base or 0
        assert indicator.target is not None
        return Target(
            indicator,
            2023,
            CITY,
            *CITY_UNIT,
            indicator.base,
            _rounded(start + (indicator.target - start) * 0.6, indicator.digits),
            "规划中期评估（演示）",
            "演示〔2023〕2号",
            "中期目标",
            date(2023, 3, 31),
            1,
            "演示值",
        )

    def _target(self, indicator: Indicator, target: float, issued: date, version: int) -> Iterator[Target]:
        own = version == 1
        document = PLAN if own else ADJUSTING
        number = PLAN_NUMBER if own else ADJUSTING_NUMBER
        section = indicator.section if own else "目标调整表"
        kind = "规划公布值" if own else "演示值"
        yield Target(
            indicator, 2025, CITY, *CITY_UNIT, indicator.base, target, document, number, section, issued, version, kind
        )
        for dimension in indicator.parts:
            bases = dict(self.shares(indicator, dimension, indicator.base)) if indicator.base is not None else {}
            for unit, part in self.shares(indicator, dimension, target):
                yield Target(
                    indicator,
                    2025,
                    dimension,
                    *unit,
                    bases.get(unit),
                    part,
                    document,
                    number,
                    "任务分解表（演示）",
                    issued,
                    version,
                    "演示值",
                )

    # -- tasks ----------------------------------------------------------------------------------------------------

    @cached_property
    def tasks(self) -> Sequence[Task]:
        """All tasks of the plan; the same ones every day."""
        drafts: list[tuple[str, str, str, tuple[str, ...], date | None, str, str | None, str | None, str | None]] = []
        for title, section, department, helpers, due, owner in _CITY_TASKS:
            drafts.append((title, section, department, helpers, due, owner, None, None, None))
        places = [
            *((words.DISTRICTS[code][0], code, None) for code in words.DISTRICTS),
            *((words.ZONES[code][0], None, code) for code in words.ZONES),
        ]
        for name, district, zone in places:
            for title, section, department in _DISTRICT_TASKS if district else _ZONE_TASKS:
                drafts.append((title.format(name), section, department, (), None, "", district, zone, None))
            for code in _SHARED:
                indicator = BY_CODE[code]
                title = f"{name}完成{indicator.name}分解目标"
                drafts.append((title, "专栏1", indicator.department, (), None, "", district, zone, code))
        return tuple(self._task(n, *draft) for n, draft in enumerate(drafts))

    def _task(
        self,
        number: int,
        title: str,
        section: str,
        department: str,
        helpers: tuple[str, ...],
        due: date | None,
        owner: str,
        district: str | None,
        zone: str | None,
        indicator: str | None,
    ) -> Task:
        rng = self.city.rng("plan task", number)
        start = ISSUED + timedelta(days=rng.randint(10, 240))
        if due is None:  # ends of quarters, so that the city's own days lie before, at and after some of them
            year, (month, day) = rng.choice((2024, 2025, 2025, 2026, 2026)), rng.choice(((6, 30), (9, 30), (12, 31)))
            due = date(year, month, day)
        fate = 0.0 if quiet(number) else rng.random()
        if fate < 0.45:
            completed = due - timedelta(days=rng.randint(1, 150))
        elif fate < 0.63:
            completed = due
        elif fate < 0.85:
            completed = due + timedelta(days=rng.randint(1, 420))
        else:
            completed = None
        end = completed or due + timedelta(days=900)
        reports, at, percent = [], start + timedelta(days=rng.randint(30, 90)), 0
        while at < end:
            percent = min(95, max(percent, round(100 * (at - start).days / max(1, (end - start).days) / 5) * 5))
            reports.append((at, percent))
            at += timedelta(days=rng.randint(80, 110))
        if completed:
            reports.append((completed, 100))
        return Task(
            number,
            title,
            section,
            department,
            helpers,
            district,
            zone,
            owner,
            indicator,
            start,
            due,
            tuple(reports),
            completed,
        )

    # -- truth ----------------------------------------------------------------------------------------------------

    def truth(self) -> dict[str, object]:
        """`plan_tasks`: due before today and not completed, or completed after the due day (plan, section 6.4)."""
        late, near = [], []
        for task in self.tasks:
            found = {"task": task_number(task), "due": task.due.isoformat()}
            done = task.completed if task.completed and task.completed <= self.city.today else None
            if done and done > task.due:
                late.append({**found, "reason": "completed_late", "days": (done - task.due).days})
            elif not done and task.due < self.city.today:
                late.append({**found, "reason": "not_completed", "days": (self.city.today - task.due).days})
            elif done == task.due:
                near.append({**found, "reason": "completed_on_due_day"})
            elif not done and task.due == self.city.today:
                near.append({**found, "reason": "due_today"})
        return {"plan_tasks": late, "near_misses": {"plan_tasks": near}}


def task_number(task: Task) -> str:
    return f"RW{task.number + 1:04d}"


# Ratios that follow from two components after 2020, and the numerators that follow from ratio and denominator.
_RATIOS = {"I01": ("C01", "C02"), "I03": ("C03", "C04")}
_NUMERATORS = {"C01": ("I01", "C02"), "C03": ("I03", "C04")}

# Figures nobody may add to the series: indicator, code and text of the denominator, publisher, factor on the figure.
SELF_REPORTED = "S10"
_STRAYS: dict[int, tuple[tuple[str, str, str, str, float], ...]] = {
    2022: (("I03", "B", "全部规上企业数", "市统计局", 0.53),),
    2023: (("I07", "A", "", "市统计局", 1.021),),
}


def _weights(dimension: str, indicator: Indicator, rng: random.Random) -> dict[str, float]:
    """Shares of the units of one dimension; what is missing to 1 is not allocated."""
    if dimension == DEPARTMENT:
        return {code: percent / 100 for code, percent in _DEPARTMENT_SHARES[indicator.code].items()}
    if dimension == ZONE:
        return {code: percent / 100 * rng.uniform(0.8, 1.1) for code, percent in _ZONE_SHARES.items()}
    drawn = {code: share * rng.uniform(0.7, 1.3) for code, (_, share) in words.DISTRICTS.items()}
    return {code: 0.98 * weight / sum(drawn.values()) for code, weight in drawn.items()}


def _rounded(number: float, digits: int) -> float:
    """As published: whole numbers are no decimals."""
    return round(number, digits) if digits else round(number)


def _unit_name(dimension: str, code: str) -> str:
    if dimension == DEPARTMENT:
        return DEPARTMENTS[code]
    return words.DISTRICTS[code][0] if dimension == DISTRICT else words.ZONES[code][0]


SLICE = Plan
