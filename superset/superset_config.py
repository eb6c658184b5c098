"""Superset's configuration, found through SUPERSET_CONFIG_PATH. Every place and every secret comes from outside:

BRAIN_HOME               state: metadata database, caches and wording under `superset/`; the release under `current`
BRAIN_SECRETS            key files: superset_secret_key, superset_guest_token_key; optional superset_database_uri
BRAIN_SUPERSET_HTTPS=1   behind a TLS proxy: secure cookies, forwarded headers trusted, plain HTTP redirected

It raises RuntimeError, with what to do, when a key is missing: a default key would let anybody forge a session.
"""

import base64
import importlib.util
import os
import re
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, redirect, request, send_file, url_for

HOME = Path(os.environ.get("BRAIN_HOME", "var")).resolve()
SECRETS = Path(os.environ.get("BRAIN_SECRETS", ".secrets")).resolve()
STATE = HOME / "superset"
DATA_DIR = str(STATE)  # Superset makes this folder wherever it is told to; the default is in the home of the user
HTTPS = os.environ.get("BRAIN_SUPERSET_HTTPS") == "1"


def _key(name: str) -> str:
    path = SECRETS / name
    try:
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise RuntimeError(f"{name} is missing in BRAIN_SECRETS: run superset/provision.py, or restore it") from None
    if len(key) < 32:
        raise RuntimeError(f"{name} in BRAIN_SECRETS is too short to be a key made by superset/provision.py")
    return key


# --- keys and state -------------------------------------------------------------------------------------------------
SECRET_KEY = _key("superset_secret_key")
GUEST_TOKEN_JWT_SECRET = _key("superset_guest_token_key")
GLOBAL_ASYNC_QUERIES_JWT_SECRET = GUEST_TOKEN_JWT_SECRET  # the feature is off; its default is a published string

_database_uri = SECRETS / "superset_database_uri"  # production: PostgreSQL, whose address holds a password
if _database_uri.exists():
    SQLALCHEMY_DATABASE_URI = _database_uri.read_text(encoding="utf-8").strip()
else:
    SQLALCHEMY_DATABASE_URI = f"sqlite:///{STATE / 'superset.db'}?check_same_thread=false&timeout=30"
SQLALCHEMY_EXAMPLES_URI = SQLALCHEMY_DATABASE_URI


def _files(name: str, timeout: int) -> dict[str, Any]:
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(STATE / "cache" / name),
        "CACHE_DEFAULT_TIMEOUT": timeout,
        "CACHE_KEY_PREFIX": name,
    }


CACHE_CONFIG = _files("metadata", 600)
FILTER_STATE_CACHE_CONFIG = _files("filters", 90 * 86400)
EXPLORE_FORM_DATA_CACHE_CONFIG = _files("explore", 7 * 86400)
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}  # an answer must never outlive its release

# --- the released files, read-only ----------------------------------------------------------------------------------
RELEASED = {"official.duckdb", "audit.duckdb"}
# One process shares one DuckDB instance per file, and DuckDB refuses a second connection with another configuration:
# so every connection gets exactly this one, whoever asks.
LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "1GB",
    "threads": "2",
    "lock_configuration": "true",
}


def DB_CONNECTION_MUTATOR(uri: Any, params: dict[str, Any], *_: Any) -> tuple[Any, dict[str, Any]]:
    """Point a connection at the released file of that name, read-only and locked; refuse every other database.

    Resolved here and not by DuckDB: it keys its instances by path, so an open instance under the symlink's name would
    go on serving the old release after a publish.
    """
    name = Path(uri.database or "").name
    if uri.drivername.split("+")[0] != "duckdb" or name not in RELEASED:
        raise ValueError("only the released DuckDB files can be connected to")
    path = (HOME / "current" / name).resolve()
    if not path.exists():
        from superset.db_engine_specs.exceptions import SupersetDBAPIConnectionError

        error = SupersetDBAPIConnectionError("还没有发布的数据：第一次发布完成后，这里会自动显示。")
        error.status = 503  # DuckDB's own error would tell the path
        raise error
    # By itself DuckDB would spill beside the released file, where all workers meet and destroy each other's blocks. One
    # folder per worker and file; DuckDB makes it when it must and removes it as it closes.
    spill = STATE / "spill"
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    temp = str(spill / f"{os.getpid()}-{path.parent.name}-{name}")
    params["connect_args"] = {"read_only": True, "config": {**LOCKED, "temp_directory": temp}}
    return uri.set(database=str(path), query={}), params


_spec = importlib.util.spec_from_file_location("searching", Path(__file__).with_name("searching.py"))
_searching = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_searching)


def SQL_QUERY_MUTATOR(sql: str, **_: Any) -> str:
    """What is typed into the search box is looked for inside names, which no filter of Superset asks."""
    return _searching.ask(sql)


