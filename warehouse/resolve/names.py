"""Normal forms of institution names: what of a spelling can differ while the institution is the same.

Three forms, each coarser than the one before. `plain`: characters alone (width, blanks, punctuation, case, traditional
or simplified). `stem`: without the legal form of a company. `local`: without 西安 at its head, for companies and
institutes only: 电子科技大学 is in Chengdu and 西安电子科技大学 is not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

_TABLE = [t for t in (Path(__file__).parent / "traditional.txt").read_text("utf-8").splitlines() if t[:1] != "#"]
TO_SIMPLIFIED = str.maketrans("".join(_TABLE[::2]), "".join(_TABLE[1::2]))

_NO_LETTER = re.compile(r"[\W_]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LEGAL_FORM = re.compile(r"(股份有限责任公司|股份有限公司|有限责任公司|有限公司)$")
# Co., Ltd. and its kin at the end of an English name, blanks and dots gone
_ENGLISH_FORM = re.compile(r"(coltd|companylimited|corporation|limited|inc|ltd)$")
_HOME = re.compile(r"^西安市?")
_LOCAL_KIND = re.compile(r"(公司|集团|厂|中心|研究院|研究所|事务所)$")
_SCHOOL = re.compile(r"^(.+?(?:大学|学院))(.{1,14}(?:学院|系|学部|研究生院))$")
# A school that begins with a place, or stands behind a bracket, is a campus: its place is not the university's.
_CAMPUS = re.compile(
    "^(北京|上海|天津|重庆|深圳|珠海|广州|威海|青岛|烟台|大连|秦皇岛|盘锦|徐州|苏州|南京|无锡|常熟|泰州|扬州|宁波|杭州|舟山|温州|"
    "武汉|成都|遂宁|宜宾|厦门|泉州|福州|海南|三亚|西安|宝鸡|咸阳|延安|长沙|南昌|合肥|宣城|郑州|洛阳|唐山|保定|包头|克拉玛依|满洲里|香港|澳门)"
)
_BRACKET = re.compile(r"(?:大学|学院)\s*[（(]")
_NO_UNIVERSITY = re.compile(r"(科学院|工程院|研究院)$")
# What a school of a university is named after. Colleges named otherwise (城市学院, 明德学院, 现代学院) are mostly
# institutions of their own that only bear the university's name.
_DISCIPLINE = re.compile(
    "材料|机电|机械|计算机|软件|电子|信息|通信|电信|生命|生物|能源|动力|航天|航空|航海|化学|化工|物理|数学|统计|管理|经济|经贸|"
    "金融|商学院|法学|法律|政法|政治|马克思|马列|公共|行政|人文|文学|历史|文化|哲学|外国语|外语|英语|新闻|传播|传媒|教育|心理|"
    "体育|艺术|音乐|美术|设计|建筑|土木|水利|水电|环境|资源|地质|地理|地球|地学|测绘|交通|汽车|电气|自动化|控制|医学|药学|护理|"
    "公卫|口腔|临床|农学|林学|园艺|动物|植物|食品|理学院|工学院|社会|人口|旅游|会计|财政|财税|贸易|工商|情报|档案|民族|宗教|思想|"
    "研究生院|经管|财经|国际关系|人类学|考古|外文|知识产权|网络|大数据|智能|微电|光电|光学|仪器|核科学|力学|船舶|海洋|矿业|冶金|纺织|轻工|印刷|包装|安全|应急|物流|电影|戏剧"
)


@lru_cache(maxsize=400_000)
def plain(name: str) -> str:
    """The characters that count, as one key: NFKC, simplified, lower case, letters and digits only.

    >>> plain("西安(示範)宇荒 電子"), plain("Xi’an Jiao Tong University")
    ('西安示范宇荒电子', 'xianjiaotonguniversity')
    """
    return _NO_LETTER.sub("", unicodedata.normalize("NFKC", name).translate(TO_SIMPLIFIED).lower())


def stem(key: str) -> str:
    """A plain key without the legal form of a company.

    >>> stem("西安示范宇荒电子有限责任公司"), stem("shifanelectronicscoltd")
    ('西安示范宇荒电子', 'shifanelectronics')
    """
    short = (_LEGAL_FORM if is_chinese(key) else _ENGLISH_FORM).sub("", key)
    return short if len(short) >= 3 else key


def local(key: str) -> str:
    """The stem without 西安 at its head, for companies and institutes; the stem where that would leave too little.

    >>> local("西安示范宇荒电子有限公司"), local("西安电子科技大学")
    ('示范宇荒电子', '西安电子科技大学')
    """
    short = stem(key)
    if short == key and not _LOCAL_KIND.search(key):
        return short
    rest = _HOME.sub("", short)
    return rest if len(rest) >= 4 else short


def school_of(name: str) -> tuple[str, bool] | None:
    """Plain key of the university of which a name says a school, and whether the school surely is one: a department
    (系), or named after a discipline. None for a name that says no school, or one on a campus elsewhere.

    >>> school_of("西安交通大学管理学院"), school_of("西安交通大学城市学院"), school_of("西安交通大学")
    (('西安交通大学', True), ('西安交通大学', False), None)
    """
    found = _SCHOOL.match(plain(name))
    if found is None or _NO_UNIVERSITY.search(found[1]) or _CAMPUS.match(found[2]) or _BRACKET.search(name):
        return None
    return found[1], found[2].endswith("系") or bool(_DISCIPLINE.search(found[2]))


def is_chinese(text: str) -> bool:
    return bool(_CHINESE.search(text))


def likeness(a: str, b: str) -> float:
    """Share of the pairs of neighbouring characters that two keys have in common (Dice), 0 to 1."""
    first, second = _pairs(a), _pairs(b)
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _pairs(key: str) -> set[str]:
    return {key[i : i + 2] for i in range(len(key) - 1)}
