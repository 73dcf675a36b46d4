"""Reader of line-aligned files: two or more with as many lines, one row a line, UTF-8.

``data.path`` or ``data.split`` names one of them; ``beside`` says which others go with it.  By
``folder`` all files of its folder do, hidden ones left aside, each a column named as the file is
without ``.gz``: ``seq.in.gz`` and ``seq.out.gz`` give rows of ``seq.in`` and ``seq.out``.  By
``stem`` the files do that are named as it is up to the last dot, each a column named by what
follows: ``train.de.gz`` and ``train.en.gz`` give rows of ``de`` and ``en``.  ``columns`` names
columns and picks their files:

    data: {path: multi30k, format: aligned, beside: stem, columns: {source: de, target: en},
           split: {by: files, train: train.de.gz, validate: val.de.gz, test: test.de.gz}}
"""

import glob
import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from typing import BinaryIO, Literal

from pydantic import Field, field_validator

from components.ingest.lines import Line, lines, named, shortened
from components.ingest.options import DataOptions
from components.ingest.parts import UNREADABLE, local
from components.ingest.rows import BadFile, Row

PATTERNS = ("*.in", "*.in.gz")


class Options(DataOptions):
    """Options of line-aligned files.

    Attributes:
        beside: which files are read together: all of a ``folder``, or those of a ``stem``.
        columns: the columns that are read, by name, each with the name of its file in the folder
            or with the ending after the stem (``.gz`` may be left out); all if null.
    """

    beside: Literal["folder", "stem"] = "folder"
    columns: dict[str, str] | None = Field(None, min_length=1)

    @field_validator("columns")
    @classmethod
    def _files_without_folder(cls, columns: dict[str, str] | None) -> dict[str, str] | None:
        for name, file in (columns or {}).items():
            if not file or "/" in file:
                raise ValueError(
                    f"{name}: {file!r} came; the name of a file beside the one that is read, or "
                    "its ending, is read"
                )
        return columns


def companions(path: str, options: Options) -> list[str]:
    """The other files that rows are made of."""
    return [file for file in _files(path, options).values() if file != path]


def _files(path: str, options: Options) -> dict[str, str]:
    """The files by column.

    Raises:
        BadFile: two of them give the same column, or none gives one that is asked for, or the
            named one has no ending that could be a column.
    """
    folder, own = os.path.split(path)
    stem = ""
    if options.beside == "stem":
        before, dot, ending = own.removesuffix(".gz").rpartition(".")
        stem = before + dot
        if not stem or not ending:
            problem = (
                f"{own!r} has no ending, which data.beside: stem names a column by (name the file "
                "as train.de, or write beside: folder)"
            )
            raise BadFile(path, None, problem)
    files: dict[str, str] = {}
    given = sorted(
        {path, *filter(os.path.isfile, glob.glob(os.path.join(glob.escape(folder), "*")))}
    )
    for file in given:
        name = os.path.basename(file).removesuffix(".gz")
        column = name.removeprefix(stem)
        if not name.startswith(stem) or (stem and (not column or "." in column)):
            continue
        if column in files:
            raise BadFile(path, None, f"the folder holds {name!r} twice, packed and not")
        files[column] = file
    if options.columns is None:
        return {**{_own(path, files): path}, **files}
    wanted = {name: file.removesuffix(".gz") for name, file in options.columns.items()}
    for name, file in wanted.items():
        if file not in files:
            problem = (
                f"there is no file {stem + file!r} beside it, packed or not, for data.columns."
                f"{name}; there are {named(files)}"
            )
            raise BadFile(path, None, problem)
    return {name: files[file] for name, file in wanted.items()}


def _own(path: str, files: dict[str, str]) -> str:
    return next(column for column, file in files.items() if file == path)


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields a row for each line; a line that is blank in every file is passed over.

    Raises:
        BadFile: the files are not on this machine, one cannot be read, two of them give the same
            column, or none one that is asked for.
    """
    if "://" in path:
        raise BadFile(path, None, "format: aligned reads files of this machine (copy the folder)")
    files = _files(path, options)
    if len(files) < 2:
        problem = (
            "there is no other file to align it with (data.beside: folder reads all files of the "
            "folder, stem those with the same name up to the last dot)"
        )
        raise BadFile(path, None, problem)
    with ExitStack() as opened:
        given = [lines(stream) if file == path else _lines(file, opened) for file in files.values()]
        for number, contents in enumerate(zip_longest(*given), start=1):
            row = _row(number, dict(zip(files, contents, strict=True)), files)
            if row is not None:
                yield row
            if None in contents:
                return


def _lines(file: str, opened: ExitStack) -> Iterator[Line]:
    number = 0
    try:
        for line in lines(opened.enter_context(local(file))):
            number = line.number
            yield line
    except UNREADABLE as error:
        raise BadFile(file, number or None, f"cannot be read beyond this line: {error}") from error


def _row(number: int, contents: dict[str, Line | None], files: dict[str, str]) -> Row | None:
    ended = [files[column] for column, line in contents.items() if line is None]
    if ended:
        problem = (
            f"{', '.join(ended)} ended before this line, where other files go on (a row needs its "
            "line in every file; data.columns says which files are read)"
        )
        came = {column: line.text for column, line in contents.items() if line is not None}
        return Row(number, {}, problem, came=shortened(str(came)))
    texts: dict[str, str] = {}
    for column, line in contents.items():
        assert line is not None
        if line.problem is not None:
            return Row(number, {}, f"{files[column]} {line.problem}", came=line.came)
        texts[column] = line.text.rstrip("\r")
    return Row(number, texts) if any(text.strip() for text in texts.values()) else None
