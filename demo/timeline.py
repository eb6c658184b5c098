"""Things that come one after the other: so many a year, spread evenly over its days, without a list of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import accumulate


class Timeline:
    """Numbers in order of time: number n falls on `day(n)`, which never goes back; `count(day)` have come by a day.

    `per_year`: year → how many, for years without a gap. What is asked about a number beyond the last year raises
    IndexError.
    """

    def __init__(self, per_year: Mapping[int, int]):
        self.years = sorted(per_year)
        self.volumes = [per_year[y] for y in self.years]
        self.ends = list(accumulate(self.volumes))

    def place(self, number: int) -> tuple[int, int, int]:
        """Year of a number, its place in that year from 0, and how many the year has."""
        at = bisect_right(self.ends, number)
        if number < 0 or at == len(self.years):
            raise IndexError(number)
        return self.years[at], number - (self.ends[at] - self.volumes[at]), self.volumes[at]

    def first(self, year: int) -> int:
        """Number of the first thing of a year."""
        at = self.years.index(year)
        return self.ends[at] - self.volumes[at]

    def day(self, number: int) -> date:
        year, place, volume = self.place(number)
        return date(year, 1, 1) + timedelta(days=(2 * place + 1) * _days(year) // (2 * volume))

    def count(self, day: date) -> int:
        """How many have come up to and on a day."""
        if day.year < self.years[0]:
            return 0
        if day.year > self.years[-1]:
            return self.ends[-1]
        at = self.years.index(day.year)
        volume, days = self.volumes[at], _days(day.year)
        passed = (day - date(day.year, 1, 1)).days + 1
        within = max(0, ((2 * volume * passed - 1) // days - 1) // 2 + 1) if volume else 0
        return self.ends[at] - volume + min(volume, within)


def _days(year: int) -> int:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days
