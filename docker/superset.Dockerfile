# Superset: what `make setup` puts into .venv-superset, with the PostgreSQL driver.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PATH=/opt/brain/.venv-superset/bin:$PATH
WORKDIR /opt/brain

COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
    && uv venv .venv-superset \
    && uv pip sync --no-cache --compile-bytecode --require-hashes --python .venv-superset/bin/python \
       requirements/superset.txt requirements/postgres.txt

COPY superset/ superset/
COPY dbt_project/models/marts/ dbt_project/models/marts/
RUN useradd --uid 10001 --gid 0 --home-dir /var/lib/brain --create-home brain

ENV SUPERSET_CONFIG_PATH=/opt/brain/superset/superset_config.py
USER 10001:0
CMD ["gunicorn", "-c", "superset/gunicorn.conf.py", "superset.app:create_app()"]
