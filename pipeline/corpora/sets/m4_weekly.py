"""The weekly series of the M4 competition."""

from pipeline.corpora.files import packed
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

_FILES = {
    "Train/Weekly-train.csv": "d478d3f6ed673e6ed3c2cb0fbed5425f72eedd51318ebebeb0b5ecfcefc37714",
    "Test/Weekly-test.csv": "3b2bc4be8e636e802260dcd843ca3c5da40536a1fbe1ecb3229a97dae4f44688",
}

SET = DownloadedSet(
    name="m4_weekly",
    what="weekly series of the M4 competition, a series a row",
    task="forecast",
    size="359 series, 4 MB",
    licence="not stated",
    citation="Makridakis et al. 2020, The M4 Competition: 100,000 time series and 61 forecasting "
    "methods, International Journal of Forecasting 36(1)",
    home="https://github.com/Mcompetitions/M4-methods",
    files=tuple(
        RemoteFile(
            url="https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset/" + path,
            checksum=Checksum(
                algorithm="sha256",
                digest=digest,
                source="dababiyoda/uniimente-kernel scripts/prepare_m4_weekly.py @ "
                "4e84d6f7452afdb468b5b395a9153e3022e25553",
            ),
        )
        for path, digest in _FILES.items()
    ),
    prepare=packed,
)
