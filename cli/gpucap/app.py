"""The program: nouns, whose commands are built when one of them is used, and what stands beside them."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from gpucap.nouns import NOUNS

OTHERS: Final = "Beside these"
CONTEXT = {"help_option_names": ["-h", "--help"]}
TOKEN_HELP = "A command that prints a token; it is kept and run when one is needed."  # noqa: S105 - about tokens


class Nouns(TyperGroup):
    """A group that has a command for each noun, and builds those of a noun when it is asked for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands: nouns first."""
        return [*NOUNS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, which is built now if it is a noun."""
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        from gpucap.commands import noun_app

        return typer.main.get_command(noun_app(cmd_name))

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """Write a line about each command, without building any."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, noun in NOUNS.items():
            panels.setdefault(noun.panel, []).append((name, noun.help))
        panels[OTHERS] = [(name, self.commands[name].get_short_help_str(80)) for name in self.commands]
        for panel, lines in panels.items():
            with formatter.section(panel):
                formatter.write_dl(lines)


app = typer.Typer(
    cls=Nouns,
    name="gpucap",
    help="Reserve, claim and rent GPUs.",
    no_args_is_help=True,
    context_settings=CONTEXT,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Reserve, claim and rent GPUs.

    Begin with `gpucap login`. Exit codes: 2 usage, 3 refused, 4 not now, 5 not there, 6 not allowed,
    7 server.
    """
    if show_version:
        from importlib.metadata import version as installed

        typer.echo(f"gpucap {installed('gpucap')}")
        raise typer.Exit


ProfileName = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Another profile than the one in use.")
]


@app.command()
def login(
    address: Annotated[
        str, typer.Option(help="Where the service is: the stack's output ApiUrl.", show_default=False)
    ],
    token_command: Annotated[str | None, typer.Option(help=TOKEN_HELP, show_default=False)] = None,
    token_variable: Annotated[
        str | None,
        typer.Option(help="The variable of the environment that has the token.", show_default=False),
    ] = None,
    organization: Annotated[str | None, typer.Option(help="Your organization.", show_default=False)] = None,
    project: Annotated[str | None, typer.Option(help="Your project.", show_default=False)] = None,
    profile: Annotated[str, typer.Option(help="The name of the profile.")] = "default",
) -> None:
    """Make a profile, try it, and use it from now on. The token itself is never stored."""
    from gpucap.login import log_in
    from gpucap.profiles import Profile

    log_in(profile, Profile(address, token_command, token_variable, organization, project))


@app.command()
def profiles(
    use: Annotated[str | None, typer.Option(metavar="NAME", help="Use this one from now on.")] = None,
    delete: Annotated[str | None, typer.Option(metavar="NAME", help="Forget this one.")] = None,
) -> None:
    """List the profiles; change which one is used."""
    from gpucap.login import change_profiles

    change_profiles(use, delete)


@app.command()
def watch(
    noun: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NOUN]...", help="reservations, placements, claims, vms; else all."),
    ] = None,
    interval: Annotated[float, typer.Option(metavar="SECONDS", help="How often to look.")] = 2.0,
    organization: Annotated[str | None, typer.Option(help="Where to look.", show_default=False)] = None,
    profile: ProfileName = None,
) -> None:
    """Watch everything that you have. Ctrl-C ends it, and nothing else."""
    from gpucap.watching import watch_holders

    watch_holders(noun or [], interval, organization, profile)


@app.command("map")
def draw(
    region: Annotated[str, typer.Argument(help="As `gpucap units list` has it.", show_default=False)],
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw with ASCII alone.")] = False,
    organization: Annotated[
        str | None, typer.Option(help="Show what this one sees, also to operators.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    profile: ProfileName = None,
) -> None:
    """Draw the racks of a region, and who has them as far as you may know."""
    from gpucap.mapping import draw_map

    draw_map(region, organization, ascii_only=ascii_only, as_json=as_json, profile_name=profile)
