"""Which slots of a register may carry planted rubbish: a thing shown there had better be nobody's evidence."""

from __future__ import annotations

from demo.register import BREAK_EVERY, BREAK_FIRST, BREAK_STEP, CONFLICT_AT, CONFLICT_EVERY

MOST_BREAKS = 10
LATER_TWIN = 509  # where small registers shall have no number that is given away twice


def quiet(slot: int) -> bool:
    """Whether a row of this slot may be refused, so that no rule's example should depend on it."""
    number, rest = divmod(slot % BREAK_EVERY - BREAK_FIRST, BREAK_STEP)
    return (rest == 0 and 0 <= number < MOST_BREAKS) or slot % CONFLICT_EVERY in (CONFLICT_AT, LATER_TWIN)
