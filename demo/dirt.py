"""How systems and people write what is true: spellings of names, codes as typed, times as stamped. Ordinary dirt only:
a reader has to cope with all of it. Rubbish that a contract must refuse is planted by the registers.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

from demo import codes, words
from demo.city import Institution, Person

FULL_WIDTH = words.FULL_WIDTH
_PARENTHESES = str.maketrans("（）", "()")

# Share of the spellings, by how carefully a system writes: 0 a register with checked entries, 1 a form typed by many
# people, 2 free text and old files.
FORMS = (
    "same",
    "blank",
    "behind",
    "narrow",
    "company",
    "no_city",
    "former",
    "school",
    "short",
    "english",
    "traditional",
)
SHARES = {
    0: (955, 12, 12, 9, 0, 0, 12, 0, 0, 0, 0),
    1: (820, 25, 25, 15, 30, 25, 30, 15, 10, 5, 0),
    2: (520, 40, 30, 20, 70, 60, 80, 60, 60, 40, 20),
}


def spelling(rng: random.Random, institution: Institution, day: date, level: int = 1) -> str:
    """The institution's name as somebody wrote it on a day: mostly its name of that day, now and then another form."""
    form = rng.choices(FORMS, SHARES[level])[0]
    return spelled(rng, institution, day, form)


def spelled(rng: random.Random, institution: Institution, day: date, form: str) -> str:
    """The name in one form of FORMS; where the institution has no such form, its plain name."""
    name = institution.name_on(day)
    if form == "blank":
        place = rng.randint(2, len(name) - 2)
        return f"{name[:place]}{rng.choice((' ', '　', '  '))}{name[place:]}"
    if form == "behind":
        return name + rng.choice((" ", "　", "\t"))
    if form == "narrow":
        return narrow(name)
    if form == "company":
        return company(name)
    if form == "no_city":
        return name.removeprefix("西安") if name.startswith("西安") else f"西安{name}"
    if form == "former":
        former = institution.former_names(day)
        return former[-1] if former else name
    if form == "school" and institution.kind == "university":
        return name + rng.choice(words.SCHOOLS)
    if form == "short":
        return institution.short_name
    if form == "english":
        return institution.english_name
    if form == "traditional":
        return name.translate(words.TRADITIONAL)
    return name


def narrow(name: str) -> str:
    """Half-width brackets where there are brackets, else 示范 put into brackets as old letterheads do: 西安（示范）…"""
    return name.translate(_PARENTHESES) if "（" in name else name.replace("西安示范", "西安(示范)", 1)


def company(name: str) -> str:
    """Another ending for the same kind of company: 有限责任公司, 有限公司 or none."""
    if name.endswith("有限责任公司"):
        return name.removesuffix("有限责任公司") + "有限公司"
    if name.endswith("股份有限公司"):
        return name.removesuffix("股份有限公司")
    if name.endswith("有限公司"):
        return name.removesuffix("有限公司") + ("有限责任公司" if len(name) % 2 else "")
    return name


def typed_name(rng: random.Random, name: str) -> str:
    """Any text as people type it: now and then a blank inside or behind, brackets of the other width."""
    chance = rng.random()
    if chance < 0.02:
        return f"{name[:4]} {name[4:]}"
    if chance < 0.04:
        return f"{name} "
    if chance < 0.06:
        return name.translate(_PARENTHESES)
    return name


def typed_code(rng: random.Random, code: str) -> str:
    """Now and then a credit code in full width, with a blank, in small letters, or with a wrong check character."""
    chance = rng.random()
    if chance < 0.02:
        return code.translate(FULL_WIDTH)
    if chance < 0.035:
        return f"{code[:8]} {code[8:]}"
    if chance < 0.045:
        return code.lower()
    if chance < 0.06:
        return codes.wrong_check(code)
    return code


def typed_digits(rng: random.Random, code: str) -> str:
    """Now and then digits in full width or behind a blank."""
    chance = rng.random()
    if chance < 0.03:
        return code.translate(FULL_WIDTH)
    return f" {code}" if chance < 0.04 else code


def typed_id_number(rng: random.Random, number: str) -> str:
    """Now and then an ID number with a small x or a wrong check digit."""
    if rng.random() < 0.01:
        return codes.wrong_check(number)
    return number.replace("X", "x") if rng.random() < 0.1 else number


def person_form(rng: random.Random, person: Person, level: int = 1) -> str:
    """The person's name as a system writes it: with blanks, romanised, traditional. Level as for `spelling`."""
    plain, blank, wide, roman, traditional = {0: (97, 2, 1, 0, 0), 1: (93, 3, 2, 1, 1), 2: (82, 4, 3, 7, 4)}[level]
    form = rng.choices(range(5), (plain, blank, wide, roman, traditional))[0]
    name = person.name
    return (name, f" {name[:2]} {name[2:]}", f"{name[:2]}　{name[2:]}", person.romanised, person.traditional)[form]


def iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def moment(rng: random.Random, day: date) -> datetime:
    """A moment of a day, whole seconds: naive UTC."""
    return datetime(day.year, day.month, day.day) + timedelta(seconds=rng.randrange(86_400))  # noqa: DTZ001
