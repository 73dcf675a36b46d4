"""The reader of databases: SQLite always, PostgreSQL where a server and its driver are found."""

import glob
import importlib.util
import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.errors import DataError
from components.ingest.options import DataOptions, data_class
from components.ingest.parts import has_parts, read_part
from components.ingest.readers import database
from components.ingest.rows import Row
from pipeline.options_check import check_options

SECRET = "s3cret:p@ss"


def options(path: Path | str, **stated: Any) -> DataOptions:
    stated = {"table": "reviews", "key": "id"} | stated
    stated = {name: value for name, value in stated.items() if value is not None}
    given = data_class("database")(path=str(path), format="database", **stated)
    assert type(given).model_validate_json(given.to_json()) == given
    return given


def read_all(given: DataOptions) -> list[Row]:
    return [row for _, part in database.parts(given) for row in read_part(part, given)]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop #1?.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE reviews (id INTEGER PRIMARY KEY, code TEXT, stars REAL)")
        rows = [(5 * row, f"c{row:03}", row / 2) for row in range(1, 101)]
        connection.executemany("INSERT INTO reviews VALUES (?, ?, ?)", rows)
    connection.close()
    return path


def change(path: Path, statement: str, *values: Any) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize("key", ["id", "code"])
@pytest.mark.parametrize("range_rows", [3, 7, 100, 1000])
def test_ranges_of_the_key_hold_every_row_once(shop: Path, key: str, range_rows: int) -> None:
    given = options(shop, key=key, range_rows=range_rows)
    assert has_parts(given)
    parts = [part for role, part in database.parts(given) if role == "all"]
    assert len(parts) == pytest.approx(max(100 / range_rows, 1), abs=1)
    rows = read_all(given)
    assert [row.fields["id"] for row in rows] == [5 * row for row in range(1, 101)]
    assert rows[9].fields == {"id": 50, "code": "c010", "stars": 5.0}
    first = list(read_part(parts[0], given))
    assert [row.line for row in first] == list(range(1, len(first) + 1))
    assert all(part.startswith("reviews [") for part in parts)


def test_keys_that_many_rows_share_are_read_once(shop: Path) -> None:
    change(shop, "UPDATE reviews SET code = 'same: [1]' WHERE id > 100 AND id < 400")
    rows = read_all(options(shop, key="code", range_rows=10))
    assert sorted(row.fields["id"] for row in rows) == [5 * row for row in range(1, 101)]


def test_a_query_is_read_like_a_table(shop: Path) -> None:
    query = "SELECT id, 'a:b %' || code AS text FROM reviews WHERE code LIKE 'c00%' AND ':x' <> '';"
    rows = read_all(options(shop, table=None, query=query, range_rows=2))
    assert [row.fields["text"] for row in rows] == [f"a:b %c00{row}" for row in range(1, 10)]


def test_an_address_of_sqlite_is_its_file(shop: Path) -> None:
    assert options(f"sqlite:///{shop}").path == str(shop)
    assert options("sqlite:///shop.db").path == "shop.db"


def test_the_fingerprint_changes_with_the_rows(shop: Path) -> None:
    before = database.fingerprint(options(shop))
    assert json.loads(before)[:3] == [100, 5, 500]
    assert database.fingerprint(options(shop)) == before
    versioned = options(shop, version="SELECT max(stars) FROM reviews")
    assert json.loads(database.fingerprint(versioned))[3] == "50.0"
    os.utime(shop, ns=(1, 1))
    change(shop, "UPDATE reviews SET stars = 0 WHERE id = 5")
    assert database.fingerprint(options(shop)) != before


def test_values_that_no_feature_reads_spoil_their_row_only(shop: Path) -> None:
    change(shop, "UPDATE reviews SET code = CAST(x'ff41' AS TEXT) WHERE id = 10")
    change(shop, "UPDATE reviews SET code = x'00ff' WHERE id = 15")
    change(shop, "UPDATE reviews SET code = NULL WHERE id = 20")
    _, bad, raw, empty, *_ = read_all(options(shop))
    assert bad.problem == "column 'code' holds bytes that are not UTF-8 (store the text as UTF-8)"
    assert raw.fields["code"] == b"\x00\xff" and empty.fields["code"] is None


