"""What is exported holds no op of cuDNN, wherever it is traced."""

import keras
import pytest

from models.portable import without_cudnn


def test_no_recurrent_layer_inside_uses_cudnn_and_each_does_afterwards() -> None:
    inputs = keras.Input((None, 3))
    both = keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True))
    inner = keras.Sequential([keras.layers.LSTM(2, use_cudnn="auto")])
    network = keras.Model(inputs, inner(both(inputs)))
    layers = [both.forward_layer, both.backward_layer, inner.layers[0]]
    assert [layer.use_cudnn for layer in layers] == ["auto"] * 3
    with pytest.raises(RuntimeError), without_cudnn(network):
        assert [layer.use_cudnn for layer in layers] == [False] * 3
        raise RuntimeError
    assert [layer.use_cudnn for layer in layers] == ["auto"] * 3
