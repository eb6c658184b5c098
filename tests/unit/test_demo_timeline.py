"""Things in order of time: how many have come by a day is what their days say."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.timeline import Timeline


@given(st.lists(st.integers(0, 900), min_size=1, max_size=4).filter(lambda volumes: sum(volumes) > 0))
def test_a_count_and_the_days_agree(volumes):
    timeline = Timeline({2019 + i: volume for i, volume in enumerate(volumes)})
    days = [timeline.day(n) for n in range(sum(volumes))]
    assert days == sorted(days)
    assert [sum(d.year == 2019 + i for d in days) for i in range(len(volumes))] == volumes
    for day in (date(2018, 6, 1), date(2040, 1, 1), *(date(2019, 1, 1) + timedelta(days=37 * i) for i in range(40))):
        assert timeline.count(day) == sum(d <= day for d in days)


def test_there_is_nothing_beyond_the_last_year():
    timeline = Timeline({2020: 2, 2021: 3})
    assert timeline.place(4) == (2021, 2, 3)
    assert timeline.first(2021) == 2
    with pytest.raises(IndexError):
        timeline.day(5)
