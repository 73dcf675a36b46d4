"""TFX components: from raw files to a judged, exported model."""

import os

# Importing TensorFlow Transform makes Keras 2 the process's Keras (and its children's) unless the
# variable is set before; everything here is Keras 3, so it is pinned wherever a component can be
# imported first: the runner, Beam's workers, the tuner's trials.
os.environ["TF_USE_LEGACY_KERAS"] = "0"
