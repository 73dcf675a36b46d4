"""Daily exchange rates of eight currencies."""

from pipeline.corpora.files import as_they_are
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

SET = DownloadedSet(
    name="exchange_rate",
    what="exchange rates of eight currencies, 1990 to 2016, a day a row",
    task="forecast",
    size="7,588 rows, 0.2 MB",
    licence="not stated",
    citation="Lai et al. 2018, Modeling Long- and Short-Term Temporal Patterns with Deep Neural "
    "Networks, https://arxiv.org/abs/1703.07015",
    home="https://github.com/laiguokun/multivariate-time-series-data",
    files=(
        RemoteFile(
            url="https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/master/"
            "exchange_rate/exchange_rate.txt.gz",
            checksum=Checksum(
                algorithm="md5",
                digest="9dd5a9c8f8f324e234938400f232fa08",
                source="icannotnamemyself/HSTGNN torch_timeseries/datasets/exchange_rate.py @ "
                "2bd42439f3fd810c89ea10a58b2dd6fa7b1654bb",
            ),
        ),
    ),
    prepare=as_they_are,
)
