"""What a data set says about itself: where it is from, what may be done with it, how it is made.

Each lies in a file of its own in ``pipeline/corpora/sets``, as ``SET``, and is found by that file's
name.  A checksum is only written down with the public source that published it; a set whose files
have none is not there.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator, model_validator

from models.options import Options

DIGITS = {"sha256": 64, "md5": 32}
"""Hexadecimal digits of a digest, by algorithm."""

Progress = Callable[[int, int | None, str], None]
"""Called with how much is done, of how much (None if nobody knows), and what is being done."""


class Checksum(Options):
    """What a file's content hashes to, as somebody published it.

    Attributes:
        algorithm: the one that was published.  MD5 finds broken downloads; it does not keep out a
            forger.
        digest: in hexadecimal digits.
        source: who published it: repository, path and commit.
    """

    algorithm: Literal["sha256", "md5"]
    digest: str
    source: str = Field(pattern=r"^\S+/\S+ \S+ @ [0-9a-f]{40}$")

    @model_validator(mode="after")
    def _digest_is_one(self) -> "Checksum":
        if not re.fullmatch(f"[0-9a-f]{{{DIGITS[self.algorithm]}}}", self.digest):
            raise ValueError(
                f"digest: {self.digest!r} came; {self.algorithm} has {DIGITS[self.algorithm]} "
                "hexadecimal digits, lower case"
            )
        return self


class RemoteFile(Options):
    """A file at a data set's home.

    Attributes:
        url: http or https.
        checksum: of its content.
        size: bytes, where the source of the checksum states them.
    """

    url: str
    checksum: Checksum
    size: int | None = Field(None, gt=0)

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} came; an http or https address is fetched")
        name = unquote(parts.path.rpartition("/")[2])
        if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
            raise ValueError(f"{url!r} ends in no plain file name")
        return url

    @property
    def name(self) -> str:
        """The file's own name, without a path."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])


class DataSet(Options):
    """What every data set says.

    Attributes:
        name: by which it is asked for.
        what: one line: what the rows are.
        task: what is learnt from it.
        size: rows and bytes, for people.
        licence: what may be done with it; ``not stated`` where its home is silent.
        citation: whom to cite.
        home: its own page.
        experiment: the ready experiment file.
        folder: where it is put, unless the user says otherwise.
        file: what the experiment's ``data.path`` names in that folder; the folder itself if empty.
        version: counts up when the same files or options come to other bytes.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    what: str
    task: str
    size: str
    licence: str
    citation: str
    home: str
    experiment: str = Field(pattern=r"^experiments/[a-z0-9_]+\.yaml$")
    folder: str
    file: str = ""
    version: int = Field(1, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _usual_places(cls, values: object) -> object:
        if isinstance(values, dict) and "name" in values:
            name = values["name"]
            return {"experiment": f"experiments/{name}.yaml", "folder": f"data/{name}", **values}
        return values


class DownloadedSet(DataSet):
    """A data set that is fetched from its home.

    Attributes:
        files: what is fetched.
        prepare: brings fetched files, by name, into an empty folder in the form that the ready
            experiment reads.
    """

    files: tuple[RemoteFile, ...] = Field(min_length=1)
    prepare: Callable[[Mapping[str, Path], Path], None]

    @field_validator("files")
    @classmethod
    def _names_differ(cls, files: tuple[RemoteFile, ...]) -> tuple[RemoteFile, ...]:
        names = [file.name for file in files]
        if len(set(names)) < len(names):
            raise ValueError(f"two files have one name: {', '.join(sorted(names))}")
        return files


class GeneratedSet(DataSet):
    """A data set that is made here, without a network.

    Attributes:
        options: what can be chosen (``rows``, ``length``, ``seed``), with the usual values.
        generate: writes the files into an empty folder, and returns lines to show after it.
    """

    options: dict[str, int]
    generate: Callable[[Path, Mapping[str, int], Progress], list[str]]


class BuiltSet(DataSet):
    """A data set made from what is installed here.

    Attributes:
        build: ``build(path, force=..., progress=...)`` writes the file unless an up-to-date one
            lies there, or in any case if it is forced, and returns a report.
    """

    build: Callable[..., Any]
