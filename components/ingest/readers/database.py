"""Reader of a database: a table, or a query, of an SQLite file or a PostgreSQL server.

    data: {path: shop.db, format: database, table: reviews, key: id}
    data: {path: "postgresql://db.example.org/shop", format: database, key: id,
      query: "SELECT id, text, stars FROM reviews WHERE stars IS NOT NULL",
      user_from: SHOP_USER, password_from: SHOP_PASSWORD}

A row holds the columns by their names: numbers, text, bytes, dates and times as ISO 8601 text, and
null.  Rows are read by ranges of the key, each by any worker, streamed in the key's order; no more
than a thousand are in memory.  What changes while it is read is read as it then is.

Credentials stand in environment variables, of the workers too, and are in no file, log or message.
"""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from components.ingest.database_connection import POSTGRESQL, connected
from components.ingest.database_values import Unreadable, value_of
from components.ingest.options import DataOptions
from components.ingest.rows import BadFile, Row
from components.ingest.splits import SplitByFiles

if TYPE_CHECKING:
    import sqlalchemy

PATTERNS = ("*.db", "*.sqlite", "*.sqlite3")
ALLOWED = ("sslmode", "sslrootcert", "host", "connect_timeout", "application_name")
"""What may stand behind the ``?`` of an address: nothing that is secret."""
FETCHED = 1_000


class Options(DataOptions):
    """Options of a database.

    Attributes:
        path: an SQLite file, or ``postgresql://HOST:PORT/DATABASE`` without user and password.
        table: its name, with its schema before a dot where it needs one; or
        query: a SELECT in its place.
        key: column of whole numbers or of text, with an index, that the rows are read by.
        range_rows: about how many rows a range has, which one worker reads.
        version: query of one value that changes when the rows do.  Without it, a change that keeps
            the number of rows, the first and the last key is not noticed (in an SQLite file every
            change is).
        user_from: environment variable with the user's name; the system's own where there is none.
        password_from: environment variable with the password.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    table: str | None = None
    query: str | None = None
    key: str
    range_rows: int = Field(100_000, ge=1)
    version: str | None = None
    user_from: str | None = None
    password_from: str | None = None

    @field_validator("path")
    @classmethod
    def _address_without_secrets(cls, path: str) -> str:
        if path.startswith("sqlite:///"):
            return path.removeprefix("sqlite:///")
        scheme, separator, _ = path.partition("://")
        if not separator:
            return path
        if scheme not in (POSTGRESQL, "postgres"):
            raise ValueError(
                f"{scheme}:// came; the file of an SQLite database, or postgresql://HOST/DATABASE"
            )
        try:
            address = urlsplit(path)
            port_is_none_or_number = address.port is None or address.port > 0
        except ValueError:
            port_is_none_or_number = False
        if not port_is_none_or_number:
            raise ValueError("no address came: postgresql://HOST:PORT/DATABASE is one")
        if "@" in path:
            raise ValueError(
                "names a user or a password; an experiment is no place for them (state the "
                "environment variables that hold them: user_from: NAME, password_from: NAME)"
            )
        if not address.path.strip("/"):
            raise ValueError("names no database; postgresql://HOST/DATABASE does")
        strange = [key for key, _ in parse_qsl(address.query, True) if key not in ALLOWED]
        if strange:
            raise ValueError(f"?{strange[0]}= came; allowed are {', '.join(ALLOWED)}")
        return path

    @field_validator("user_from", "password_from")
    @classmethod
    def _name_of_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not name.isidentifier():
            # What came may be the password itself.
            raise ValueError("the name of an environment variable is read, such as SHOP_PASSWORD")
        return name

    @model_validator(mode="after")
    def _one_source(self) -> "Options":
        if (self.table is None) == (self.query is None):
            raise ValueError("state table: or query:, one of them")
        for name in ("query", "version"):
            text = getattr(self, name)
            if text is None:
                continue
            if text.split(None, 1)[:1] == [] or text.split()[0].upper() not in ("SELECT", "WITH"):
                raise ValueError(f"{name}: begins with SELECT or WITH, and only reads")
            if ";" in text.rstrip().rstrip(";"):
                raise ValueError(f"{name}: is one statement; it holds a ; (take it out)")
        if isinstance(self.split, SplitByFiles):
            raise ValueError("split: {by: files} is of files, and a database is none")
        if not self.is_server and (self.user_from or self.password_from):
            raise ValueError("user_from and password_from are of a server; an SQLite file has none")
        return self

    @property
    def is_server(self) -> bool:
        """Whether it is a server's address, and no file."""
        return "://" in self.path

    @property
    def source(self) -> str:
        """What is read, for messages and the names of rows."""
        return self.table or "query"


