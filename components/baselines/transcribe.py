"""The baseline of transcriptions: one text for all rows."""

import tensorflow as tf

from components.baselines.rows import Rows
from components.baselines.written import judged_answers
from models.options import LABEL
from models.tasks.transcribe import graph


def one_text(rows: Rows) -> dict[str, float]:
    """Metrics of the most frequent piece, as many times as makes the fewest errors on the train
    split.
    """
    task = rows.task
    texts = tf.constant(rows.train.targets[task.label])
    ids = rows.transform({task.label: texts})[LABEL]
    found = graph.baseline(task, list(ids), rows.learnt)
    return judged_answers(rows, lambda asked: graph.baseline_scores(task, found, asked))
