"""docs/relations.md and its picture: which mart is about what, its key, and which marts it points at.

Made from dbt's YAML alone (`python -m warehouse.relations`): the key is a mart's first column, an arrow is a
`relationships` test, so what is drawn is what every build checks. Committed whole and compared in the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

from brain.settings import ROOT
from warehouse.metrics import MARTS

PAGE = ROOT / "docs" / "relations.md"
PICTURE = ROOT / "docs" / "images" / "relations.svg"
HEAD = "<!-- Generated whole by `python -m warehouse.relations` from dbt's YAML: change that and run it again. -->"
_REF = re.compile(r"ref\('(\w+)'\)")

# the picture, in pixels
WIDTH, HEADER, ROW, GAP, LANE = 270, 38, 17, 16, 150
FILLS = ("#e8f0fa", "#eaf5ee", "#fdf3e3", "#f6ebf5", "#edeff2", "#fcebea", "#e7f5f6", "#f3f1e4")
STROKES = ("#2f6db3", "#2e8b57", "#b7791f", "#8e4a94", "#5b6572", "#c0504d", "#1f8a94", "#857a2b")


@dataclass(frozen=True)
class Arrow:
    """A column of one mart that holds the key of another."""

    column: str
    mart: str
    key: str


@dataclass(frozen=True)
class Entity:
    """A mart: `area` is its folder, `arrows` point at other marts."""

    name: str
    label: str
    area: str
    database: str
    key: str
    description: str
    arrows: tuple[Arrow, ...]


def entities(root: Path = MARTS) -> dict[str, Entity]:
    """Every mart that dbt's YAML describes, by name."""
    found = {}
    for path in sorted(root.rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models") or ():
            config, columns = model["config"], model["columns"]
            found[model["name"]] = Entity(
                model["name"],
                config["meta"]["label"],
                path.parent.name,
                config.get("database", "official"),
                columns[0]["name"],
                " ".join(model["description"].split()),
                tuple(arrow for column in columns for arrow in _arrows(column)),
            )
    return {name: found[name] for name in sorted(found)}


def _arrows(column: dict[str, Any]) -> list[Arrow]:
    tests = [t["relationships"] for t in column.get("data_tests") or () if isinstance(t, dict) and "relationships" in t]
    stated = [t.get("arguments") or t for t in tests]
    return [Arrow(column["name"], _REF.search(t["to"])[1], t["field"]) for t in stated if _REF.search(t["to"])]


def page(known: dict[str, Entity]) -> str:
    """The page in Markdown: the picture, then a table for each area."""
    areas = sorted({e.area for e in known.values()})
    count = sum(len(e.arrows) for e in known.values())
    lines = [
        HEAD,
        "# Marts and how they hang together",
        "",
        f"{len(known)} marts; {count} of their columns hold the key of another mart, which every build tests. Marts of",
        "the audit file are marked. What a single column means and where it comes from: `brain columns MART`, or the",
        "pages of `make docs`.",
        "",
        "![Marts and what they point at](images/relations.svg)",
        "",
    ]
    for area in areas:
        lines += [f"## {area}", "", "| mart | what | key | points at |", "|---|---|---|---|"]
        for e in (e for e in known.values() if e.area == area):
            to = "<br>".join(f"`{a.column}` → `{a.mart}`" for a in e.arrows)
            mark = " (audit)" if e.database == "audit" else ""
            lines.append(f"| `{e.name}`{mark} | {e.label} | `{e.key}` | {to} |")
        lines.append("")
    return "\n".join(lines)


def picture(known: dict[str, Entity]) -> str:
    """The marts that an arrow leaves or reaches, as SVG: whatever is pointed at stands left of what points."""
    reached = {a.mart for e in known.values() for a in e.arrows}
    drawn = {name: e for name, e in known.items() if e.arrows or name in reached}
    areas = sorted({e.area for e in drawn.values()})
    fill = {area: FILLS[n % len(FILLS)] for n, area in enumerate(areas)}
    targets = sorted(reached)
    stroke = {name: STROKES[n % len(STROKES)] for n, name in enumerate(targets)}
    place = _places(drawn)
    width = max(x for x, _ in place.values()) + WIDTH + GAP
    height = max(y + _height(drawn[name]) for name, (_, y) in place.items()) + GAP
    boxes = [_box(drawn[name], *place[name], fill[drawn[name].area]) for name in sorted(place)]
    lines = [_line(drawn[name], a, place, stroke[a.mart]) for name in sorted(place) for a in drawn[name].arrows]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="Noto Sans CJK SC, Microsoft YaHei, sans-serif" font-size="12">',
            "<!-- Generated whole by `python -m warehouse.relations`: do not edit. -->",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *lines,
            *boxes,
            "</svg>",
            "",
        ]
    )