ROW_LIMIT = 10_000
SAMPLES_ROW_LIMIT = 1_000
SQL_MAX_ROW = 50_000  # below CSV_STREAMING_ROW_THRESHOLD, whose path writes cells without escaping
SQLLAB_TIMEOUT = 30
PREVENT_UNSAFE_DB_CONNECTIONS = True
ALLOWED_EXTENSIONS: set[str] = set()
CSV_EXTENSIONS: set[str] = set()
EXCEL_EXTENSIONS: set[str] = set()
COLUMNAR_EXTENSIONS: set[str] = set()
FEATURE_FLAGS = {
    "ALERT_REPORTS": False,
    "DASHBOARD_RBAC": False,  # it would grant data through the dashboard, past the datasets' permissions
    "DRILL_BY": True,
    "DRILL_TO_DETAIL": True,
    "EMBEDDABLE_CHARTS": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "CSS_TEMPLATES": False,
    "AVOID_COLORS_COLLISION": False,  # a colour named by a dashboard must hold, whatever other charts use
}

# --- who may come in ------------------------------------------------------------------------------------------------
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
FAB_API_SWAGGER_UI = False
# FAB limits the view that shows the login page, while another one takes the form, and the API's login not at all: seen
# unlimited. So FLASK_APP_MUTATOR does it: this many tries per minute, worker and address, and as many per user.
LOGIN_TRIES = 30  # an office behind one address still gets in at nine o'clock
AUTH_RATE_LIMITED = False
RATELIMIT_ENABLED = True
RATELIMIT_APPLICATION = "200 per second"
RATELIMIT_STORAGE_URI = "memory://"
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
PERMANENT_SESSION_LIFETIME = 12 * 3600
ENABLE_PROXY_FIX = HTTPS
SHOW_STACKTRACE = False
TALISMAN_ENABLED = True
CONTENT_SECURITY_POLICY_WARNING = False
TALISMAN_CONFIG = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "object-src": "'none'",
        "frame-ancestors": ["'self'"],
        "form-action": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "font-src": ["'self'", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": HTTPS,
    "session_cookie_secure": HTTPS,
}

# --- language and look ----------------------------------------------------------------------------------------------
BABEL_DEFAULT_LOCALE = "zh"
BABEL_TRANSLATION_DIRECTORIES = f"translations;{STATE / 'translations'}"  # the later folder wins
LANGUAGES = {"zh": {"flag": "cn", "name": "简体中文"}, "en": {"flag": "us", "name": "English"}}
D3_FORMAT = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["¥", ""]}
D3_TIME_FORMAT = {
    "dateTime": "%Y年%-m月%-d日 %X",
    "date": "%Y-%m-%d",
    "time": "%H:%M:%S",
    "periods": ["上午", "下午"],
    "days": ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
    "shortDays": ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
    "months": [f"{month}月" for month in range(1, 13)],
    "shortMonths": [f"{month}月" for month in range(1, 13)],
}

APP_NAME = "西安科技大脑"
SLOGAN = "可记录 · 可查询 · 可追溯 · 可管理"
_MARK = (  # a node among its links, in the house blue
    '<g fill="none" stroke="#1F5FA8" stroke-width="2.4"><circle cx="16" cy="16" r="4.2" fill="#1F5FA8"/>'
    '<path d="M16 16 6 7M16 16 27 9M16 16 25 26M16 16 7 25"/></g><g fill="#C8963E">'
    '<circle cx="6" cy="7" r="3"/><circle cx="27" cy="9" r="3"/><circle cx="25" cy="26" r="3"/>'
    '<circle cx="7" cy="25" r="3"/></g>'
)
_FONT = "PingFang SC,Microsoft YaHei,Noto Sans CJK SC,Source Han Sans SC,sans-serif"


