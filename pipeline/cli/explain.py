"""``rondo explain``: the steps that decided, as text and as pictures."""

from pathlib import Path

import click

from pipeline.cli.common import home_option, plain_errors, screen_and_log

DECISIVE_SHARE = 0.08
NEIGHBOURS = 10


@click.command("explain")
@click.argument("name")
@click.option("--rows", default=5, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--figures",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Writes PNG files of each row there (of the same name: anew): what each step contributed, "
    "hidden states and gates of each recurrent layer, weights of attention; of a caption what was "
    "looked at, over the picture.",
)
@click.option(
    "--neighbours",
    metavar="WORD",
    help="Shows the words whose embeddings are nearest to that of WORD, in place of the rows.",
)
@home_option
@plain_errors
def command(name: str, rows: int, figures: Path | None, neighbours: str | None, home: str) -> None:
    """Answers some test rows with NAME's last judged model and marks the words that decided.

    Green words spoke for the answer, red ones against it (integrated gradients at the embedding).
    Of a tagged row each word has its label, green if it is right.  A caption is shown beside the
    true one where that is another.
    """
    from pipeline.cli.latest import latest_judged

    experiment, place, record = latest_judged(name, home)
    with screen_and_log(place.history / record.run / "explain.txt") as console:
        if neighbours is not None:
            show_neighbours(console, experiment, record, neighbours, figures)
        else:
            show_explanations(console, experiment, record, rows=rows, figures=figures)


def show_explanations(console, experiment, record, rows: int, figures: Path | None = None) -> None:
    """Prints the rows; writes their figures into a folder, if one is given."""
    with console.status("loading the model"):
        explained = _loaded(experiment, record, rows)
    with console.status("working out what decided"):
        explanations = explained.explanations
    for explanation in explanations:
        if experiment.task.kind == "caption":
            _show_caption(console, explanation)
        elif experiment.task.steps_of is None:
            _show_row(console, explanation)
        else:
            _show_tags(console, explanation, experiment.task.steps_of)
    if figures is None:
        return
    with console.status("drawing") as status:
        written = 0
        for path in explained.write_figures(figures):
            written += 1
            status.update(f"drawing: {path.name}")
    console.print(f"{written} figures in {figures}", markup=False, soft_wrap=True)


def _loaded(experiment, record, rows: int):
    if experiment.task.kind == "caption":
        from pipeline.explain_caption import ExplainedCaptions

        return ExplainedCaptions(experiment, record, rows)
    from pipeline.explain import Explained

    return Explained(experiment, record, rows)


def _show_caption(console, described) -> None:
    """The text, and the true one where that is another."""
    from rich.text import Text

    line = Text(
        f"{described.text} {described.probability:.2f}", "green" if described.right else "red"
    )
    line.append("" if described.right else f"  (it is {described.truth})", "red")
    console.print(line)


def _show_row(console, explanation) -> None:
    """The answer, and each sequence with the share of the steps that decided."""
    from rich.text import Text

    (answer,) = explanation.answers
    right = answer.label == answer.truth
    head = Text(f"{answer.label} {answer.score:.2f}", "green" if right else "red")
    head.append("" if right else f"  (it is {answer.truth})", "red")
    console.print(head)
    for feature, steps in explanation.steps.items():
        shares = explanation.shares[feature][0]
        total = abs(shares).sum() or 1.0
        body = Text("   " if len(explanation.steps) == 1 else f"   {feature}: ")
        for step, share in zip(steps, shares / total, strict=True):
            style = ""
            if abs(share) >= DECISIVE_SHARE:
                style = "bold green" if share > 0 else "bold red"
            body.append(step, style)
            body.append(f"[{share:+.0%}]" if style else "", "dim")
            body.append(" ")
        console.print(body)


def _show_tags(console, explanation, feature: str) -> None:
    """Each step with its label, and the right one where it is another."""
    from rich.text import Text

    body = Text()
    for step, answer in zip(explanation.steps[feature], explanation.answers, strict=True):
        right = answer.label == answer.truth
        body.append(f"{step}/")
        body.append(answer.label, "green" if right else "bold red")
        body.append("" if right else f"(it is {answer.truth})", "red")
        body.append(" ")
    console.print(body)


def show_neighbours(console, experiment, record, word: str, figures: Path | None) -> None:
    """Prints a table for each feature that knows the word; draws it, if a folder is given."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.workspace import WorkspaceError

    if experiment.task.kind == "caption":
        raise WorkspaceError(
            f"{experiment.name}: --neighbours is of words that a network reads; this one "
            "writes them (leave it out)"
        )
    with console.status("loading the model"):
        from models.insight.figures import neighbours_figure
        from pipeline.explain import Explained

        found = Explained(experiment, record, 1).neighbours(word, NEIGHBOURS)
    for feature, neighbours in found.items():
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column(f"{feature}: nearest")
        table.add_column("cosine", justify="right")
        for other, cosine in neighbours:
            table.add_row(Text(other), f"{cosine:.3f}")
        console.print(table)
        if figures is not None:
            figures.mkdir(parents=True, exist_ok=True)
            path = figures / f"{feature}.neighbours.png"
            neighbours_figure(word, neighbours, f"{feature}.embedding").savefig(path)
            console.print(f"drawn in {path}", markup=False, soft_wrap=True)
