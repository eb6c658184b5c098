# Airflow, dbt, DuckDB and the command line: what `make setup` puts into .venv, with the PostgreSQL drivers.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PATH=/opt/brain/.venv/bin:$PATH
WORKDIR /opt/brain

COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
    && uv venv .venv \
    && uv pip sync --no-cache --compile-bytecode --require-hashes requirements/platform.txt requirements/postgres.txt

COPY pyproject.toml LICENSE README.md ./
COPY brain/ brain/
COPY ingest/ ingest/
COPY warehouse/ warehouse/
COPY expectations/ expectations/
COPY demo/ demo/
COPY dags/ dags/
COPY dbt_project/ dbt_project/
COPY docker/ docker/
COPY superset/access.yml superset/access.yml
RUN uv pip install --no-deps --no-build-isolation --config-settings editable_mode=compat --editable . \
    && useradd --uid 10001 --gid 0 --home-dir /var/lib/brain --create-home brain

USER 10001:0
