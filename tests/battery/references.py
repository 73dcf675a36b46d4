"""Each cell by its equations, in NumPy and float64, one sequence and one step at a time.

A reference takes ``steps [time, features]`` and the layer's weights by name, and gives the outputs
``[time, units]``.
"""

import numpy as np

Weights = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def elman(steps: np.ndarray, weights: Weights) -> np.ndarray:
    hidden = np.zeros(len(weights["bias"]))
    outputs = []
    for x in steps:
        hidden = np.tanh(
            x @ weights["kernel"] + hidden @ weights["recurrent_kernel"] + weights["bias"]
        )
        outputs.append(hidden)
    return np.stack(outputs)


def jordan(steps: np.ndarray, weights: Weights) -> np.ndarray:
    output = np.zeros(len(weights["output_bias"]))
    outputs = []
    for x in steps:
        hidden = np.tanh(
            x @ weights["kernel"] + output @ weights["feedback_kernel"] + weights["bias"]
        )
        output = np.tanh(hidden @ weights["output_kernel"] + weights["output_bias"])
        outputs.append(output)
    return np.stack(outputs)


def lstm(steps: np.ndarray, weights: Weights) -> np.ndarray:
    recurrent = weights["recurrent_kernel"]
    hidden = carry = np.zeros(len(recurrent))
    outputs = []
    for x in steps:
        gates = x @ weights["kernel"] + hidden @ recurrent + weights["bias"]
        i, f, c, o = np.split(gates, 4)
        carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(carry)
        outputs.append(hidden)
    return np.stack(outputs)


def gru(steps: np.ndarray, weights: Weights) -> np.ndarray:
    """With the reset gate after the product, as cuDNN has it."""
    recurrent, bias = weights["recurrent_kernel"], weights["bias"]
    hidden = np.zeros(len(recurrent))
    outputs = []
    for x in steps:
        update, reset, new = np.split(x @ weights["kernel"] + bias[0], 3)
        update_h, reset_h, new_h = np.split(hidden @ recurrent + bias[1], 3)
        kept = sigmoid(update + update_h)
        candidate = np.tanh(new + sigmoid(reset + reset_h) * new_h)
        hidden = kept * hidden + (1.0 - kept) * candidate
        outputs.append(hidden)
    return np.stack(outputs)


def indrnn(steps: np.ndarray, weights: Weights) -> np.ndarray:
    hidden = np.zeros(len(weights["bias"]))
    outputs = []
    for x in steps:
        hidden = np.maximum(
            x @ weights["kernel"] + weights["recurrent_weight"] * hidden + weights["bias"], 0.0
        )
        outputs.append(hidden)
    return np.stack(outputs)


def slstm(steps: np.ndarray, weights: Weights) -> np.ndarray:
    """Without the stabiliser: ``c`` and ``n`` themselves, which float64 holds for small gates."""
    heads, size, _ = weights["recurrent_kernel"].shape
    hidden = cell = normaliser = np.zeros((heads, size))
    outputs = []
    for x in steps:
        given = (x @ weights["kernel"] + weights["bias"]).reshape(heads, 4, size)
        rows = []
        for head in range(heads):
            mixed = (hidden[head] @ weights["recurrent_kernel"][head]).reshape(4, size)
            i, f, z, o = given[head] + mixed
            added = np.exp(i)
            new_cell = sigmoid(f) * cell[head] + added * np.tanh(z)
            new_normaliser = sigmoid(f) * normaliser[head] + added
            rows.append((sigmoid(o) * new_cell / new_normaliser, new_cell, new_normaliser))
        hidden, cell, normaliser = (np.stack(part) for part in zip(*rows, strict=True))
        outputs.append(hidden.reshape(-1))
    return np.stack(outputs)


def mlstm(steps: np.ndarray, weights: Weights) -> np.ndarray:
    """Without the stabiliser: ``C`` and ``n`` themselves, which float64 holds for small gates."""
    heads = len(weights["gate_bias"]) // 2
    units = len(weights["bias"]) // 4
    size = units // heads
    memory, normaliser = np.zeros((heads, size, size)), np.zeros((heads, size))
    outputs = []
    for x in steps:
        q, k, v, o = (x @ weights["kernel"] + weights["bias"]).reshape(4, heads, size)
        i, f = (x @ weights["gate_kernel"] + weights["gate_bias"]).reshape(2, heads)
        k = k / np.sqrt(size)
        row = []
        for head in range(heads):
            kept, added = sigmoid(f[head]), np.exp(i[head])
            memory[head] = kept * memory[head] + added * np.outer(v[head], k[head])
            normaliser[head] = kept * normaliser[head] + added * k[head]
            scale = max(abs(normaliser[head] @ q[head]), 1.0)
            row.append(sigmoid(o[head]) * (memory[head] @ q[head]) / scale)
        outputs.append(np.concatenate(row))
    return np.stack(outputs)


def none(steps: np.ndarray, weights: Weights) -> np.ndarray:
    return np.stack([np.maximum(x @ weights["kernel"] + weights["bias"], 0.0) for x in steps])
