"""What the systems that the plan names deliver: how many rows of each record type, and how many of them are refused."""

from __future__ import annotations

from typing import Any

from demo.city import City

NAMED = ("pds", "market", "integrity")  # sections 5.2 and 5.3 of the plan


class Deliveries:
    """Slice of the city: its connectors."""

    def __init__(self, city: City):
        self.city = city

    def truth(self) -> dict[str, Any]:
        """`deliveries`: rows that a whole fetch of today brings, repeated ones included, and those of them that break
        their contract."""
        from demo import systems  # which know every slice

        return {
            "deliveries": [
                {
                    "source": source,
                    "record": record,
                    "delivered": register.total(),
                    "refused": sum(
                        reason is not None
                        for slot in range(register.size())
                        if not register.sound(slot)
                        for _, reason in register.deliveries(slot)
                    ),
                }
                for (source, record), register in systems.registers(self.city).items()
                if source in NAMED
            ]
        }


SLICE = Deliveries
