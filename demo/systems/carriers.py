"""孵化载体和平台统计表: platforms."""

from __future__ import annotations

from datetime import date, datetime, time

from demo import dirt, words
from demo.city import day_between
from demo.endpoint import Endpoint
from demo.register import Register, Row, setting


class PlatformForms(Register):
    source, record, key = "carriers", "platform", ("平台编号",)
    breaks = (
        ("code:level", setting("级别", value="区级")),
        ("range:service_hours", setting("有效工作机时", value=-20.0)),
        ("type:area_m2", setting("场地面积", value="约两千")),
        ("required:name", setting("平台名称", value=None)),
    )
    conflicting = {"人员数": 1}

    def size(self) -> int:
        return self.city.scaled(320, 12)

    def changed(self, slot: int) -> datetime:
        return datetime.combine(date(2026, 6, 30), time())

    def row(self, slot: int) -> Row:
        today = self.city.today
        rng = self.city.rng("platform", slot)
        kind = rng.choices(list(words.PLATFORM_TYPES), list(words.PLATFORM_TYPES.values()))[0]
        while True:
            host = self.city.institution(rng.randrange(self.city.count("institution")))
            if host.kind == "firm" or (kind != "企业技术中心" and host.kind in ("university", "institute")):
                break
        industry = host.industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        discipline = rng.choice(words.INDUSTRIES[industry])
        incubates = kind in ("科技企业孵化器", "众创空间", "加速器")
        hours = 0.0 if incubates else round(rng.uniform(120, 2600), 1)
        level = rng.choices(("国家级", "省级", "市级"), (12, 43, 45))[0]
        return {
            "平台编号": f"PT{slot + 1:05d}",
            "平台名称": dirt.typed_name(rng, f"示范{discipline}{kind}（{self.city.mark(slot + 11)}）"),
            "平台类型": kind,
            "级别": level,
            "依托单位": dirt.spelling(rng, host, today),
            "依托单位统一社会信用代码": None if rng.random() < 0.05 else dirt.typed_code(rng, host.credit_code),
            "重点产业": industry,
            "技术领域": discipline,
            "区县代码": dirt.typed_digits(rng, host.district),
            "开发区代码": host.zone,
            "地址": f"西安市{words.DISTRICTS[host.district][0]}示范大道{rng.randint(1, 999)}号",
            "认定日期": day_between(
                rng, min(max(host.established, date(2008, 1, 1)), date(2025, 12, 1)), date(2025, 12, 31)
            ).isoformat(),
            "统计年度": 2025,
            "场地面积": round(rng.lognormvariate(7.2, 0.9), 1),
            "有效工作机时": hours,
            "对外服务机时": round(hours * rng.uniform(0, 0.45), 1),
            "仪器设备原值": 0.0 if incubates else round(rng.lognormvariate(8.6, 1.1), 1),
            "总收入": round(rng.lognormvariate(8.2, 1.2), 1),
            "财政补助": round(rng.lognormvariate(6.2, 0.9), 1) if rng.random() < 0.6 else 0.0,
            "人员数": rng.randint(5, 180),
            "在孵企业数": rng.randint(5, 120) if incubates else None,
            "绩效评价得分": round(rng.uniform(52, 98), 1),
            "状态": rng.choices(("运行", "整改", "撤销"), (93, 5, 2))[0],
        }


REGISTERS = (PlatformForms,)
ENDPOINTS = (
    Endpoint(
        "/carriers/platforms",
        PlatformForms,
        paging="offset",
        items="rows",
        total="count",
        page_param="offset",
        size_param="limit",
        since=None,
    ),
)
