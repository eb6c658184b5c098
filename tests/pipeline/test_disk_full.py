"""A disk that is full while building, checking and publishing: the last release serves, and running again is enough."""

from __future__ import annotations

import pytest

from tests.full_disk import disk_full
from tests.pipeline.conftest import SmallHouse

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_a_full_disk_keeps_the_last_release_and_the_next_run_makes_a_new_one(small_house: SmallHouse) -> None:
    first = small_house.release("2026-01-01", small_house.labs(8))
    served = small_house.query("select count(*) from dim_labs")
    small_house.deliver("2026-01-02", small_house.labs(9))
    with disk_full(100_000), pytest.raises(Exception) as e:
        small_house.build()
    assert not isinstance(e.value, AssertionError)
    assert small_house.query("select count(*) from dim_labs") == served
    small_house.build()
    assert not [c for c in small_house.check() if c.holds]
    with disk_full(100_000), pytest.raises(OSError):
        small_house.publish()
    assert small_house.query("select count(*) from dim_labs") == served
    second = small_house.publish()
    assert second.id != first.id
    assert small_house.query("select count(*) from dim_labs") == [(9,)]
    assert not list(small_house.settings.releases.glob("*.tmp"))
