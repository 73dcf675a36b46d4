"""What may be searched, and that values come back as an experiment states them."""

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.search_space import (
    DEFAULT_SPACE,
    Between,
    TuneOptions,
    chosen,
    declare,
    decoded,
    own_values,
    searched_fields,
    space_of,
)
from models.spec import NetworkOptions, TrainingOptions

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "network.cell": st.lists(st.sampled_from(["lstm", "gru"]), min_size=1, unique=True),
        "network.units": st.lists(st.integers(1, 512), min_size=1, max_size=4, unique=True),
        "network.dropout": st.lists(st.sampled_from([0, 0.1, 0.5]), min_size=1, unique=True),
        "network.bidirectional": st.permutations([True, False]),
        "network.pooling": st.permutations([["last"], ["mean", "max"], ["max"]]),
        "training.clip_norm": st.permutations([None, 0.5, 2.0]),
        "training.early_stopping": st.permutations([None, {"patience": 3}]),
        "training.early_stopping.patience": st.lists(st.integers(1, 9), min_size=1, unique=True),
        "training.learning_rate": st.just({"min": 1e-5, "max": 0.1, "scale": "log"}),
        "training.batch_size": st.just({"min": 8, "max": 64, "step": 8}),
    },
)


def sampled(space: dict, seed: int) -> dict:
    """Values of every field, as keras-tuner draws them and hands them to a worker."""
    hp = keras_tuner.HyperParameters()
    declare(hp, space)
    for number, dimension in enumerate(hp.space):
        hp.values[dimension.name] = dimension.random_sample(seed + number)
    return keras_tuner.HyperParameters.from_proto(hp.to_proto()).values


@given(OPTIONS, st.integers(0, 2**20))
def test_values_come_back_as_the_experiment_states_them(written: dict, seed: int) -> None:
    space = TuneOptions.model_validate({"space": written}).space
    assert space is not None
    values = sampled(space, seed)
    assert set(decoded(space, values)) == set(written)
    for field, value in decoded(space, values).items():
        if isinstance(written[field], dict):
            assert written[field]["min"] <= value <= written[field]["max"] * (1 + 1e-6)
        else:
            assert value in written[field]


@given(st.integers(0, 2**20))
def test_default_space_gives_options_that_hold(seed: int) -> None:
    values = sampled(DEFAULT_SPACE, seed)
    network, training = chosen(NetworkOptions(), TrainingOptions(), DEFAULT_SPACE, values)
    assert network.units in (32, 64, 128) and isinstance(network.units, int)
    assert 3e-4 <= training.learning_rate <= 1.0001e-2
    assert training.epochs == TrainingOptions().epochs


def test_no_values_leave_the_experiment_as_it_is() -> None:
    network, training = NetworkOptions(units=7), TrainingOptions(epochs=3)
    assert chosen(network, training, DEFAULT_SPACE, {}) == (network, training)
    assert chosen(network, training, DEFAULT_SPACE, {"tuner/epochs": 9}) == (network, training)


def test_values_that_do_not_go_together_fail_their_trial() -> None:
    space = TuneOptions.model_validate({"space": {"network.layers": [0, 1]}}).space
    assert space is not None
    with pytest.raises(ValidationError, match="pooling: last with layers: 0"):
        chosen(NetworkOptions(), TrainingOptions(), space, {"network.layers": 0})


def test_the_librarys_fields_are_searched_and_decoded() -> None:
    written = {
        "network.cell": ["slstm", "lstm"],
        "network.convolution.filters": {"min": 16, "max": 64, "step": 16},
        "network.recurrent_dropout": {"min": 0.0, "max": 0.4, "step": 0.2},
    }
    space = TuneOptions.model_validate({"space": written}).space
    assert space is not None
    drawn = [
        chosen(NetworkOptions(), TrainingOptions(), space, sampled(space, seed)).network
        for seed in range(20)
    ]
    assert {network.cell for network in drawn} == {"slstm", "lstm"}
    assert {network.convolution.filters for network in drawn if network.convolution} <= {
        *range(16, 65, 16)
    }
    assert all(network.convolution is not None for network in drawn)
    assert {round(network.recurrent_dropout, 6) for network in drawn} == {0.0, 0.2, 0.4}


