"""A worker of a search, in a process of its own: ``python -m components.tune.worker JOB EVENTS``.

JOB is a JSON file that ``components.tune.executor`` wrote; EVENTS is the file descriptor on which
epochs are told, a JSON object a line.  The worker ends when its parent does.
"""

import json
import os
import sys
import threading

from components.progress import EpochEnd, Event
from components.tune.results import DEFAULT


def main(job_file: str, events: int) -> None:
    """Trains what the chief hands out until there is nothing left."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(job_file, encoding="utf-8") as file:
        job = json.load(file)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(job["threads"])
    for device in tf.config.list_physical_devices("GPU"):
        # Workers share a device, which TensorFlow would else take whole.
        tf.config.experimental.set_memory_growth(device, True)

    from tfx.components.trainer.fn_args_utils import get_common_fn_args
    from tfx.components.util import udf_utils
    from tfx.utils import json_utils

    from components.embeddings.artifact import with_embeddings

    exec_properties = job["exec_properties"]
    inputs = json_utils.loads(job["inputs"])
    fn_args = get_common_fn_args(inputs, exec_properties, job["working_dir"])
    fn_args = with_embeddings(fn_args, inputs)
    found = udf_utils.get_fn(exec_properties, "tuner_fn")(fn_args)
    with os.fdopen(events, "w", encoding="utf-8") as stream:

        def done(trial: str, epoch: int) -> None:
            print(json.dumps({"trial": trial, "epoch": epoch}), file=stream, flush=True)

        def tell(trial: str, event: Event) -> None:
            if isinstance(event, EpochEnd):
                done(trial, event.epoch)

        found.tuner.tell = tell
        if job["default"]:
            done(DEFAULT, 0)
            found.tuner.run_default()
        found.tuner.search(**found.fit_kwargs)


def _end_with_parent() -> None:
    # The parent holds the other end and writes nothing to it.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
