"""Plays of Shakespeare in one small file."""

from pipeline.corpora.files import packed
from pipeline.corpora.spec import Checksum, DownloadedSet, RemoteFile

SET = DownloadedSet(
    name="tinyshakespeare",
    what="plays of Shakespeare, 65 different characters",
    task="generate",
    size="1,115,394 characters, 1.1 MB",
    licence="public domain (the text); its repository states none",
    citation="Karpathy 2015, The Unreasonable Effectiveness of Recurrent Neural Networks",
    home="https://github.com/karpathy/char-rnn",
    files=(
        RemoteFile(
            url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
            "input.txt",
            size=1115394,
            checksum=Checksum(
                algorithm="sha256",
                digest="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                source="tensorflow/datasets tensorflow_datasets/url_checksums/tiny_shakespeare.txt "
                "@ 333639b37af6c6fedf3610a4a2d42f1c6ef6f7d5",
            ),
        ),
    ),
    prepare=packed,
)
