"""A database of one's own on the PostgreSQL of this machine, for tests that need several processes on it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SERVER = "postgres://postgres@127.0.0.1:5432"


@contextmanager
def own_postgres() -> Iterator[str]:
    """Its URL; gone afterwards. Skips where there is no PostgreSQL."""
    psycopg = pytest.importorskip("psycopg")
    name = f"lacie_{uuid.uuid4().hex[:8]}"
    try:
        admin = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        pytest.skip(f"needs PostgreSQL on 127.0.0.1:5432: {str(error).splitlines()[0]}")
    with admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{SERVER}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()