def _svg(width: int, body: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 32" width="{width}" height="32">{body}</svg>'
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


_WORDS = f'<text x="40" y="23" font-family="{_FONT}" font-size="21" font-weight="700" fill="#16365C">{APP_NAME}</text>'
APP_ICON = _svg(176, _MARK + _WORDS)
FAVICONS = [{"href": _svg(32, _MARK), "type": "image/svg+xml"}]
LOGO_TOOLTIP = APP_NAME
ENABLE_UI_THEME_ADMINISTRATION = False
THEME_DARK = None
THEME_DEFAULT = {
    "algorithm": "default",
    "token": {
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": APP_ICON,
        "brandLogoHref": "/",
        "brandLogoHeight": "30px",
        "brandLogoMargin": "16px 0",
        "brandIconMaxWidth": 180,
        "brandSpinnerSvg": f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="70">{_MARK}</svg>',
        "colorPrimary": "#1F5FA8",
        "colorLink": "#1F5FA8",
        "colorError": "#B3392F",
        "colorWarning": "#C8963E",
        "colorSuccess": "#2F8F6B",
        "colorInfo": "#1F5FA8",
        "fontFamily": _FONT,
        "fontFamilyCode": "ui-monospace,Consolas,monospace",
        "fontUrls": [],
        "fontSizeXS": "10",
        "fontSizeXXL": "28",
        "fontWeightNormal": "400",
        "fontWeightLight": "300",
        "fontWeightStrong": "600",
        "fontWeightBold": "700",
        "transitionTiming": 0.2,
        "colorEditorSelection": "#fff5cf",
    },
}
# Colours mean the same everywhere: blue project, gold outcome, green platform, violet talent, grey-blue institution,
# red integrity, teal enterprise; charts that need a class's colour name it in label_colors of the dashboard.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "brain",
        "label": "科技大脑",
        "description": "",
        "isDefault": True,
        "colors": [
            "#1F5FA8", "#C8963E", "#2F8F6B", "#7A5AA6", "#5B8DB8", "#B3392F",
            "#1E8A9A", "#D98C5F", "#8FA64A", "#A05A7C", "#6B7B8C", "#BFA46F",
        ],
    },
    {
        "id": "brain_calm",  # areas of one quantity: size speaks, colour only parts them
        "label": "科技大脑·素",
        "description": "",
        "isDefault": False,
        "colors": ["#A9C4DF", "#C3D6E8", "#DCE7F2", "#B7CBD9", "#D3DCE4", "#E6D9BF", "#C9D9CF", "#D8CFE2"],
    },
]  # fmt: skip
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "brain_blue",
        "label": "科技大脑蓝",
        "description": "",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#E8F0F8", "#B9D1E8", "#7FAAD2", "#4682B8", "#1F5FA8", "#16365C"],
    }
]
HTML_SANITIZATION = True
HTML_SANITIZATION_SCHEMA_EXTENSIONS = {"attributes": {"*": ["className"]}}

# --- exports and wording --------------------------------------------------------------------------------------------
_INVISIBLE = r"[\s\u0000-\u0020\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\u3000\ufeff]*"
_FORMULA = re.compile(_INVISIBLE + r"[\"']*" + _INVISIBLE + "[=+\\-@|%\t\r＝＋－＠｜％]")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?%?", re.IGNORECASE)


def inert(value: Any) -> Any:
    """A cell that a spreadsheet takes for text: a formula, also behind invisible or full-width signs, gets a quote."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value


def _inert_frame(df: Any) -> Any:
    df = df.rename(columns=inert)
    texts = [i for i, dtype in enumerate(df.dtypes) if dtype.kind not in "biufcmM"]
    for i in texts:
        df.isetitem(i, df.iloc[:, i].map(inert))
    return df


def FLASK_APP_MUTATOR(app: Flask) -> None:
    """Four things that no setting reaches: exports that disarm every formula (Superset misses full-width and invisible
    prefixes), our zh wording for the page, a limit on logins, and a first page that is a dashboard."""
    from flask_limiter.util import get_remote_address
    from limits import parse
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter
    from superset.utils import csv, excel

    csv.df_to_escaped_csv = lambda df, **options: _inert_frame(df).to_csv(**options)
    excel.quote_formulas = _inert_frame
    pack = STATE / "translations" / "zh" / "LC_MESSAGES" / "messages.json"

    @app.before_request
    def our_language_pack() -> Response | None:
        # Superset sends this file from its own package folder, to the login page only after a login.
        if request.path.rstrip("/") != "/superset/language_pack/zh" or not pack.exists():
            return None
        response = send_file(pack, mimetype="application/json", max_age=300)
        response.headers["Cache-Control"] = "private, max-age=300"
        return response

    tries, rate = FixedWindowRateLimiter(MemoryStorage()), parse(f"{LOGIN_TRIES} per minute")

    @app.before_request
    def limit_logins() -> Response | None:
        if request.method != "POST" or request.path.rstrip("/") not in ("/login", "/api/v1/security/login"):
            return None
        given = (request.get_json(silent=True) or {}) if request.is_json else request.form
        user = str(given.get("username", "")) if hasattr(given, "get") else ""
        allowed = [tries.hit(rate, "address", get_remote_address()), tries.hit(rate, "user", user.strip().lower())]
        return None if all(allowed) else Response("登录尝试过于频繁，请一分钟后再试。", 429, mimetype="text/plain")

    @app.before_request
    def first_page() -> Any:
        # Superset keeps a first dashboard per user but shows its own home page all the same.
        if request.path.rstrip("/") != "/superset/welcome" or not getattr(g.get("user"), "is_authenticated", False):
            return None
        from superset.models.user_attributes import UserAttribute

        from superset import db

        chosen = db.session.query(UserAttribute).filter_by(user_id=g.user.id).first()
        if not chosen or not chosen.welcome_dashboard:
            return None
        return redirect(url_for("Superset.dashboard", dashboard_id_or_slug=chosen.welcome_dashboard.slug))
