"""The Free Spoken Digit Dataset."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from components.errors import UserError
from pipeline.corpora.files import unpack_tar
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile


def _place(path: PurePosixPath) -> str | None:
    recording = path.suffix == ".wav" and path.parts[1:-1] == ("recordings",)
    return f"recordings/{path.name}" if recording else None


def prepare(files: Mapping[str, Path], folder: Path) -> None:
    """Unpacks ``recordings/DIGIT_SPEAKER_NUMBER.wav``."""
    (archive,) = files.values()
    if not unpack_tar(archive, folder, _place):
        raise UserError(f"{archive}: holds no recordings/*.wav")


SET = DownloadedSet(
    name="fsdd",
    what="spoken digits, wav files of 8 kHz, named by digit and speaker",
    task="classify",
    size="2,500 recordings, 12 MB",
    licence="CC BY-SA 4.0",
    citation="Jackson et al. 2018, Free Spoken Digit Dataset v1.0.9",
    home="https://github.com/Jakobovski/free-spoken-digit-dataset",
    files=(
        RemoteFile(
            url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
            size=11975353,
            checksum=Checksum(
                algorithm="sha256",
                digest="8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0",
                source="tensorflow/datasets tensorflow_datasets/audio/spoken_digit/checksums.tsv @ "
                "9a8594bda3bc2145324f597c59c37b6ac77c7963",
            ),
        ),
    ),
    prepare=prepare,
)
