"""Multi30k: captions of pictures in English, German and French."""

from pipeline.corpora.files import as_they_are
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

_SOURCE = (
    "pytorch/text torchtext/experimental/datasets/raw/multi30k.py @ "
    "2a37cb9453b8e68816ee71647d27e4ebd21ce65c"
)
_FILES = {
    "train.de.gz": "81ff90b99829c0cd4b1b587d394afd39",
    "train.en.gz": "0065d13af80720a55ca8153d126e6627",
    "train.fr.gz": "6cb767741dcad3931f966fefbc05203f",
    "val.de.gz": "6e0e229eb049e3fc99a1ef02fb2d5f91",
    "val.en.gz": "2b69aa9253948ac9f67e94917272dd40",
    "val.fr.gz": "93fc564584b7e5ba410c761ea5a1c682",
    "test_2016_flickr.de.gz": "efd67d314d98489b716b145475101932",
    "test_2016_flickr.en.gz": "ff2c0fcb4893a13bd73414306bc250ae",
    "test_2016_flickr.fr.gz": "08dc7cd4a662f31718412de95ca9bfe3",
    "test_2017_flickr.de.gz": "6a8d5c87f6ae19e3d35681aa6fd16571",
    "test_2017_flickr.en.gz": "005396bac545d880abe6f00bbb7dbbb4",
    "test_2017_flickr.fr.gz": "cb09af7d2b501f9112f2d6a59fa1360d",
    "test_2017_mscoco.de.gz": "e8cd6ec2bc8a11fc846fa48a46e3d0bb",
    "test_2017_mscoco.en.gz": "a7b684e0edbef1d4a23660c8e8e743fd",
    "test_2017_mscoco.fr.gz": "4995d10954a804d3cdfd907b9fd093e8",
}

SET = DownloadedSet(
    name="multi30k",
    what="captions of pictures in English, German and French, line by line",
    task="translate",
    size="31,014 pairs and three tests, 2 MB",
    licence="not stated; the captions derive from Flickr30k",
    citation="Elliott et al. 2016, Multi30K: Multilingual English-German Image Descriptions, "
    "https://aclanthology.org/W16-3210/",
    home="https://github.com/multi30k/dataset",
    files=tuple(
        RemoteFile(
            url=f"https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/{name}",
            checksum=Checksum(algorithm="md5", digest=digest, source=_SOURCE),
        )
        for name, digest in _FILES.items()
    ),
    prepare=as_they_are,
)