def test_recurrent_dropout_with_a_cell_that_has_none_fails_its_trial() -> None:
    written = {"network.cell": ["lstm", "mlstm"], "network.recurrent_dropout": [0.2]}
    space = TuneOptions.model_validate({"space": written}).space
    assert space is not None
    values = {"network.cell": "mlstm", "network.recurrent_dropout": 0.2}
    with pytest.raises(ValidationError, match="recurrent_dropout"):
        chosen(NetworkOptions(), TrainingOptions(), space, values)


def test_nested_field_replaces_what_was_null() -> None:
    space = {"training.early_stopping.patience": (4,)}
    training = TrainingOptions(early_stopping=None)
    found = chosen(NetworkOptions(), training, space, {"training.early_stopping.patience": 4})
    assert found.training.early_stopping is not None
    assert found.training.early_stopping.patience == 4
    assert own_values(NetworkOptions(), training, space) == {next(iter(space)): None}


def test_own_values_are_as_a_file_states_them() -> None:
    space = {"network.pooling": (["last"],), "training.learning_rate": Between(min=1, max=2)}
    found = own_values(NetworkOptions(), TrainingOptions(learning_rate=0.5), space)
    assert found == {"network.pooling": ["last"], "training.learning_rate": 0.5}


def test_a_network_of_ones_own_has_a_space_of_its_own() -> None:
    own = NetworkOptions(build_model="models.own_network.build_any")
    assert space_of(TuneOptions(), own) == {}
    assert space_of(TuneOptions(), NetworkOptions()) == DEFAULT_SPACE
    given = TuneOptions.model_validate({"space": {"network.units": [3]}})
    assert space_of(given, own) == {"network.units": (3,)}


def test_fields_are_those_of_network_and_training() -> None:
    fields = searched_fields()
    assert {"network.units", "training.early_stopping.patience"} <= set(fields)
    assert not {"training.epochs", "training.seed", "network.build_model"} & set(fields)


@pytest.mark.parametrize(
    "space, message",
    [
        ({"network.unitz": [1]}, "network.unitz is no field .*did you mean network.units"),
        ({"units": [1]}, "units is no field of network or training"),
        ({"network.units": [0, 3]}, "network.units: 0: Input should be greater than or equal to 1"),
        ({"network.units": []}, "network.units: give at least one value"),
        ({"network.units": {"min": 0, "max": 3}}, "network.units: 0.0: "),
        ({"network.cell": {"min": 1, "max": 2}}, "network.cell takes no number"),
        ({"network.cell": ["lstm", "lsmt"]}, "did you mean lstm"),
        ({"training.epochs": [3]}, "training.epochs cannot be searched: write tune.epochs"),
        ({"training.learning_rate": {"min": 2, "max": 1}}, "min 2 is not below max 1"),
        (
            {"training.learning_rate": {"min": 0.1, "max": 1, "scale": "log", "step": 0.1}},
            "scale: log takes no step",
        ),
        ({"training.clip_norm": {"min": -1, "max": 1, "scale": "log"}}, "a min above 0"),
    ],
)
def test_what_cannot_be_searched_is_refused(space: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TuneOptions.model_validate({"space": space})


@pytest.mark.parametrize(
    "options, message",
    [
        ({"algorithm": "hyperband", "trials": 3}, "hyperband decides how many"),
        ({"algorithm": "bayesian", "factor": 3}, "are hyperband's; algorithm is bayesian"),
        ({"trials": 0}, "greater than or equal to 1"),
    ],
)
def test_options_fit_the_algorithm(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TuneOptions.model_validate(options)


def test_options_survive_json() -> None:
    for options in ({}, {"algorithm": "hyperband", "factor": 2}, {"trials": 3, "space": {}}):
        read = TuneOptions.model_validate(options)
        assert TuneOptions.model_validate_json(read.to_json()) == read
    assert TuneOptions().most_trials == 10
    assert TuneOptions(algorithm="hyperband").most_trials is None
