"""Connections to the databases that are read, and where their credentials come from.

What a database says is shown without the user's name and the password.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from components.errors import DataError
from components.ingest.rows import BadFile

if TYPE_CHECKING:
    import sqlalchemy

POSTGRESQL = "postgresql"


class DatabaseOptions(Protocol):
    """What a connection needs of the reader's options."""

    @property
    def path(self) -> str: ...

    @property
    def user_from(self) -> str | None: ...

    @property
    def password_from(self) -> str | None: ...

    @property
    def is_server(self) -> bool: ...

    @property
    def source(self) -> str: ...


@contextmanager
def connected(options: DatabaseOptions) -> Iterator["sqlalchemy.Connection"]:
    """A connection that only reads.

    Raises:
        DataError: an environment variable, or the driver, is not there; as ``BadFile`` what the
            database says against it.
    """
    import sqlalchemy

    user, password = (_secret(name) for name in (options.user_from, options.password_from))
    try:
        engine = _server(options, user, password) if options.is_server else _file(options)
        with engine.connect() as connection:
            yield connection
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines() or ["no reason"]
        text = said[0]
        for secret in filter(None, (password, user)):
            text = text.replace(secret, "***")
        # Not from the error: its text may hold what is secret.
        raise BadFile(
            f"{options.path}: {options.source}", None, f"cannot be read: {text}"
        ) from None


def _secret(name: str | None) -> str | None:
    if name is None:
        return None
    if not os.environ.get(name):
        raise DataError(f"data: the environment variable {name} is not set (export it)")
    return os.environ[name]


def _server(
    options: DatabaseOptions, user: str | None, password: str | None
) -> "sqlalchemy.Engine":
    import sqlalchemy

    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"{options.path}: PostgreSQL is read by psycopg, which is not installed: pip install "
            "'rondo-tfx[postgresql]'"
        ) from error
    address = sqlalchemy.make_url(options.path).set(drivername="postgresql+psycopg")
    if user is not None:
        address = address.set(username=user)
    if password is not None:
        address = address.set(password=password)
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    return engine.execution_options(postgresql_readonly=True)


def _file(options: DatabaseOptions) -> "sqlalchemy.Engine":
    import sqlite3
    from urllib.parse import quote

    import sqlalchemy

    if not os.path.isfile(options.path):
        raise BadFile(options.path, None, "no such file")

    def connect() -> sqlite3.Connection:
        name = f"file:{quote(os.path.abspath(options.path))}?mode=ro"
        connection = sqlite3.connect(name, uri=True)
        # Bytes that are not UTF-8 pass as surrogates, so that only their row is bad.
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        return connection

    return sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=sqlalchemy.NullPool)
