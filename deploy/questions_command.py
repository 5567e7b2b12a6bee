"""`luwte-intake questions`: what is asked of sources below their message, and whether a file of a line's own can be asked."""

from pathlib import Path

import click

from deploy.command import count, fail


@click.group("questions")
def questions_commands() -> None:
    """The guided questions: what ships with Luwte, and a line's own in STATE/questions.toml.

    \b
    Begin with the ones that ship:   luwte-intake questions print > questions.toml
    After changing them:             luwte-intake questions check questions.toml
    Then put the file into the state folder; a running host asks them after its next start.
    """


@questions_commands.command("print")
def print_shipped() -> None:
    """Print the file that ships with Luwte."""
    from source_interface.question_file import shipped_file  # noqa: PLC0415 - it needs the web application

    click.echo(shipped_file().decode(), nl=False)


@questions_commands.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say whether these questions can be asked, and if not, why; exit code 1."""
    from source_interface.languages import TAGS  # noqa: PLC0415 - it needs the web application
    from source_interface.question_file import QuestionsError, read_questions  # noqa: PLC0415 - it needs the web application

    try:
        asked = read_questions(file)
    except QuestionsError as error:
        fail(f"{file}: {error}")
    click.echo(f"Right: version {asked.version}, {count(len(asked.questions), 'question')}.")
    if lacking := {tag: missing for tag in TAGS if (missing := asked.lacking(tag))}:
        click.echo("In English also on pages in another language, because there are no words in that language:")
        for tag, missing in lacking.items():
            click.echo(f'  {tag}: {count(len(missing), "text")}, such as "{min(missing, key=len)}"')


def in_short(state: Path) -> str:
    """One line for `luwte-intake status`."""
    from source_interface.question_file import QuestionSource  # noqa: PLC0415 - it needs the web application

    source = QuestionSource.load(state)
    if source.fault:
        return f"{source.asked.version} - WARNING: {source.fault}; the ones that ship are asked instead"
    return f"{source.asked.version}{', of the line' if source.own else ''}"


def warn_at_start(state: Path) -> None:
    """A wrong file closes no host; its operator is told."""
    from source_interface.question_file import QuestionSource  # noqa: PLC0415 - it needs the web application

    if fault := QuestionSource.load(state).fault:
        click.echo(f"Warning: {fault}. The questions that ship with Luwte are asked instead.", err=True)