@pytest.mark.parametrize(
    ("stated", "change_it", "problem"),
    [
        ({"table": "review"}, None, "review: cannot be read: no such table: review"),
        ({"key": "ident"}, None, "reviews: cannot be read: no such column: ident"),
        ({"table": None, "query": "SELECT 1 +"}, None, "query: cannot be read: near"),
        ({}, "DELETE FROM reviews", "reviews: holds no rows"),
        ({"key": "stars"}, None, "column 'stars' (data.key) holds float and float"),
        (
            {"key": "code"},
            "UPDATE reviews SET code = NULL WHERE id < 20",
            "3 of 100 rows have no 'code' (data.key)",
        ),
        ({"key": "my key"}, None, "no column 'my key' (data.key); the columns are id, code, stars"),
    ],
)
def test_what_cannot_be_read_is_told(shop: Path, stated, change_it, problem) -> None:
    if change_it:
        change(shop, change_it)
    with pytest.raises(DataError) as caught:
        read_all(options(shop, **stated))
    assert problem in str(caught.value)


def test_a_file_that_is_not_there_or_no_database_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.db: no such file"):
        database.parts(options(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("id,text\n" * 100)
    with pytest.raises(DataError, match="cannot be read: file is not a database"):
        database.parts(options(tmp_path / "text.db"))


def test_nothing_is_written_through_a_query(shop: Path) -> None:
    before = shop.read_bytes()
    query = "WITH gone AS (SELECT 1) DELETE FROM reviews RETURNING id"
    with pytest.raises(DataError, match="cannot be read"):
        read_all(options(shop, table=None, query=query))
    assert shop.read_bytes() == before


@pytest.mark.parametrize(
    ("path", "stated", "problem"),
    [
        (f"postgresql://anna:{SECRET}@host/db", {}, "names a user or a password"),
        ("postgresql://anna@host/db", {}, "names a user or a password"),
        (f"postgresql://host/db?password={SECRET.replace('@', '')}", {}, "?password= came"),
        ("postgresql://host", {}, "names no database"),
        ("postgresql://host:x/db", {}, "no address came"),
        ("postgresql://[/db", {}, "no address came"),
        ("mysql://host/db", {}, "mysql:// came; the file of an SQLite database"),
        ("postgresql://host/db", {"password_from": SECRET}, "the name of an environment variable"),
        ("a.db", {"user_from": "SHOP_USER"}, "user_from and password_from are of a server"),
        ("a.db", {"query": "SELECT 1"}, "state table: or query:, one of them"),
        ("a.db", {"table": None}, "state table: or query:, one of them"),
        ("a.db", {"table": None, "query": "DROP TABLE x"}, "query: begins with SELECT or WITH"),
        ("a.db", {"table": None, "query": "SELECT 1; DROP TABLE x"}, "query: is one statement"),
        ("a.db", {"split": {"by": "files", "train": "a", "test": "b"}}, "is of files"),
    ],
)
def test_options_are_refused_and_no_secret_is_told(path: str, stated, problem: str) -> None:
    given = {"format": "database", "path": path, "table": "t", "key": "id"} | stated
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(ValidationError) as caught:
        data_class("database").model_validate(given)
    assert problem in str(caught.value)
    told: list[Any] = []
    check_options(data_class("database"), given, ("data",), told)
    assert problem in told[0].message
    assert "s3cret" not in str(caught.value) + str(told)


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    given = options("postgresql://host/db", password_from="SHOP_PASSWORD")
    with pytest.raises(DataError, match="the environment variable SHOP_PASSWORD is not set"):
        database.parts(given)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8191), st.binary(min_size=1, max_size=8)), max_size=6))
def test_a_damaged_file_gives_rows_or_a_data_error(edits) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        change(path, "CREATE TABLE reviews (id INTEGER PRIMARY KEY, text TEXT)")
        with sqlite3.connect(path) as connection:
            connection.executemany("INSERT INTO reviews (text) VALUES (?)", [("x" * 90,)] * 40)
        connection.close()
        content = bytearray(path.read_bytes())
        for place, piece in edits:
            content[place : place + len(piece)] = piece
        path.write_bytes(content)
        try:
            rows = read_all(options(path, range_rows=15))
        except DataError as error:
            assert str(error).startswith(str(path))
        else:
            assert all(row.problem or row.fields for row in rows)


