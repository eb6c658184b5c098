"""The stand-in city: the same from the same seed, in any order, on any way to a day, and clearly invented."""

import re
from datetime import timedelta

import pytest

from demo import dirt
from demo.city import HORIZON, TODAY, City
from ingest import codes

SEEDS = (1, 2)


@pytest.fixture(scope="module", params=SEEDS)
def city(request) -> City:
    return City(request.param, 1)


def test_the_same_seed_gives_the_same_city_and_another_seed_another():
    one, same, other = City(1, 0.1), City(1, 0.1), City(2, 0.1)
    for numbers, make in (("institutions", "institution"), ("people", "person")):
        things = [getattr(one, make)(n) for n in getattr(one, numbers)]
        assert [getattr(same, make)(n) for n in reversed(getattr(same, numbers))] == things[::-1]
        assert [getattr(other, make)(n) for n in getattr(other, numbers)] != things


@pytest.mark.parametrize(("day", "error"), [(-1, "day must be"), (3000, "no history after"), (0, None)])
def test_a_day_outside_its_history_is_refused(day, error):
    if error:
        with pytest.raises(ValueError, match=error):
            City(1, 0.1, day)
    assert City(1, 0.1, 5).today == TODAY + timedelta(days=5)
    with pytest.raises(ValueError, match="above 0"):
        City(1, 0)


@pytest.mark.parametrize("scale", [0.05, 0.1, 1, 10])
def test_a_number_keeps_its_thing_while_the_city_grows(scale):
    young, old = City(1, scale), City(1, scale, 400)
    for kind in ("institution", "firm", "service", "person"):
        assert old.count(kind) > young.count(kind)
    assert (old.count("university"), old.count("hospital")) == (young.count("university"), young.count("hospital"))
    assert [old.firms[i] for i in range(len(young.firms))] == list(young.firms)
    every = [*old.universities, *old.institutes, *old.hospitals, *old.services, *old.firms]
    assert sorted(every) == list(old.institutions)
    for n in range(0, old.count("institution"), 97):
        thing = old.institution(n)
        assert thing.kind == old.kind_of(n)
        assert n in {"firm": old.firms, "service": old.services}.get(thing.kind, [n])
        if n < young.count("institution"):
            assert young.institution(n) == thing
        else:
            assert TODAY < thing.established <= old.today
    for n in range(0, young.count("person"), 97):
        assert young.person(n) == old.person(n)


def test_institutions_are_renamed_merge_and_end(city):
    things = [city.institution(n) for n in city.institutions]
    past = [i for i in things if i.established <= city.today]
    assert len(past) == len(things)
    renamed = [i for i in things if len(i.names) == 2 and i.names[1][0] <= city.today]
    assert len(renamed) > 0.04 * len(things)
    for i in renamed:
        day = i.names[1][0]
        assert i.name_on(day) != i.name_on(day - timedelta(days=1)) == i.former_names(day)[0]
    merged = [i for i in things if i.merged_into]
    assert len(merged) >= 40
    for i in merged:
        day, successor = i.merged_into
        assert not i.exists_on(day)
        assert i.exists_on(day - timedelta(days=1))
        assert city.institution(successor).exists_on(day)
        assert city.institution(successor).ended is None
        assert city.kind_of(successor) == i.kind
    ended = [i for i in things if i.closed and i.closed <= city.today]
    assert len(ended) >= 40


def test_people_move_and_nobody_works_where_nothing_is(city):
    people = [city.person(n) for n in city.people]
    for p in people:
        assert p.employers
        for (_, to, _), (since, _, _) in zip(p.employers, p.employers[1:], strict=False):
            assert to is not None
            assert to <= since
        for since, to, n in p.employers:
            first, ended = city.span(n)
            assert first <= since <= HORIZON
            assert ended is None or (to is not None and to <= ended)
    moved = [
        p for p in people if sum(city.today.replace(year=2021) <= since <= city.today for since, _, _ in p.employers)
    ]
    assert 0.2 < len(moved) / len(people) < 0.7
    assert sum(p.left_city is not None and p.left_city <= city.today for p in people) >= 20


def test_who_heads_an_institution_is_known_both_ways(city):
    for n in range(0, city.count("institution"), 7):
        head = city.institution(n).legal_representative
        assert head in city.people
        assert n in city.heads(head)
    assert city.heads(0) == []


def test_people_and_firms_are_invented(city):
    for n in city.people:
        p = city.person(n)
        assert re.fullmatch(r"演示[\u4e00-\u9fff]{2}", p.name)
        assert p.id_number.startswith("999999"), "a region that was never assigned"
        assert codes.id_number(p.id_number)
        assert re.fullmatch(r"101\d{8}", p.phone), "a prefix that was never given out"
        assert p.email.endswith("@example.com")
        assert p.orcid is None or (p.orcid.startswith("9999-") and codes.orcid(p.orcid))
    for n in city.institutions:
        i = city.institution(n)
        assert all("演示" in name or "示范" in name for _, name in i.names)
        assert i.credit_code[2:8] == "619900", "a region that was never assigned"
        assert codes.uscc(i.credit_code)


@pytest.mark.parametrize("scale", [1, 10])
def test_identity_is_unique_and_names_nearly_so(scale):
    city = City(1, scale)
    things = [city.institution(n) for n in city.institutions]
    assert len({i.credit_code for i in things}) == len(things)
    names = [name for i in things for _, name in i.names]
    assert len(set(names)) == len(names), "two institutions never bear the same name"
    people = [city.person(n) for n in city.people]
    assert len({p.id_number for p in people}) == len(people)
    if scale == 1:
        namesakes = len(people) - len({p.name for p in people})
        assert namesakes == len(people) // 50, "one in fifty bears another's name"


def test_a_group_shares_its_mark_and_not_its_name(city):
    groups = [(city.institution(i.parent), i) for n in city.firms if (i := city.institution(n)).parent is not None]
    assert len(groups) >= 40
    for parent, child in groups:
        assert parent.names[-1][1] != child.names[-1][1]
        assert parent.names[-1][1][:6] == child.names[-1][1][:6]


def test_names_are_written_in_many_ways_and_mostly_right(city):
    i = city.institution(next(n for n in city.firms if len(city.institution(n).names) == 2))
    day = i.names[1][0]
    for level, least in ((0, 0.9), (1, 0.75), (2, 0.4)):
        rng = city.rng("spelling", level)
        seen = [dirt.spelling(rng, i, day, level) for _ in range(2_000)]
        assert least < seen.count(i.name_on(day)) / len(seen) < 1
        assert len(set(seen)) >= (4, 8, 10)[level]
    assert dirt.spelled(rng, i, day, "former") == i.names[0][1]
    assert dirt.spelled(rng, i, day - timedelta(days=1), "former") == i.names[0][1]
    assert dirt.spelled(rng, i, day, "traditional") != i.name_on(day)
    rng = city.rng("codes", 0)
    typed = [dirt.typed_code(rng, i.credit_code) for _ in range(2_000)]
    wrong = [t for t in typed if not codes.uscc(t)]
    assert 0 < len(wrong) < 0.1 * len(typed)
