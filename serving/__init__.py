"""Runs what was exported: finds SavedModels, answers REST requests and predicts locally.

The package knows only the SavedModel and the optional `assets.extra/rondo.json` beside it; it
imports none of the other packages. TensorFlow is imported when the first model is loaded, so that
importing any module here is quick.

Layers, lowest first: `errors`, `signature` (what a model takes and gives) -> `json_tensor` (one
tensor) -> `rest` (one request body) -> `repository` (folders and models) -> `batcher`, `watcher`
-> `application` (HTTP) -> `server`; `client` predicts without a network.
"""
