"""Options under which ``models.network`` builds a baseline of an experiment: nothing is in order.

Both are trained by the experiment's own training loop, on its own batches.
"""

from models.spec import NetworkOptions


def bag_of_embeddings(network: NetworkOptions) -> NetworkOptions:
    """The mean of each sequence's embeddings (of its steps, where it has none), then the head.

    After Joulin et al. 2017, https://aclanthology.org/E17-2068/.

    Args:
        network: the experiment's, whose embeddings' width and dropouts are kept.
    """
    return NetworkOptions(
        cell="none",
        layers=0,
        pooling=("mean",),
        embedding_size=network.embedding_size,
        embedding_dropout=network.embedding_dropout,
        dropout=network.dropout,
    )


def each_step_alone(network: NetworkOptions) -> NetworkOptions:
    """A dense layer on each step by itself, then the task's head: no step sees another.

    Args:
        network: the experiment's, whose widths and dropouts are kept.
    """
    return NetworkOptions(
        cell="none",
        layers=1,
        units=network.units,
        pooling=("mean",),
        embedding_size=network.embedding_size,
        embedding_dropout=network.embedding_dropout,
        dropout=network.dropout,
    )
