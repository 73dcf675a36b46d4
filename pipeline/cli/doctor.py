"""``rondo doctor``: what this machine has, what is missing, and how to get it."""

import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import home_option, plain_errors

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.doctor import Finding


@click.command("doctor")
@home_option
@plain_errors
def command(home: str) -> None:
    """Shows the stack and why it was chosen, versions, devices, what is missing and how to get it.

    Exits with 0 if nothing is missing, else with 1. Importing TensorFlow takes 10 seconds of it.
    """
    from rich.console import Console

    from pipeline import doctor

    console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True)
    findings = [*doctor.environment(), *doctor.machine(home)]
    for finding in findings:
        _show(console, finding)
    with console.status("asking TensorFlow for its devices"):
        findings += (found := doctor.devices())
    for finding in found:
        _show(console, finding)
    problems = [finding for finding in findings if finding.problem]
    for finding in problems:
        console.print(f"\n{finding.subject}: {finding.problem}", style="red")
        if finding.remedy:
            console.print(f"  {finding.remedy}")
    console.print("" if problems else "\nnothing is missing")
    sys.exit(1 if problems else 0)


def _show(console: "Console", finding: "Finding") -> None:
    mark = "!" if finding.problem else " "
    console.print(f"{mark} {finding.subject:<14} {finding.value}")
