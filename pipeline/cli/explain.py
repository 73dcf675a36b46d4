"""``rondo explain``: the words that decided."""

import click

from pipeline.cli.common import home_option, plain_errors, screen_and_log

DECISIVE_SHARE = 0.08


@click.command("explain")
@click.argument("name")
@click.option("--rows", default=5, show_default=True, type=click.IntRange(1, 1000))
@home_option
@plain_errors
def command(name: str, rows: int, home: str) -> None:
    """Answers some test rows with NAME's last judged model and marks the words that decided.

    Green words spoke for the answer, red ones against it (gradient x input at the embedding).
    """
    from pipeline.cli.latest import latest_judged

    experiment, place, record = latest_judged(name, home)
    with screen_and_log(place.history / record.run / "explain.txt") as console:
        show_explanations(console, experiment, record, rows)


def show_explanations(console, experiment, record, rows: int) -> None:
    """Prints the rows."""
    from rich.text import Text

    with console.status("loading the model"):
        from pipeline.explain import explain

        explanations = explain(experiment, record, rows)
    for explanation in explanations:
        right = explanation.answer == explanation.truth
        head = Text(f"{explanation.answer} {explanation.score:.2f}", "green" if right else "red")
        head.append("" if right else f"  (it is {explanation.truth})", "red")
        console.print(head)
        body = Text("   ")
        for word, share in explanation.words:
            style = ""
            if abs(share) >= DECISIVE_SHARE:
                style = "bold green" if share > 0 else "bold red"
            body.append(word, style)
            body.append(f"[{share:+.0%}]" if style else "", "dim")
            body.append(" ")
        console.print(body)
