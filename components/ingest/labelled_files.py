"""Rows of files that are a row each, with what their names or a table say of them.

For the readers ``files``, ``audio`` and ``images``.  A row holds ``file`` (its path below the
folder that ``data.path`` names, or in its archive), ``name`` (its own name without the ending),
``folder`` (the name of its folder), the groups of ``names`` and the columns of ``table``.
"""

import functools
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, ClassVar, Literal, NamedTuple

from pydantic import field_validator, model_validator

from components.ingest.lines import name_in_data
from components.ingest.members import UNREADABLE, is_archive, members
from components.ingest.names import base_folder, stem
from components.ingest.options import DataOptions, data_class
from components.ingest.parts import read_part
from components.ingest.rows import BadFile, Row
from models.options import did_you_mean
from models.raw import shown

TABLE_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
NOT_OF_THE_FORM = "a file whose name is not of the form that data.names states"
NOT_IN_TABLE = "a file that data.table does not list"
NO_SUCH_FILE = "a line of data.table that names no file"


class LabelledFileOptions(DataOptions):
    """Options of files that are a row each.

    Attributes:
        names: regular expression that a file's name without its ending is of; its named groups
            become columns, as in ``(?P<digit>[0-9])_(?P<speaker>[a-z]+)``.
        table: csv, tsv or jsonl file in the folder that ``data.path`` names, with a line for each
            file; its columns become columns.
        key: column of the table that holds the file's name: with or without its folder and ending.
        unmatched: what is done with a file that ``names`` or ``table`` says nothing of, and with a
            line of the table that names no file: ``fail`` makes it a problem, ``skip`` counts it.
    """

    own_fields: ClassVar[tuple[str, ...]] = ("file", "name", "folder")
    """Fields that the reader gives its rows itself."""

    names: str | None = None
    table: str | None = None
    key: str | None = None
    unmatched: Literal["fail", "skip"] = "fail"

    @field_validator("names")
    @classmethod
    def _expression(cls, names: str | None) -> str | None:
        if names is None:
            return None
        try:
            groups = re.compile(names).groupindex
        except re.error as error:
            raise ValueError(f"{names!r} is no regular expression: {error}") from error
        if not groups:
            raise ValueError(f"{names!r} has no named group, such as (?P<speaker>[a-z]+)")
        taken = sorted(set(groups) & set(cls.own_fields))
        if taken:
            raise ValueError(f"{taken[0]!r} is a column of the reader's own (rename the group)")
        return names

    @model_validator(mode="after")
    def _table_has_a_key(self) -> "LabelledFileOptions":
        if (self.table is None) != (self.key is None):
            raise ValueError("state table: and key: (its column with the files' names) together")
        if self.table is not None and _table_format(self.table) is None:
            raise ValueError(
                f"table: {self.table!r} came; its name ends in {', '.join(TABLE_FORMATS)}, or that "
                "and .gz"
            )
        return self


def _table_format(name: str) -> str | None:
    return TABLE_FORMATS.get(os.path.splitext(name.removesuffix(".gz"))[1].lower())


def table_companions(path: str, options: DataOptions) -> list[str]:
    """The table, as a reader's ``companions``."""
    assert isinstance(options, LabelledFileOptions)
    return [] if options.table is None else [os.path.join(base_folder(options), options.table)]


def labelled_rows(
    stream: BinaryIO,
    path: str,
    options: LabelledFileOptions,
    endings: tuple[str, ...],
    read: Callable[[bytes, str], dict[str, Any]],
) -> Iterator[Row]:
    """Yields the row of each file of a part and, behind the first part, what the table has beyond.

    Args:
        stream: the file, or archive.
        path: of it.
        options: of the data.
        endings: of the archive's members that are read.
        read: gives the fields of a content, by the file's name too; raises ValueError for one that
            cannot be read.

    Raises:
        BadFile: the table or the archive cannot be read.
    """
    table = None if options.table is None else _table(path, options)
    for member in members(stream, path, name_in_data(path, options), endings):
        if member.problem or member.skipped:
            yield Row(member.number, {}, member.problem, member.skipped, came=member.name)
            continue
        folder = member.name if is_archive(path) else path
        fields: dict[str, Any] = {
            "file": member.name,
            "name": stem(member.name),
            "folder": os.path.basename(os.path.dirname(folder)),
        }
        try:
            fields |= _named(fields["name"], options)
            fields |= {} if table is None else table.of(member.name)
        except _Unmatched as error:
            problem = f"{member.name}: {error}" if options.unmatched == "fail" else None
            yield Row(member.number, {}, problem, None if problem else error.reason)
            continue
        try:
            yield Row(member.number, fields | read(member.content, member.name))
        except ValueError as error:
            problem = f"member {member.name!r}: {error}" if is_archive(path) else str(error)
            yield Row(
                member.number, {}, problem, came=f"{member.name}, {len(member.content)} bytes"
            )
    if table is not None:
        yield from _lines_without_file(path, options, table)


