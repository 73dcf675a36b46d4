"""How far back the gradient reaches: elman, lstm and lstm with chrono initialisation, one task.

    python benchmarks/gradient_by_lag.py [--folder DIR] [--seeds 5] [--steps 100]

The adding problem (Hochreiter and Schmidhuber 1997): of 60 steps, each a number and a mark, the
two marked numbers are to be added.  Each cell has 32 units and is trained for the same steps of 32
rows.  Printed is the norm of the loss's gradient with respect to the hidden state at lag 50, as a
share of that at lag 1, before and after training; ``gradient_by_lag.json`` holds all of it, and
``gradient_by_lag.png`` the first seed's norms by lag.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from models.gradient_figure import draw
from models.gradients import GradientByLag, to_json
from models.initialisers import ChronoGRU, ChronoLSTM

TIME, UNITS, ROWS = 60, 32, 32
LAGS = TIME - 1
LAYER = "pairs.forward.0"

CELLS: dict[str, Callable[[int], keras.layers.RNN]] = {
    "elman": lambda seed: keras.layers.SimpleRNN(
        UNITS, recurrent_initializer="orthogonal", name=LAYER
    ),
    "lstm": lambda seed: keras.layers.LSTM(UNITS, name=LAYER),
    "lstm, chrono": lambda seed: keras.layers.LSTM(
        UNITS, bias_initializer=ChronoLSTM(TIME, seed), unit_forget_bias=False, name=LAYER
    ),
    "gru, chrono": lambda seed: keras.layers.GRU(
        UNITS, bias_initializer=ChronoGRU(TIME, seed), name=LAYER
    ),
}


def adding_problem(rows: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Inputs ``pairs`` float32 ``[rows, 60, 2]`` and the sums float32 ``[rows, 1]``."""
    source = np.random.default_rng(seed)
    pairs = np.stack([source.uniform(size=(rows, TIME)), np.zeros((rows, TIME))], axis=-1)
    for first, end in ((0, TIME // 2), (TIME // 2, TIME)):
        pairs[np.arange(rows), source.integers(first, end, rows), 1] = 1.0
    sums = np.sum(pairs[:, :, 0] * pairs[:, :, 1], axis=1, keepdims=True)
    return {"pairs": pairs.astype(np.float32)}, sums.astype(np.float32)


def network(layer: keras.layers.RNN) -> keras.Model:
    """One recurrent layer and a linear head on its last step."""
    pairs = keras.Input((None, 2), name="pairs")
    model = keras.Model({"pairs": pairs}, keras.layers.Dense(1)(layer(pairs)))
    # Compiling with XLA takes longer than these few steps.
    optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def measured(cell: str, seed: int, steps: int) -> dict[str, dict]:
    """Norms of a cell before and after training, as ``models.gradients.to_json`` gives them."""
    keras.utils.set_random_seed(seed)
    model = network(CELLS[cell](seed))
    by_lag = GradientByLag(model, LAGS)
    looked_at = adding_problem(ROWS, 1000 + seed)
    before = to_json(by_lag(*looked_at))
    inputs, sums = adding_problem(ROWS * steps, seed)
    model.fit(inputs, sums, batch_size=ROWS, verbose=0)
    return {"before": before, "after": to_json(by_lag(*looked_at))}


def share(record: dict, what: str = "hidden") -> float:
    """The norm at lag 50 as a share of that at lag 1."""
    norms = record[LAYER][what]
    return norms[50] / norms[1]


def main() -> None:
    """Measures all cells, prints the table, writes JSON and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/gradient_by_lag"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    results = {}
    print("norm at lag 50 / norm at lag 1: median (least to greatest) over seeds")
    for cell in CELLS:
        records = [measured(cell, seed, options.steps) for seed in range(options.seeds)]
        results[cell] = records
        for when in ("before", "after"):
            shares = [share(record[when]) for record in records]
            print(
                f"{cell:13} {when:6} training  {statistics.median(shares):.1e}  "
                f"({min(shares):.1e} to {max(shares):.1e})",
                flush=True,
            )
    options.folder.mkdir(parents=True, exist_ok=True)
    content = {"time": TIME, "units": UNITS, "steps": options.steps, "seeds": results}
    with open(options.folder / "gradient_by_lag.json", "w", encoding="utf-8") as file:
        json.dump(content, file)
    lines = {f"{cell}, after training": records[0]["after"] for cell, records in results.items()}
    FigureCanvasAgg(draw(lines)).print_png(str(options.folder / "gradient_by_lag.png"))
    print(f"{options.folder / 'gradient_by_lag.json'} and gradient_by_lag.png")


if __name__ == "__main__":
    main()
