"""What the Embeddings node reads of an experiment; importing it imports no TensorFlow."""

from models.features.vectors import VectorOptions
from models.options import Options

EMBEDDINGS_KEY = "embeddings"
"""The node's output, the Trainer's and the Tuner's input, and the entry of ``custom_config`` under
which their code is told the folder."""


class FeatureVectors(Options):
    """A feature's share.

    Attributes:
        vectors: its options, with an absolute path; ``trained`` is the Trainer's alone and unset.
        first_token: id of the vocabulary's first entry.
    """

    vectors: VectorOptions
    first_token: int = 2


class EmbeddingsConfig(Options):
    """What the Embeddings node reads.

    Attributes:
        features: by name, those with pretrained vectors.
        embedding_size: the experiment's, where it states one that no other feature reads.
        seed: of random vectors; 0 where there are none.
        contents: hash of each local file, by path; none of remote ones.
        code: hash of the code that runs.
    """

    features: dict[str, FeatureVectors]
    embedding_size: int | None
    seed: int
    contents: dict[str, str]
    code: str
