"""Networks that a user builds: by the documented example, and what is refused."""

import re
import sys
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

from models.dotted import function_problem
from models.features.text import Options as Text
from models.own_network import Parts, build_any
from models.spec import NetworkOptions
from models.tasks.classify import Options as Classify

DOCUMENT = Path(__file__).parents[2] / "docs" / "tuning.md"
WORDS, LABELS = ["a", "b", "c"], ["yes", "no"]


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a module of a user's."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        sys.modules.pop(name, None)

    return write


def parts(plain_learnt, path: str | None) -> Parts:
    learnt = plain_learnt({"review": WORDS, "label": LABELS})
    network = NetworkOptions(build_model=path)
    task = Classify(kind="classify", label="sentiment")
    return Parts({"review": Text(kind="text")}, task, network, learnt)


def test_documented_example_is_built_and_padding_changes_nothing(own_module, plain_learnt) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    own_module("documented_network", source)
    hp = keras_tuner.HyperParameters()
    network = build_any(parts(plain_learnt, "documented_network.build_model"), hp)
    assert hp.values == {"width": 32, "filters": 16}
    alone = {"review": np.array([[1, 2]], np.int32), "review_length": np.array([2], np.int32)}
    padded = {**alone, "review": np.array([[1, 2, 0, 0]], np.int32)}
    np.testing.assert_allclose(network.predict(alone), network.predict(padded), atol=1e-6)
    assert network.output_shape == (None, len(LABELS))


def test_function_of_one_argument(own_module, plain_learnt) -> None:
    own_module(
        "one_argument",
        "import keras\n\ndef build_model(hp):\n"
        "    review = keras.Input((None,), dtype='int32', name='review')\n"
        "    mean = keras.ops.mean(keras.ops.cast(review, 'float32'), axis=1, keepdims=True)\n"
        "    return keras.Model({'review': review}, keras.layers.Dense(2)(mean))\n",
    )
    network = build_any(parts(plain_learnt, "one_argument.build_model"), None)
    assert [tensor.name for tensor in network.inputs] == ["review"]


def test_without_a_function_it_is_the_standard_network(plain_learnt) -> None:
    network = build_any(parts(plain_learnt, None), None)
    assert any(isinstance(layer, keras.layers.LSTM) for layer in network.layers)


@pytest.mark.parametrize(
    "body, message",
    [
        ("return 3", "gave a int; a keras.Model is wanted"),
        (
            "import keras; x = keras.Input((1,), name='other'); return keras.Model(x, x)",
            "with inputs other; the features' are review, review_length",
        ),
    ],
)
def test_what_it_gives_is_checked(own_module, plain_learnt, body: str, message: str) -> None:
    own_module("unfit_network", f"def build_model(hp):\n    {body}\n")
    with pytest.raises(TypeError, match=message):
        build_any(parts(plain_learnt, "unfit_network.build_model"), None)


def test_path_is_checked_without_importing(own_module) -> None:
    own_module("not_imported", "raise RuntimeError\n\ndef build_model(hp):\n    return None\n")
    assert function_problem("not_imported.build_model") is None
    assert "defines no build" in str(function_problem("not_imported.build"))
    assert "no module 'no_such_module'" in str(function_problem("no_such_module.build_model"))
    assert "is no function's dotted path" in str(function_problem("build_model"))
    assert "not_imported" not in sys.modules
