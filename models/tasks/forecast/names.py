"""Names of a forecast's metrics; importing them imports nothing else."""

ALWAYS = ("mae", "rmse", "smape", "rse", "corr")
OF_QUANTILES = ("weighted_quantile_loss", "coverage")


def base_metrics(quantiles: bool, seasonal_error: bool, naive2: bool) -> tuple[str, ...]:
    """The metrics over the whole horizon, by what there is to make them of."""
    return (
        ALWAYS
        + (("mase",) if seasonal_error else ())
        + (("owa",) if naive2 else ())
        + (OF_QUANTILES if quantiles else ())
    )


def metric_at(name: str, step: int | None) -> str:
    """A metric's name at one step of the horizon, counted from 1; None for all steps."""
    return name if step is None else f"{name}_{step}"
