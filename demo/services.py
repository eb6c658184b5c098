"""Who serves the market and who is on its list only: the rule about service institutions, evaluated on what is true.

An institution of one of the four kinds that exists today is quiet if it served fewer than two times within the last
twelve months: brought a demand together with an achievement, or was paid with an innovation voucher. The plan names the
institutions and asks for services that are rated by use (sections 3.2 and 4.8); the threshold is the house's own.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from demo.city import City, years_after
from demo.money import Money
from demo.trade import Trade

LEAST_SERVICES = 2
NEARLY = 3  # so many and no more are a near miss


class Services:
    """Slice of the city: what its service institutions did."""

    def __init__(self, city: City):
        self.city = city

    def served(self) -> dict[int, list[date]]:
        """Institution → days up to today on which it served, by rows that no contract refuses."""
        from demo.systems.finance import Vouchers  # these know the slices
        from demo.systems.market import MatchForms

        today, trade, money = self.city.today, self.city.slice(Trade), self.city.slice(Money)
        found: dict[int, list[date]] = defaultdict(list)
        meetings, vouchers = self.city.slice(MatchForms), self.city.slice(Vouchers)
        for slot in filter(meetings.sound, range(meetings.size())):
            meeting = trade.meeting(slot)
            if meeting.service is not None and meeting.held <= today:
                found[meeting.service].append(meeting.held)
        for slot in filter(vouchers.sound, range(vouchers.size())):
            voucher = money.voucher(slot)
            last = voucher.last_on(today)
            if last:
                found[voucher.service.number].append(last)
        return found

    def truth(self) -> dict[str, Any]:
        """`services`: institutions on the list that served too little; near misses: just enough, or no more there."""
        from demo.systems.market_institutions import InstitutionForms, institution_no

        today = self.city.today
        start = years_after(today, -1)
        register = self.city.slice(InstitutionForms)
        entries: dict[int, list[str]] = defaultdict(list)
        for slot in filter(register.sound, range(register.size())):
            entries[register.entity(slot)[0]].append(f"market:institution:{institution_no(slot)}")
        quiet, near = [], []
        served = self.served()
        for number, records in entries.items():
            institution = self.city.institution(number)
            if institution.service_type is None:
                continue
            days = [day for day in served.get(number, ()) if day > start]
            there = institution.exists_on(today)
            item = {
                "kind": "quiet" if there else "gone",
                "institution": f"institution:{number}",
                "services": len(days),
                "records": records,
            }
            if there and len(days) < LEAST_SERVICES:
                quiet.append(item)
            elif len(days) <= NEARLY:
                near.append({**item, "kind": "just_enough"} if there else item)
        return {"services": quiet, "near_misses": {"services": near}}


SLICE = Services
