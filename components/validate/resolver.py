"""Finds the data that drift is measured against in the pipeline's metadata store."""

from collections.abc import Iterable

from tfx.dsl.components.common import resolver
from tfx.types.artifact import Artifact

from components.validate.previous import Judged, Made, last_blessed_data

CANDIDATE, STATISTICS, PROFILE, BLESSING = "candidate", "statistics", "profile", "model_blessing"


class LastBlessedOtherData(resolver.ResolverStrategy):
    """Resolves ``statistics`` and ``profile`` to those of the last blessed run with other data.

    ``candidate`` are this run's examples.
    """

    def resolve_artifacts(
        self, store, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Picks from all of the pipeline; empty if there is none."""
        candidate = input_dict[CANDIDATE]
        statistics = {artifact.id: artifact for artifact in input_dict[STATISTICS]}
        profiles = {artifact.id: artifact for artifact in input_dict[PROFILE]}
        blessings = {artifact.id: artifact for artifact in input_dict[BLESSING]}
        sources = {
            **_examples_of(store, statistics, STATISTICS),
            **_examples_of(store, profiles, PROFILE),
            **_examples_of(store, blessings, "blessing"),
        }
        found = last_blessed_data(
            [
                Judged(key, sources[key], blessing.get_int_custom_property("blessed") == 1)
                for key, blessing in blessings.items()
                if key in sources
            ],
            [Made(key, sources[key]) for key in statistics if key in sources],
            [Made(key, sources[key]) for key in profiles if key in sources],
            {artifact.id for artifact in candidate},
        )
        chosen = {CANDIDATE: candidate, BLESSING: []}
        if found is None:
            return chosen | {STATISTICS: [], PROFILE: []}
        return chosen | {STATISTICS: [statistics[found[0]]], PROFILE: [profiles[found[1]]]}


def _examples_of(store, ids: Iterable[int], output: str) -> dict[int, int]:
    """The ``examples`` that the execution read which wrote an artifact, by the artifact's id.

    Of artifacts that are the ``output`` of that name: many nodes write a ``File``.
    """
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    writers: dict[int, int] = {}
    # The first to write it: later ones took it from before.
    events = sorted(
        store.get_events_by_artifact_ids(list(ids)), key=lambda event: event.execution_id
    )
    for event in events:
        if event.type == mlmd.Event.OUTPUT and event.path.steps[0].key == output:
            writers.setdefault(event.artifact_id, event.execution_id)
    read = {
        event.execution_id: event.artifact_id
        for event in store.get_events_by_execution_ids(sorted(set(writers.values())))
        if event.type == mlmd.Event.INPUT and event.path.steps[0].key == "examples"
    }
    return {key: read[writer] for key, writer in writers.items() if writer in read}
