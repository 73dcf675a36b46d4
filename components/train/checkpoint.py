"""Training that survives its process: what is needed to go on, kept after every epoch.

Keras's BackupAndRestore keeps weights, optimizer and epoch, but writes them in place, so that a
process killed in the middle of it leaves files that cannot be read; and the best epoch that
EarlyStopping remembers is not among them.  Here each epoch becomes a folder of its own, complete
or not there at all (on file systems where a folder's renaming is atomic).
"""

import hashlib
import io
import json
import os
import re

import keras
import numpy as np
import tensorflow as tf

from components.spec import FINISHED, RESUME

BACKUP, STOPPING, TRAINED = "backup", "early_stopping.npz", "trained.weights.h5"
HISTORY = "history.json"
EPOCH = re.compile(r"epoch-\d+")


def resume_folder(output_uri: str, *parts: object) -> str:
    """Folder beside a node's outputs that outlives its executions.

    Args:
        output_uri: ``.../NODE/OUTPUT/EXECUTION``, of any output of the node.
        parts: whatever must be the same for work that was begun to be gone on with.
    """
    key = hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:16]
    node = os.path.dirname(os.path.dirname(output_uri.rstrip("/")))
    return os.path.join(node, RESUME, key)


def finish(folder: str) -> None:
    """Says that what was kept is not needed once its execution is recorded as complete."""
    # Without a write TensorFlow makes no file.
    with tf.io.gfile.GFile(os.path.join(folder, FINISHED), "w") as file:
        file.write("complete\n")


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: outlives the process.
        network: compiled and built.
        stopping: its state is kept too.

    Attributes:
        history: metrics of each epoch that is behind the network's weights.
    """

    def __init__(
        self,
        folder: str,
        network: keras.Model,
        stopping: keras.callbacks.EarlyStopping | None = None,
    ):
        self._folder = folder
        self._network = network
        self._stopping = stopping
        self._backup = os.path.join(folder, BACKUP)
        self._trained = os.path.join(folder, TRAINED)
        self.history: list[dict[str, float]] = []
        tf.io.gfile.makedirs(folder)

    @property
    def epochs(self) -> int:
        """Whole epochs that are kept."""
        newest = self._newest()
        return int(newest.removeprefix("epoch-")) if newest else 0

    def load_trained(self) -> bool:
        """Gives the network its final weights if it was trained to the end; tells whether."""
        if not tf.io.gfile.exists(self._trained):
            return False
        # Without its variables the optimiser's part of the weights is left out, with a warning.
        self._network.optimizer.build(self._network.trainable_variables)
        self._network.load_weights(self._trained)
        self._read_history(self._folder)
        return True

    def save_trained(self) -> None:
        """Keeps the final weights, which takes the place of the epochs."""
        self._write_history(self._folder)
        partial = os.path.join(self._folder, "partial.weights.h5")
        self._network.save_weights(partial, overwrite=True)
        tf.io.gfile.rename(partial, self._trained, overwrite=True)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks that go on at the newest epoch; to be given after EarlyStopping."""
        _remove(self._backup)
        newest = self._newest()
        if newest:
            _copy(os.path.join(self._folder, newest), self._backup)
            self._read_history(self._backup)
        backup = keras.callbacks.BackupAndRestore(self._backup, delete_checkpoint=False)
        return [backup, _Keeper(self)]

    def keep(self, epochs: int, metrics: dict[str, float]) -> None:
        """Makes the backup that was just written the newest.

        Args:
            epochs: how many are behind it.
            metrics: of the last of them.
        """
        self.history.append(metrics)
        self._write_history(self._backup)
        if self._stopping is not None:
            with tf.io.gfile.GFile(os.path.join(self._backup, STOPPING), "wb") as file:
                file.write(_stopping_to_bytes(self._stopping))
        name = f"epoch-{epochs:06d}"
        partial = os.path.join(self._folder, f"partial-{name}")
        _remove(partial)
        _copy(self._backup, partial)
        tf.io.gfile.rename(partial, os.path.join(self._folder, name), overwrite=True)
        for entry in tf.io.gfile.listdir(self._folder):
            if EPOCH.fullmatch(entry.rstrip("/")) and entry.rstrip("/") < name:
                _remove(os.path.join(self._folder, entry))

    def restore_stopping(self) -> None:
        """Gives EarlyStopping what it remembered at the epoch that training goes on from."""
        kept = os.path.join(self._backup, STOPPING)
        if self._stopping is not None and tf.io.gfile.exists(kept):
            with tf.io.gfile.GFile(kept, "rb") as file:
                _stopping_from_bytes(file.read(), self._stopping)

    def _write_history(self, folder: str) -> None:
        with tf.io.gfile.GFile(os.path.join(folder, HISTORY), "w") as file:
            file.write(json.dumps(self.history))

    def _read_history(self, folder: str) -> None:
        with tf.io.gfile.GFile(os.path.join(folder, HISTORY)) as file:
            self.history = json.loads(file.read())

    def _newest(self) -> str | None:
        entries = (entry.rstrip("/") for entry in tf.io.gfile.listdir(self._folder))
        return max((entry for entry in entries if EPOCH.fullmatch(entry)), default=None)


class _Keeper(keras.callbacks.Callback):
    def __init__(self, checkpoints: Checkpoints):
        super().__init__()
        self._checkpoints = checkpoints

    def on_train_begin(self, logs=None):
        # EarlyStopping has just forgotten everything, as it does when training begins.
        self._checkpoints.restore_stopping()

    def on_epoch_end(self, epoch, logs=None):
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        self._checkpoints.keep(epoch + 1, metrics)


def _stopping_to_bytes(stopping: keras.callbacks.EarlyStopping) -> bytes:
    weights = {f"weights_{index}": array for index, array in enumerate(stopping.best_weights or [])}
    best = np.nan if stopping.best is None else float(stopping.best)
    kept = io.BytesIO()
    np.savez(kept, wait=stopping.wait, best=best, best_epoch=stopping.best_epoch, **weights)
    return kept.getvalue()


def _stopping_from_bytes(content: bytes, stopping: keras.callbacks.EarlyStopping) -> None:
    with np.load(io.BytesIO(content)) as kept:
        best = float(kept["best"])
        count = sum(name.startswith("weights_") for name in kept.files)
        stopping.wait = int(kept["wait"])
        stopping.best = None if np.isnan(best) else best
        stopping.best_epoch = int(kept["best_epoch"])
        stopping.best_weights = [kept[f"weights_{index}"] for index in range(count)] or None


def _copy(source: str, target: str) -> None:
    tf.io.gfile.makedirs(target)
    for entry in tf.io.gfile.listdir(source):
        tf.io.gfile.copy(os.path.join(source, entry), os.path.join(target, entry), overwrite=True)


def _remove(folder: str) -> None:
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
