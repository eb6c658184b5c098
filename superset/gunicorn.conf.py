"""gunicorn for Superset: `gunicorn -c superset/gunicorn.conf.py "superset.app:create_app()"`.

Two workers so that one slow query on Python's side does not stop the other; each holds about 350 MB.
BRAIN_SUPERSET_BIND (default 127.0.0.1) is 0.0.0.0 only inside a container, behind a proxy.
"""

import os

bind = f"{os.environ.get('BRAIN_SUPERSET_BIND', '127.0.0.1')}:{os.environ.get('BRAIN_SUPERSET_PORT', '8088')}"
workers = int(os.environ.get("BRAIN_SUPERSET_WORKERS", "2"))
worker_class = "gthread"
threads = 8
timeout = 120
graceful_timeout = 5
keepalive = 5
limit_request_line = 0  # a link that carries a dashboard filter is long
accesslog = None
errorlog = "-"
proc_name = "science-brain-superset"