def parts(options: Options) -> list[tuple[Literal["all"], str]]:
    """The ranges of the key.

    Raises:
        BadFile: the database cannot be read so; the message says why.
    """
    with connected(options) as connection:
        count, first, last = _extent(connection, options)
        ranges = max(-(-count // options.range_rows), 1)
        if isinstance(first, int):
            span = last - first + 1
            bounds: list[Any] = [first + span * place // ranges for place in range(1, ranges)]
        else:
            bounds = list(_every(connection, options, first))
    bounds = [None, *dict.fromkeys(bounds), None]
    return [
        ("all", f"{options.source} {json.dumps(list(between), ensure_ascii=False)}")
        for between in pairwise(bounds)
    ]


def fingerprint(options: Options) -> str:
    """A text that changes when the rows do, as far as that is noticed."""
    with connected(options) as connection:
        found: list[Any] = [*_extent(connection, options)]
        if options.version is not None:
            import sqlalchemy

            version = connection.execute(sqlalchemy.text(_escaped(options.version))).scalar()
            found.append(repr(version))
    if not options.is_server:
        # The files' module knows the readers.
        from components.ingest.files import content_hash

        beside = (options.path, f"{options.path}-wal")
        found += [content_hash(path) for path in beside if os.path.isfile(path)]
    return json.dumps(found)


def read(part: str, options: Options) -> Iterator[Row]:
    """Yields the rows of a range, counted from 1.

    Raises:
        BadFile: the database cannot be read.
    """
    low, high = json.loads(part.removeprefix(f"{options.source} "))
    where = f"{options.path}: {options.source}"
    with connected(options) as connection:
        import sqlalchemy

        key = sqlalchemy.column(options.key)
        statement = sqlalchemy.select(sqlalchemy.text("*")).select_from(_source(options))
        # The first range has no lower bound, the last no upper one.
        statement = statement.where(key.is_not(None))
        if low is not None:
            statement = statement.where(key >= low)
        if high is not None:
            statement = statement.where(key < high)
        streamed = connection.execution_options(stream_results=True, yield_per=FETCHED)
        result = streamed.execute(statement.order_by(key))
        columns = list(result.keys())
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            problem = f"two columns are called {doubled[0]!r} (name them apart with AS)"
            raise BadFile(where, None, problem)
        if options.key.casefold() not in map(str.casefold, columns):
            # SQLite takes a quoted name that is no column for a text.
            problem = f"no column {options.key!r} (data.key); the columns are {', '.join(columns)}"
            raise BadFile(where, None, problem)
        for number, record in enumerate(result, start=1):
            fields, problem = {}, None
            for name, value in zip(columns, record, strict=True):
                try:
                    fields[name] = value_of(value)
                except Unreadable as error:
                    problem = f"column {name!r} {error}"
            yield Row(number, {} if problem else fields, problem)


def _extent(connection: "sqlalchemy.Connection", options: Options) -> tuple[int, Any, Any]:
    """The number of rows, and the first and the last key."""
    import sqlalchemy

    key, count = sqlalchemy.column(options.key), sqlalchemy.func.count
    asked = sqlalchemy.select(
        count(), count(key), sqlalchemy.func.min(key), sqlalchemy.func.max(key)
    ).select_from(_source(options))
    rows, keyed, first, last = connection.execute(asked).one()
    where = f"{options.path}: {options.source}"
    if not rows:
        raise BadFile(where, None, "holds no rows")
    if keyed < rows:
        problem = (
            f"{rows - keyed} of {rows} rows have no {options.key!r} (data.key), and no range of it "
            "holds them (name another key, or leave them out by query:)"
        )
        raise BadFile(where, None, problem)
    for kind in (int, str):
        if type(first) is kind and type(last) is kind:
            return rows, first, last
    problem = (
        f"column {options.key!r} (data.key) holds {type(first).__name__} and "
        f"{type(last).__name__}; a column of whole numbers or of text is read by (or cast it in "
        "query:)"
    )
    raise BadFile(where, None, problem)


def _every(connection: "sqlalchemy.Connection", options: Options, first: str) -> Iterator[str]:
    """Keys about ``range_rows`` apart, by the index."""
    import sqlalchemy

    key = sqlalchemy.column(options.key)
    asked = sqlalchemy.select(key).select_from(_source(options)).order_by(key).limit(1)
    at: Any = first
    while True:
        ahead = asked.where(key >= at).offset(options.range_rows)
        found = connection.execute(ahead).scalar()
        if found is None:
            return
        if found == at:  # So many rows have the same key.
            found = connection.execute(asked.where(key > at)).scalar()
            if found is None:
                return
        yield found
        at = found


def _source(options: Options) -> Any:
    import sqlalchemy

    if options.query is not None:
        query = _escaped(options.query.rstrip().rstrip(";"))
        return sqlalchemy.text(f"({query}) AS rows_of_query")
    schema, _, name = (options.table or "").rpartition(".")
    return sqlalchemy.table(name, schema=schema or None)


def _escaped(statement: str) -> str:
    """A statement in which a colon is only that, and names no parameter."""
    return statement.replace(":", "\\:")
