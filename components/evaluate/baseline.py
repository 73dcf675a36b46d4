"""Which model a candidate is compared with: the last blessed one, other than itself.

TFX's own strategy would find the candidate itself on the run after it was blessed, so that an
unchanged second run evaluated and pushed it again.
"""

from tfx.dsl.components.common import resolver
from tfx.types.artifact import Artifact

MODEL = "model"
BLESSING = "model_blessing"
CANDIDATE = "candidate"


class LastBlessedOtherModel(resolver.ResolverStrategy):
    """Resolves ``model`` to the most recently blessed model that is not the ``candidate``."""

    def resolve_artifacts(
        self, store, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Picks from all models and blessings of the pipeline; empty if there is none."""
        candidate = input_dict[CANDIDATE]
        candidates = {model.id for model in candidate}
        models = {model.id: model for model in input_dict[MODEL]}
        blessings = sorted(input_dict[BLESSING], key=lambda blessing: blessing.id, reverse=True)
        for blessing in blessings:
            model_id = blessing.get_int_custom_property("current_model_id")
            if (
                blessing.get_int_custom_property("blessed") == 1
                and model_id in models
                and model_id not in candidates
            ):
                return {CANDIDATE: candidate, MODEL: [models[model_id]], BLESSING: [blessing]}
        return {CANDIDATE: candidate, MODEL: [], BLESSING: []}