class _Unmatched(Exception):
    """A file that ``names`` or ``table`` says nothing of."""

    def __init__(self, problem: str, reason: str):
        super().__init__(problem)
        self.reason = reason


def _named(name: str, options: LabelledFileOptions) -> dict[str, Any]:
    if options.names is None:
        return {}
    matched = re.fullmatch(options.names, name)
    if matched is None:
        raise _Unmatched(
            f"the name {shown(name)} is not of the form data.names, {options.names} (rename the "
            "file, correct the expression, or write unmatched: skip)",
            NOT_OF_THE_FORM,
        )
    return matched.groupdict()


class _Table(NamedTuple):
    """The table's lines, by the name that each has for its file.

    Attributes:
        path: of the table.
        lines: number and fields of a line, by its key.
        doubled: a key that several lines have, to the line of the second.
    """

    path: str
    lines: Mapping[str, tuple[int, Mapping[str, Any]]]
    doubled: Mapping[str, int]

    def of(self, file: str) -> Mapping[str, Any]:
        """The columns of a file."""
        for key in keys_of(file):
            if key in self.doubled:
                raise _Unmatched(
                    f"{self.path} names it in line {self.lines[key][0]} and in line "
                    f"{self.doubled[key]} (take one out)",
                    NOT_IN_TABLE,
                )
            if key in self.lines:
                return self.lines[key][1]
        raise _Unmatched(
            f"no line of {self.path} names this file (add one, or write unmatched: skip)",
            NOT_IN_TABLE,
        )


def keys_of(file: str) -> list[str]:
    """What a table may call a file, the most exact name first."""
    exact = [file, os.path.splitext(file)[0]]
    return list(dict.fromkeys([*exact, *map(os.path.basename, exact)]))


def _table(path: str, options: LabelledFileOptions) -> _Table:
    if "://" in path:
        raise BadFile(path, None, "table: reads files of this machine (copy the folder)")
    (table,) = table_companions(path, options)
    try:
        changed = os.stat(table).st_mtime_ns
    except OSError as error:
        problem = "cannot be read (data.table; it stands in the folder that data.path names)"
        raise BadFile(table, None, f"{problem}: {error.strerror}") from error
    assert options.key is not None
    return _read_table(table, changed, options.key, options.own_fields)


@functools.lru_cache(maxsize=4)
def _read_table(path: str, changed: int, key: str, own_fields: tuple[str, ...]) -> _Table:
    data_format = _table_format(path)
    assert data_format is not None, "the options were checked"
    stated = {"delimiter": "\t"} if path.removesuffix(".gz").endswith(".tsv") else {}
    options = data_class(data_format)(path=path, format=data_format, **stated)
    lines: dict[str, tuple[int, Mapping[str, Any]]] = {}
    doubled: dict[str, int] = {}
    for row in read_part(path, options):
        if row.skipped is not None:
            continue
        if row.problem is not None:
            raise BadFile(path, row.line, row.problem)
        if key not in row.fields:
            raise BadFile(
                path,
                row.line,
                f"no column {key!r} (data.key); the columns are {', '.join(row.fields)}"
                f"{did_you_mean(key, row.fields)}",
            )
        fields = {name: value for name, value in row.fields.items() if name != key}
        taken = sorted(set(fields) & set(own_fields))
        if taken:
            problem = f"column {taken[0]!r} is one of the reader's own (rename it)"
            raise BadFile(path, row.line, problem)
        name = str(row.fields[key]).removesuffix(".gz")
        if key not in own_fields:
            fields[key] = row.fields[key]
        if name in lines:
            doubled.setdefault(name, row.line)
        else:
            lines[name] = (row.line, fields)
    return _Table(path, lines, doubled)


def _lines_without_file(path: str, options: LabelledFileOptions, table: _Table) -> Iterator[Row]:
    """Told once: behind the first of the parts."""
    # The files' module knows the readers.
    from components.ingest.files import local_files

    parts = sorted(os.path.abspath(found) for _, found in local_files(options))
    if not parts or os.path.abspath(path) != parts[0]:
        return
    called: set[str] = set()
    for part in parts:
        for file in _files_in(part, options):
            called.update(keys_of(file))
    number = 1
    for key, (line, _) in table.lines.items():
        if key in called:
            continue
        number += 1
        if options.unmatched == "skip":
            yield Row(number, {}, skipped=NO_SUCH_FILE)
        else:
            problem = f"{table.path}:{line}: {shown(key)} names no file of the data"
            yield Row(number, {}, f"{problem} (take the line out, or write unmatched: skip)")


def _files_in(part: str, options: LabelledFileOptions) -> list[str]:
    if not is_archive(part):
        return [name_in_data(part, options)]
    try:
        with zipfile.ZipFile(part) as archive:
            return archive.namelist()
    except UNREADABLE:
        # Reading that part says what is wrong with it.
        return []
