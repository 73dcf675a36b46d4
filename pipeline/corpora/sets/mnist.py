"""Handwritten digits of LeCun et al. 1998."""

from pipeline.corpora.files import as_they_are
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

_SOURCE = (
    "tensorflow/datasets tensorflow_datasets/url_checksums/mnist.txt @ "
    "31f1255e57e519a6c004f0b097a2f5cfcf0dde7d"
)
_FILES = {
    "train-images-idx3-ubyte.gz": (
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte.gz": (
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte.gz": (
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}

SET = DownloadedSet(
    name="mnist",
    what="handwritten digits, 28 x 28 grey values",
    task="classify",
    size="70,000 images, 12 MB",
    licence="not stated there; often given as CC BY-SA 3.0",
    citation="LeCun et al. 1998, Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE 86(11)",
    home="https://storage.googleapis.com/cvdf-datasets/mnist/ (the copy of the Common Visual Data "
    "Foundation)",
    files=tuple(
        RemoteFile(
            url=f"https://storage.googleapis.com/cvdf-datasets/mnist/{name}",
            size=size,
            checksum=Checksum(algorithm="sha256", digest=digest, source=_SOURCE),
        )
        for name, (size, digest) in _FILES.items()
    ),
    prepare=as_they_are,
)
