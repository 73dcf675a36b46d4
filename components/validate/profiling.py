"""The node that profiles the examples; see ``components.validate.profile``."""

import json
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import Examples

from components.ingest.splits import SPLITS
from components.read import text_of, value_of
from components.spec import ID_FEATURE, ProfileConfig
from components.validate.profile import Profile, merged

PROFILE = "profile.json"


class _ProfileFile(beam.DoFn):
    """``(split, file)`` of examples to its profile: one element a file, not one a row."""

    def __init__(self, config_json: str):
        self._config_json = config_json

    def setup(self) -> None:
        self._features = ProfileConfig.model_validate_json(self._config_json).features

    def process(self, element: tuple[str, str]) -> Iterator[Profile]:
        split, path = element
        profile = Profile(self._features)
        forms = {name: self._features[name].raw for name in profile.names}
        for record in tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            values = {name: value_of(example, name, form) for name, form in forms.items()}
            profile.add(split, values, text_of(example, ID_FEATURE))
        yield profile


class _Merge(beam.CombineFn):
    def __init__(self, config_json: str):
        self._config_json = config_json

    def create_accumulator(self) -> Profile:
        return Profile(ProfileConfig.model_validate_json(self._config_json).features)

    def add_input(self, profile: Profile, other: Profile) -> Profile:
        profile.merge(other)
        return profile

    def merge_accumulators(self, profiles: Iterable[Profile]) -> Profile:
        return merged(profiles, ProfileConfig.model_validate_json(self._config_json).features)

    def extract_output(self, profile: Profile) -> Profile:
        return profile


@component(use_beam=True)
def ProfileExamples(
    examples: InputArtifact[Examples],
    profile: OutputArtifact[File],
    config: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
):
    """Writes ``profile.json``; ``config`` is a ``ProfileConfig`` as JSON."""
    files = [
        (split, path)
        for split in SPLITS
        for path in sorted(tf.io.gfile.glob(os.path.join(examples.uri, f"Split-{split}", "*")))
    ]
    fileio.makedirs(profile.uri)
    path = os.path.join(profile.uri, PROFILE)

    def write(found: Profile) -> None:
        with fileio.open(path, "w") as file:
            file.write(json.dumps(found.to_json(), indent=1, ensure_ascii=False))

    with beam_pipeline as pipeline:
        (
            pipeline
            | beam.Create(files)
            | beam.Reshuffle()
            | beam.ParDo(_ProfileFile(config))
            | beam.CombineGlobally(_Merge(config))
            | "Write" >> beam.Map(write)
        )
