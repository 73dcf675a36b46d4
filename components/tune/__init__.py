"""Tune: keras-tuner's chief and workers, trials in parallel, searches that go on after a kill."""