def _lanes(drawn: dict[str, Entity]) -> list[list[str]]:
    """Names by lane: 0 points at nothing (but perhaps itself), any other one lane right of all it points at."""
    lane: dict[str, int] = {}

    def of(name: str, above: tuple[str, ...] = ()) -> int:
        if name not in lane:
            to = {a.mart for a in drawn[name].arrows} - {name, *above}
            lane[name] = 1 + max((of(n, (*above, name)) for n in to), default=-1)
        return lane[name]

    lanes: list[list[str]] = [[] for _ in range(1 + max(map(of, drawn)))]
    for name in sorted(drawn, key=lambda n: (drawn[n].area, n)):
        lanes[lane[name]].append(name)
    return lanes


def _places(drawn: dict[str, Entity]) -> dict[str, tuple[int, int]]:
    """Upper left corner of each box: a lane's boxes stand about as high as what they point at, the lanes centred."""
    place: dict[str, tuple[int, int]] = {}
    lanes = _lanes(drawn)
    tall = max(sum(_height(drawn[n]) + GAP for n in names) for names in lanes)

    def aim(name: str) -> float:
        to = [place[a.mart][1] for a in drawn[name].arrows if a.mart in place]
        return sum(to) / len(to) if to else 0

    for number, names in enumerate(lanes):
        spare = tall - sum(_height(drawn[n]) + GAP for n in names)
        # a lane with room spreads over the whole height
        step = spare / len(names)
        y = GAP + step / 2
        for name in sorted(names, key=lambda n: (aim(n), drawn[n].area, n)):
            place[name] = (GAP + number * (WIDTH + LANE), round(y))
            y += _height(drawn[name]) + GAP + step
    return place


def _height(entity: Entity) -> int:
    return HEADER + ROW * (1 + len(entity.arrows)) + 8


def _box(entity: Entity, x: int, y: int, fill: str) -> str:
    rows = [f"{entity.key}（主键）", *(a.column for a in entity.arrows)]
    dash = ' stroke-dasharray="5 3"' if entity.database == "audit" else ""
    text = [
        f'<text x="{x + 10}" y="{y + 16}" font-weight="bold">{escape(entity.label)}</text>',
        f'<text x="{x + 10}" y="{y + 31}" fill="#5b6572" font-size="11">{entity.name}</text>',
        *(
            f'<text x="{x + 10}" y="{y + HEADER + 14 + n * ROW}" font-size="11">{row}</text>'
            for n, row in enumerate(rows)
        ),
    ]
    return "\n".join(
        [
            f'<g><rect x="{x}" y="{y}" width="{WIDTH}" height="{_height(entity)}" rx="4" fill="{fill}" '
            f'stroke="#8a94a3"{dash}/>',
            f'<path d="M{x} {y + HEADER}h{WIDTH}" stroke="#8a94a3"/>',
            *text,
            "</g>",
        ]
    )


def _line(entity: Entity, arrow: Arrow, place: dict[str, tuple[int, int]], stroke: str) -> str:
    """From the column to the key that it holds."""
    x, y = place[entity.name]
    row = y + HEADER + 10 + ROW * (1 + entity.arrows.index(arrow))
    to_x, to_y = place[arrow.mart]
    key = to_y + HEADER + 10
    if arrow.mart == entity.name:
        right = x + WIDTH
        path = f"M{right} {row}C{right + 40} {row} {right + 40} {key} {right} {key}"
    else:
        path = f"M{x} {row}C{x - LANE // 2} {row} {to_x + WIDTH + LANE // 2} {key} {to_x + WIDTH} {key}"
    return f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="1.2" opacity="0.8"/>'


def write() -> None:
    """Write the page and its picture."""
    known = entities()
    PAGE.write_text(page(known), encoding="utf-8")
    PICTURE.write_text(picture(known), encoding="utf-8")


if __name__ == "__main__":
    write()
