"""Which baselines an experiment has, and how each is made."""

from collections.abc import Callable, Mapping

import numpy as np

from components.baselines import forecasts, language, tagging, track
from components.baselines.baseline import Baseline, Made, Tell, in_words, plain, trained_with
from components.baselines.judge import in_order, judged
from components.baselines.rows import Rows
from components.baselines.sets import answers_sets, one_set, regression_a_label
from components.baselines.train import trained
from components.baselines.writers import of_writing
from models.baselines.encoders import Scores, readable, wordy
from models.baselines.logistic import tfidf_logistic_regression
from models.baselines.majority import label_frequencies
from models.baselines.networks import bag_of_embeddings, each_step_alone
from models.baselines.trees import gradient_boosted_trees
from models.options import FeatureOptions, TaskOptions, slice_module
from models.spec import NetworkOptions, TrainingOptions


def applicable(rows: Rows, network: NetworkOptions, training: TrainingOptions) -> list[Baseline]:
    """The baselines of an experiment, the simplest first.

    Args:
        rows: of an experiment whose task is one of ``TASKS``.
        network: what its network was built with.
        training: what its network was trained with.
    """
    task, features = rows.task, rows.features
    if task.kind == "forecast":
        return _of_forecast(rows)
    if task.kind == "generate":
        return _of_language(rows, training)
    if task.kind == "track":
        return [
            plain("most frequent values", rows, _most_frequent),
            plain("values named last", rows, _keywords),
        ]
    if task.kind in ("caption", "transcribe", "translate"):
        return of_writing(rows, network, training)
    if answers_sets(task):
        found = [plain("the one best set", rows, lambda rows, tell: Made(*one_set(rows)))]
        if wordy(features) and not task.aligned:
            name = "TF-IDF + a logistic regression a label"
            found.append(plain(name, rows, lambda rows, tell: Made(*regression_a_label(rows))))
    elif task.kind == "tag":
        rows = tagging.softmax_rows(rows)
        found = [plain("majority label", rows, _majority_of_steps)]
        if tagging.tokens_reader(features, task) is not None:
            found.append(plain("each token's majority label", rows, _token_labels))
    else:
        found = [plain("majority label", rows, _majority)]
        if wordy(features):
            found.append(plain("TF-IDF + logistic regression", rows, _logistic))
        if readable(features):
            found.append(plain("gradient-boosted trees", rows, _trees))
    if task.aligned:
        beside = ("each step alone", each_step_alone(network))
    else:
        name = "bag of embeddings" if wordy(features) else "mean of the steps"
        beside = (name, bag_of_embeddings(network))
    has_steps = wordy(features) or any(options.raw.is_sequence for options in features.values())
    # Where the experiment's own network is this one, it stands in the table already.
    if has_steps and beside[1] != network:
        found.append(_network(*beside, rows, training))
    return found


def _of_forecast(rows: Rows) -> list[Baseline]:
    named = {name: forecasts.naive(name) for name in ("persistence", "drift")}
    if rows.task.season > 1:
        named["seasonal naive"] = forecasts.naive("seasonal naive")
    if rows.task.head != "negative_binomial":
        named |= {
            "ridge regression": forecasts.ridge,
            "gradient-boosted trees": forecasts.trees,
        }

    def judged_by(name: str, forecast: Callable[[Rows], np.ndarray]) -> Baseline:
        return plain(
            name, rows, lambda rows, tell: Made(forecasts.judged(rows, forecast(rows)), None)
        )

    return [judged_by(name, forecast) for name, forecast in named.items()]


def _of_language(rows: Rows, training: TrainingOptions) -> list[Baseline]:
    found = [plain("frequencies", rows, lambda rows, tell: Made(*language.frequencies(rows)))]
    if rows.task.sets:
        return found
    order = f"Kneser-Ney {language.ORDER}-grams"
    found.append(plain(order, rows, lambda rows, tell: Made(*language.kneser_ney(rows))))
    name = f"feed-forward network over {language.WINDOW} pieces"
    made = plain(name, rows, lambda rows, tell: Made(*language.window(rows, training, tell)))
    return [*found, made._replace(options={"seed": training.seed})]


def modules(features: Mapping[str, FeatureOptions], task: TaskOptions) -> list[str]:
    """Whose code the baselines of an experiment run."""
    slices = [slice_module("features", options.kind) for options in features.values()]
    graphs = sorted({*slices, slice_module("tasks", task.kind)})
    return [__name__, "models.cells.none", *(f"{name}.graph" for name in graphs)]


def _network(name: str, network: NetworkOptions, rows: Rows, training: TrainingOptions) -> Baseline:
    def make(folder: str, tell: Tell) -> Made:
        answers = trained(rows, network, training, folder, lambda event: tell(in_words(event)))
        metrics = judged(rows.task, rows.label_names, rows.test.targets, answers.scores)
        return Made(metrics, answers.parameters)

    return Baseline(name, trained_with(network, training), make)


def _majority(rows: Rows, tell: Tell) -> Made:
    names = rows.label_names
    scores = label_frequencies(rows.train.labels, names)
    answers = [scores for _ in rows.test.labels]
    return Made(judged(rows.task, names, rows.test.targets, answers), len(names))


def _most_frequent(rows: Rows, tell: Tell) -> Made:
    return Made(track.most_frequent(rows), len(rows.label_names))


def _keywords(rows: Rows, tell: Tell) -> Made:
    return Made(track.keywords(rows), None)


def _majority_of_steps(rows: Rows, tell: Tell) -> Made:
    return Made(tagging.majority(rows), len(rows.label_names))


def _token_labels(rows: Rows, tell: Tell) -> Made:
    return Made(*tagging.token_labels(rows))


def _logistic(rows: Rows, tell: Tell) -> Made:
    return _answered(
        rows,
        tfidf_logistic_regression(
            rows.features, rows.train.columns, rows.train.labels, rows.test.columns
        ),
    )


def _trees(rows: Rows, tell: Tell) -> Made:
    return _answered(
        rows,
        gradient_boosted_trees(
            rows.features,
            rows.train.columns,
            rows.train.labels,
            rows.validation.columns,
            rows.validation.labels,
            rows.test.columns,
            tell=lambda rounds, loss: tell(f"round {rounds}  val_loss {loss:.4f}"),
        ),
    )


def _answered(rows: Rows, answers: Scores) -> Made:
    names = rows.label_names
    scores = list(in_order(answers.labels, answers.scores, names))
    return Made(judged(rows.task, names, rows.test.targets, scores), answers.parameters)
