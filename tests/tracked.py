"""A tracker's options and two dialogs, for several tests; needs no TensorFlow."""

from models.features.categorical import Options as Categorical
from models.features.phrases import Options as Phrases
from models.features.scores import Options as Scores
from models.features.series import Options as Series
from models.tasks.track import Options

FOODS = ["none", "thai", "north american"]
VOCABULARIES = {"label.food": FOODS, "label.area": ["none", "north"], "line": ["mobile"]}
FEATURES = {
    "heard": Phrases(kind="phrases", count=2, words=6),
    "sure": Scores(kind="scores", count=2),
    "acts": Phrases(kind="phrases", count=2, words=3),
    "sound": Series(kind="series", depth=2, scale="none"),
    "line": Categorical(kind="categorical"),
}
TASK = Options(
    kind="track",
    label="wishes",
    slots={"food": {"values": {"thai": ["siamese"], "greek": []}}, "area": {}},
    heard="heard",
    scores="sure",
    system="acts",
    hand_over="person",
).bound(FEATURES)
DIALOGS = [
    {
        "heard": [["siamese food", "tie food"], [], ["in the north", "north american"]],
        "sure": [[0.7, 0.2], [], [0.6, 0.4]],
        "acts": [[], ["area"], ["food=thai", "area"]],
        "sound": [[0.1, 2.0], [0.3, -1.0], [0.0, 0.5]],
        "line": "mobile",
    },
    {
        "heard": [["greek please"]],
        "sure": [[0.9]],
        "acts": [["food"]],
        "sound": [[1.0, 1.0]],
        "line": "landline",
    },
]
