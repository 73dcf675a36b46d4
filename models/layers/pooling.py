"""The poolings by the name that an experiment gives them.

Each is a layer ``layer(name=...)(values, lengths)`` from ``[batch, time, units]`` and lengths
``[batch]`` to one vector a row.
"""

from models.layers.attention import (
    AttentionPooling,
    BahdanauPooling,
    LuongPooling,
    SelfAttentionPooling,
)
from models.layers.sequence import LastPooling, MaxPooling, MeanPooling

POOLINGS = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
    "bahdanau": BahdanauPooling,
    "luong": LuongPooling,
    "self_attention": SelfAttentionPooling,
}
