#!/bin/bash
# Once per start of the stack, before any other Airflow service: tables, pools, the first administrator.
set -euo pipefail
airflow db migrate
python - <<'PYTHON' > /tmp/pools.json
import json
from brain.tasks import POOLS
print(json.dumps({n: {"slots": s, "description": d, "include_deferred": False} for n, (s, d) in POOLS.items()}))
PYTHON
airflow pools import /tmp/pools.json
# an existing user keeps the password it has
airflow users create --username admin --role Admin --firstname Data --lastname Engineer --email admin@localhost \
  --password "$(cat /run/secrets/airflow_admin_password)" > /dev/null
