"""Some tokens are taken for unknown ones, while training only."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from models.features.sequences import first_token
from models.layers.unknown import UnknownDropout
from models.options import graph_module, options_class

IDS = np.tile(np.arange(8, dtype=np.int32), (500, 1))


@pytest.mark.parametrize(("unknown", "known"), [(1, 2), (1, 4), (0, 1)])
def test_a_share_of_the_known_ids_becomes_an_unknown_one(unknown: int, known: int) -> None:
    layer = UnknownDropout(0.3, unknown, known, seed=3)
    np.testing.assert_array_equal(layer(IDS, training=False), IDS)
    found = np.asarray(layer(IDS, training=True))
    np.testing.assert_array_equal(found[:, :known], IDS[:, :known])
    changed = found[:, known:] != IDS[:, known:]
    assert abs(changed.mean() - 0.3) < 0.03
    counts = np.bincount(found[:, known:][changed], minlength=8)
    assert (counts[unknown:known] > 0.6 * changed.sum() / (known - unknown)).all()
    assert not counts[known:].any() and not counts[:unknown].any()
    assert (np.asarray(layer(IDS, training=True)) != found).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [((1.0, 1, 2), "from 0 to below 1"), ((-0.1, 1, 2), "from 0"), ((0.5, 2, 2), "comes first")],
)
def test_what_cannot_be_is_refused(options: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UnknownDropout(*options)


@pytest.mark.parametrize("kind", ["tokens", "categorical"])
def test_a_feature_has_it_where_it_asks_for_it(kind: str, plain_learnt: Callable) -> None:
    graph = graph_module("features", kind)
    for rate, buckets in ((0.0, 1), (0.2, 1), (0.2, 5)):
        options = options_class("features", kind)(
            kind=kind, unknown_rate=rate, unknown_buckets=buckets
        )
        inputs = graph.keras_inputs(options, "x")
        encoded = graph.encode(options, "x", inputs, plain_learnt({"x": list("abc")}), 4)
        model = keras.Model(inputs, getattr(encoded, "values", encoded))
        found = [layer for layer in model.layers if isinstance(layer, UnknownDropout)]
        assert len(found) == (rate > 0)
        for layer in found:
            assert layer.known == first_token(options) - (kind == "categorical")
            assert layer.known - layer.unknown == buckets
