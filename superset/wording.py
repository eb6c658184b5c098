"""Our zh wording over Superset's: translations/zh.po → compiled catalogues in BRAIN_HOME/superset/translations.

Superset ships 1,647 machine-guessed ("fuzzy") zh entries as if they were final; "Sign in" reads "Not In". zh.po holds
only what we word differently; everything else stays as Superset has it.
"""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

PO = Path(__file__).resolve().parent / "translations" / "zh.po"


def build(target: Path, po: Path = PO) -> None:
    """Write messages.mo (texts of the server; read after Superset's own) and messages.json (texts of the page)."""
    folder = target / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    catalog = read_po(io.BytesIO(po.read_bytes()), locale="zh")
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    shipped = Path(find_spec("superset").origin).parent / "translations" / "zh" / "LC_MESSAGES" / "messages.json"
    pack = json.loads(shipped.read_text(encoding="utf-8"))
    messages = pack["locale_data"][pack["domain"]]
    for message in catalog:
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            messages[key] = [message.string] if isinstance(message.string, str) else list(message.string)
    _replace(folder / "messages.mo", compiled.getvalue())
    _replace(folder / "messages.json", json.dumps(pack, ensure_ascii=False).encode())


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(content)
    part.replace(path)
