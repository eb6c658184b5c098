"""西安科技大市场: service institutions."""

from __future__ import annotations

from datetime import date, datetime

from demo import dirt, words
from demo.city import day_between
from demo.endpoint import ApiKey, Endpoint
from demo.register import Register, Row, setting, stamp_text

TYPES = {"university": "高等院校", "institute": "科研院所", "hospital": "科研院所", "firm": "企业"}


class InstitutionForms(Register):
    source, record, key = "market", "institution", ("institutionNo",)
    breaks = (
        ("required:name", setting("name", value=None)),
        ("code:institution_type", setting("type", value="其他机构")),
        ("range:staff_count", setting("staff", value=-5)),
        ("type:established_date", setting("established", value="2019-13-01")),
    )
    conflicting = {"staff": 1}

    def size(self) -> int:
        return self.city.scaled(900, 12)

    def changed(self, slot: int) -> datetime:
        return datetime.strptime(self.row(slot)["updatedAt"], "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007

    def row(self, slot: int) -> Row:
        today = self.city.today
        # one in fifty is an institution registered a second time under another slot and an older spelling
        twin = slot % 50 == 49
        i = self.city.institution(slot - 24 if twin else slot)
        name = i.name_on(today)
        rng = self.city.rng("institution form", slot)
        kind = i.service_type or TYPES[i.kind]
        service = i.kind == "service"
        return {
            "institutionNo": f"JG{slot + 1:06d}",
            "name": name.replace("有限公司", "有限责任公司") if twin else dirt.spelling(rng, i, today),
            "shortName": i.short_name if rng.random() < 0.4 else None,
            "formerNames": list(i.former_names(today)),
            "creditCode": None if rng.random() < 0.03 and not twin else dirt.typed_code(rng, i.credit_code),
            "type": kind,
            "industry": i.industry,
            "qualifications": [words.SERVICE_WORDS[kind][1]] if service and rng.random() < 0.7 else [],
            "rating": rng.choices("ABCD", (15, 45, 30, 10))[0] if service else None,
            "districtCode": dirt.typed_digits(rng, i.district),
            "zoneCode": i.zone,
            "address": f"西安市{words.DISTRICTS[i.district][0]}示范大道{rng.randint(1, 999)}号",
            "established": "0000-00-00" if rng.random() < 0.01 else i.established.isoformat(),
            "staff": i.staff,
            "active": rng.random() > 0.02,
            "updatedAt": stamp_text(
                dirt.moment(
                    rng,
                    day_between(rng, max(min(i.established, date(2026, 6, 1)), date(2020, 1, 1)), date(2026, 6, 30)),
                )
            ),
        }


REGISTERS = (InstitutionForms,)
ENDPOINTS = (
    Endpoint(
        "/market/institutions",
        InstitutionForms,
        paging="cursor",
        items="items",
        total="page.total",
        next="page.next",
        page_param="cursor",
        size_param="limit",
        since=None,
        auth=ApiKey("MARKET_KEY"),
    ),
)
