"""Registers of things that are not all there today: rubbish is planted by the number of a thing, at one slot of it."""

from __future__ import annotations

from demo.register import CONFLICT_AT, CONFLICT_EVERY, REPEAT_AT, REPEAT_EVERY, Register


class AnchoredRegister(Register):
    """`anchor` numbers one slot of a thing, which shows on every day; slots without a number carry nothing planted."""

    def anchor(self, slot: int) -> int | None:
        """Number by which rubbish is planted."""
        return slot

    def fault(self, slot: int) -> int | None:
        number = self.anchor(slot)
        return None if number is None else super().fault(number)

    def twin(self, slot: int) -> bool:
        number = self.anchor(slot)
        return number is not None and number % CONFLICT_EVERY == CONFLICT_AT and super().fault(number) is None

    def copies(self, slot: int) -> int:
        number = self.anchor(slot)
        return 1 if number is None else 1 + (self.twin(slot) or number % REPEAT_EVERY == REPEAT_AT)

    def _place(self, start: int) -> tuple[int, int]:
        """Files are walked from their beginning: nobody counts what comes before a place."""
        if start:
            raise ValueError(f"{self.source}.{self.record} has no pages")
        return 0, 0