def _server_programs() -> str | None:
    found = shutil.which("initdb") or next(
        iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)), None
    )
    return found and os.path.dirname(os.path.realpath(found))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a PostgreSQL server of the test's own, with a user, a password and a table."""
    programs = _server_programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip("needs PostgreSQL's server (initdb) and psycopg")
    import psycopg

    user = None
    if os.geteuid() == 0:  # The server refuses to run as root.
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = next((name for name in ("postgres", "nobody") if name in names), None)
    folder = tempfile.mkdtemp(prefix="rondo-pg-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (Path(folder) / "password").write_text(SECRET)
    if user is not None:
        for path in (folder, f"{folder}/password"):
            shutil.chown(path, user)

    def call(program: str, *arguments: str) -> None:
        command = [f"{programs}/{program}", "-D", f"{folder}/data", *arguments]
        log = subprocess.DEVNULL
        subprocess.run(command, check=True, user=user, stdout=log, timeout=60, cwd=folder)

    call("initdb", "-U", "anna", "-A", "scram-sha-256", "--pwfile", f"{folder}/password", "-N")
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    call("pg_ctl", "-w", "-l", f"{folder}/log", "-o", settings, "start")
    try:
        monkeypatch.setenv("SHOP_USER", "anna")
        monkeypatch.setenv("SHOP_PASSWORD", SECRET)
        with psycopg.connect(
            host="127.0.0.1", port=port, user="anna", password=SECRET, dbname="postgres"
        ) as connection:
            connection.execute("CREATE SCHEMA shop")
            connection.execute(
                "CREATE TABLE shop.reviews AS SELECT i AS id, 'c' || i AS code, i::numeric / 4 AS "
                "price, ARRAY[i, 2 * i] AS steps, '{\"a\": 1}'::jsonb AS extra, '\\x00ff'::bytea "
                "AS raw, timestamptz '2026-01-02 03:04Z' AS at, '1.5h'::interval AS took, "
                "NULL::text AS nothing FROM generate_series(1, 5000) AS i"
            )
            connection.execute("CREATE UNIQUE INDEX ON shop.reviews (id)")
        yield f"postgresql://127.0.0.1:{port}/postgres?connect_timeout=5"
    finally:
        call("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.mark.slow
def test_a_table_of_postgresql_is_streamed_by_ranges(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"user_from": "SHOP_USER", "password_from": "SHOP_PASSWORD"}
    given = options(server, table="shop.reviews", range_rows=700, **secret)
    assert len(database.parts(given)) == 8
    rows = read_all(given)
    assert [row.fields["id"] for row in rows] == list(range(1, 5001))
    assert rows[2].fields | {"at": ""} == {
        "id": 3,
        "code": "c3",
        "price": 0.75,
        "steps": [3, 6],
        "extra": {"a": 1},
        "raw": b"\x00\xff",
        "at": "",
        "took": 5400.0,
        "nothing": None,
    }
    assert rows[2].fields["at"].startswith("2026-01-02T")
    by_text = options(server, table="shop.reviews", key="code", range_rows=900, **secret)
    assert sorted(row.fields["id"] for row in read_all(by_text)) == list(range(1, 5001))
    query = "SELECT id, code::text || ' 100%' AS text FROM shop.reviews WHERE id <= 20"
    asked = options(server, table=None, query=query, **secret)
    assert read_all(asked)[19].fields == {"id": 20, "text": "c20 100%"}
    versioned = options(server, table="shop.reviews", version="SELECT 'v:1'", **secret)
    assert json.loads(database.fingerprint(versioned)) == [5000, 1, 5000, "'v:1'"]
    strange = options(
        server, table=None, query="SELECT id, int4range(1, 3) AS r FROM shop.reviews", **secret
    )
    assert read_all(strange)[0].problem.startswith("column 'r' holds a Range, which no feature")
    doubled = options(server, table=None, query="SELECT id, at, at FROM shop.reviews", **secret)
    with pytest.raises(DataError, match="query: two columns are called 'at'"):
        read_all(doubled)
    writing = "WITH gone AS (DELETE FROM shop.reviews RETURNING id) SELECT id FROM gone"
    with pytest.raises(DataError, match="cannot be read"):
        read_all(options(server, table=None, query=writing, **secret))
    monkeypatch.setenv("SHOP_PASSWORD", "wr0ng")
    with pytest.raises(DataError, match=r"cannot be read: .*authentication failed") as caught:
        database.parts(given)
    assert "wr0ng" not in str(caught.value) and "anna" not in str(caught.value)
