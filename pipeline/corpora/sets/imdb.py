"""Film reviews of Maas et al. 2011."""

import csv
import gzip
import io
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from components.errors import UserError
from pipeline.corpora.files import read_tar
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

_REVIEW = re.compile(r"aclImdb/(train|test)/(pos|neg)/(\d+)_(\d+)\.txt")


def prepare(files: Mapping[str, Path], folder: Path) -> None:
    """Writes ``train.csv.gz`` and ``test.csv.gz``: ``id``, ``rating``, ``label`` (1, 0), ``text``.

    Raises:
        UserError: the archive is broken or holds no reviews.
    """
    (archive,) = files.values()
    reviews: dict[str, list[tuple[int, int, int, str]]] = {"train": [], "test": []}

    def take(path: PurePosixPath, content: BinaryIO) -> None:
        split, polarity, number, rating = _REVIEW.fullmatch(str(path)).groups()
        text = content.read().decode("utf-8")
        reviews[split].append((int(number), int(rating), int(polarity == "pos"), text))

    read_tar(archive, lambda path: bool(_REVIEW.fullmatch(str(path))), take)
    for split, rows in reviews.items():
        if not rows:
            raise UserError(f"{archive}: holds no reviews of the {split} split (aclImdb/{split}/)")
        with (
            open(folder / f"{split}.csv.gz", "wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
        ):
            table = csv.writer(text, lineterminator="\n")
            table.writerow(("id", "rating", "label", "text"))
            table.writerows(sorted(rows))


SET = DownloadedSet(
    name="imdb",
    what="film reviews, negative or positive",
    task="classify",
    size="50,000 rows, 84 MB",
    licence="not stated; its page asks for the citation",
    citation="Maas et al. 2011, Learning Word Vectors for Sentiment Analysis, "
    "https://aclanthology.org/P11-1015/",
    home="https://ai.stanford.edu/~amaas/data/sentiment/",
    files=(
        RemoteFile(
            url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            size=84125825,
            checksum=Checksum(
                algorithm="sha256",
                digest="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
                source="tensorflow/datasets tensorflow_datasets/url_checksums/imdb_reviews.txt @ "
                "333639b37af6c6fedf3610a4a2d42f1c6ef6f7d5",
            ),
        ),
    ),
    prepare=prepare,
)
