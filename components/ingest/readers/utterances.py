"""Reader of utterances: recordings of single words (wav) strung together, seeded.

    data: {path: recordings.zip, format: utterances, rate: 8000, said: digit, within: [speaker],
      names: "(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)",
      split: {by: column, column: take, train: 10-49, validate: 5-9, test: 0-4}}

The recordings are those of the reader ``audio``.  Recordings of an utterance fall to the same split
and are alike in the columns of ``within``, so that none is heard in two splits and nobody speaks
with two voices.  They are drawn without replacement: in each of the ``passes`` every recording is
in one utterance, but for a few of a group whose number cannot be cut.

A row holds ``audio`` (a wav file), ``text`` (what is said), ``count`` of recordings, ``recordings``
(their files' names), ``starts`` (where each begins, in seconds), ``seconds``, ``rate``, the columns
of ``within`` and, where a column splits, that one, as the first recording has it.

What is strung together depends on the options and the data alone.  All recordings are in memory,
and one worker reads them.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from components.ingest.readers import audio
from components.ingest.rows import BadFile, Row
from components.ingest.splits import SplitByColumn
from models.options import did_you_mean
from models.raw import RawError, column_text
from models.written import Names

if TYPE_CHECKING:
    from components.ingest.strung import Recording

PATTERNS = audio.PATTERNS
OWN = ("said", "called", "within", "recordings", "silence", "overlap", "passes", "seed")
FIELDS = ("audio", "text", "count", "recordings", "starts", "seconds", "rate")
"""Columns that the reader gives its rows itself."""

Seconds = Annotated[float, Field(ge=0.0, le=60.0)]
Count = Annotated[int, Field(ge=1, le=1000)]


class Options(audio.Options):
    """Options of utterances, beside those of ``audio``.

    Attributes:
        said: column that holds what is said in a recording.
        called: how what is said is written, by the column's value, or as a list by its number
            from 0 (``[zero, one, two]``); as it stands in the column if left out.
        within: columns in which the recordings of an utterance are alike.
        recordings: the fewest and the most that an utterance is of.
        silence: the longest before, between and behind recordings, in seconds.
        overlap: how much of its predecessor a recording speaks over at most, in seconds; what
            lies between two recordings is drawn evenly, from this much overlap to ``silence``.
        passes: how many utterances each recording is in.
        seed: of all that is drawn.
    """

    said: str
    called: list[str] | dict[str, str] | None = None
    within: Names = ()
    recordings: tuple[Count, Count] = (3, 7)
    silence: Seconds = 0.4
    overlap: Seconds = 0.1
    passes: int = Field(1, ge=1, le=1000)
    seed: int = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        fewest, most = self.recordings
        if fewest > most:
            raise ValueError(f"recordings: {fewest} to {most} is empty; write [{most}, {fewest}]")
        by_column = isinstance(self.split, SplitByColumn)
        for name in (*self.within, *([self.split.column] if by_column else ())):
            if name in FIELDS:
                raise ValueError(f"{name!r} is a column of the reader's own (rename it)")
        if by_column:
            if isinstance(self.split.validation, float):
                raise ValueError(
                    f"split: validate: {self.split.validation:g} of the utterances would hold "
                    "recordings that are in train too (name the values of "
                    f"{self.split.column!r} that are validate's)"
                )
        elif self.split.by != "group" or self.group not in self.within:
            raise ValueError(
                "split: a recording would be in utterances of several splits; split by a column "
                "of the recordings (split: {by: column, column: ..., train: ..., validate: ..., "
                "test: ...}), or by a group that is one of within:"
            )
        return self

    @property
    def of_audio(self) -> audio.Options:
        """The options of the recordings."""
        stated = self.model_dump(by_alias=True, exclude={*OWN, "format"})
        return audio.Options.model_validate({**stated, "format": "audio"})


def parts(options: Options) -> list[tuple[str, str]]:
    """One part, since a recording may go with any other."""
    return [("all", options.path)]


def fingerprint(options: Options) -> str:
    """Changes with the content of any file."""
    # The files' module knows the readers.
    from components.ingest.files import content_hashes

    if "://" in options.path:
        raise BadFile(
            options.path, None, "utterances are strung of files of this machine (copy it)"
        )
    found = sorted(content_hashes(options.of_audio).items())
    return hashlib.sha256(repr(found).encode()).hexdigest()


def read(part: str, options: Options) -> Iterator[Row]:
    """Yields the problems of the recordings, and then the utterances.

    Raises:
        BadFile: the recordings cannot be read, or too few are alike for an utterance.
    """
    # NumPy takes a moment to import, and options alone need none of it.
    from components.ingest.strung import utterances

    groups: defaultdict[tuple[str, ...], list[Recording]] = defaultdict(list)
    problems, number = 0, 0
    for row in _recordings(part, options):
        number += 1
        if row.problem or row.skipped:
            problems += bool(row.problem)
            yield row._replace(line=number)
            continue
        try:
            split, recording = _recording(row, options)
        except RawError as error:
            problems += 1
            yield Row(number, {}, f"{row.fields['file']}: {error}", came=str(row.fields["file"]))
            continue
        first = next(iter(groups.values()), [recording])[0]
        if recording.rate != first.rate:
            problems += 1
            problem = (
                f"{recording.file} has {recording.rate} samples a second, and {first.file} "
                f"{first.rate}; an utterance has one rate (state data.rate, resample the others)"
            )
            yield Row(number, {}, problem, came=recording.file)
            continue
        alike = tuple(recording.kept[name] for name in options.within)
        groups[split, *alike].append(recording)
    strung = 0
    each = [
        utterances(groups[key], options, f"{options.seed}:{':'.join(key)}")
        for key in sorted(groups)
    ]
    # An utterance of each group in turn, so that the first rows show them all.
    for fields in itertools.chain.from_iterable(itertools.zip_longest(*each)):
        if fields is not None:
            strung += 1
            yield Row(number + strung, fields)
    if not strung and not problems:
        raise BadFile(
            part,
            None,
            f"no {options.recordings[0]} recordings are alike in {', '.join(options.within)} and "
            "of one split, which an utterance is strung of (change within: or recordings:)",
        )


def _recordings(part: str, options: Options) -> Iterator[Row]:
    # The files' module knows the readers.
    from components.ingest.files import local_files
    from components.ingest.parts import read_part

    if "://" in part:
        raise BadFile(part, None, "utterances are strung of files of this machine (copy it)")
    recordings = options.of_audio
    for _, path in local_files(recordings):
        yield from read_part(path, recordings)


def _recording(row: Row, options: Options) -> "tuple[str, Recording]":
    """The split of a recording (empty where the group decides), and the recording.

    Raises:
        RawError: a column is missing, or its value is none that the options know.
    """
    from components.ingest.strung import Recording, samples_of

    fields = row.fields
    said = column_text(fields, options.said)
    text = said if options.called is None else _called(said, options)
    names, split = list(options.within), ""
    if isinstance(options.split, SplitByColumn):
        column = options.split.column
        names.append(column)
        found = options.split.split_of(column_text(fields, column))
        if found is None:
            named = ", ".join(f"{name} {value!r}" for name, value in options.split.named.items())
            raise RawError(f"column {column!r} is {fields[column]!r}; the splits are {named}")
        split = found
    kept = {name: column_text(fields, name) for name in names}
    return split, Recording(
        str(fields["file"]), text, samples_of(fields["audio"]), fields["rate"], kept
    )


def _called(said: str, options: Options) -> str:
    called = options.called
    if isinstance(called, dict):
        if said in called:
            return called[said]
        names = list(called)
    else:
        assert called is not None
        names = [str(place) for place in range(len(called))]
        if said in names:
            return called[int(said)]
    raise RawError(
        f"column {options.said!r} is {said!r}, and data.called has no word for it (it has "
        f"{', '.join(names)}){did_you_mean(said, names)}"
    )
