"""Builds the commands of a noun: functions whose signatures follow from the document, for typer."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from gpu_capacity_client.document import operations, resolved
from gpucap import options
from gpucap.nouns import NOUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity_client.document import Operation, Schema
    from gpucap.verbs import Noun, Verb

TYPES: Final = {"integer": int, "number": float}
GOALS: Final[Any] = Literal["ready", "gone"]
GOALS_OF_VMS: Final[Any] = Literal["ready", "stopped", "gone"]
PERMISSION: Final = "Needs the permission"
COMMON: Final = "How it is done"
CONTEXT: Final = {"help_option_names": ["-h", "--help"]}


def noun_app(name: str) -> typer.Typer:
    """Return the commands of a noun."""
    noun = NOUNS[name]
    app = typer.Typer(name=name, help=noun.help, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(_nothing)
    for verb_name, verb in noun.verbs.items():
        operation = operations()[verb.operation]
        command = _command(name, noun, verb_name, verb, operation)
        app.command(verb_name, help=_help(operation), context_settings=CONTEXT)(command)
    if noun.kind is not None:
        app.command(
            "wait", help=f"Wait until a {noun.kind.name} is ready, or gone.", context_settings=CONTEXT
        )(_waiting(name))
    return app


def _nothing() -> None:
    """Let a noun of one verb be a group as well."""


def _command(name: str, noun: Noun, verb_name: str, verb: Verb, operation: Operation) -> Callable[..., None]:
    def run(**values: Any) -> None:
        from gpucap.running import run_verb

        run_verb(name, verb_name, values)

    return _with(
        run,
        [
            *_arguments(operation, verb),
            *_body(operation, verb),
            *_rest(operation, verb),
            *_common(noun, verb),
        ],
    )


def _waiting(noun: str) -> Callable[..., None]:
    def run(**values: Any) -> None:
        from gpucap.running import run_wait

        run_wait(noun, values)

    goals: Any = GOALS_OF_VMS if noun == "vms" else GOALS
    return _with(
        run,
        [
            _one(
                "id_",
                Annotated[str, typer.Argument(metavar="ID", show_default=False)],
                inspect.Parameter.empty,
            ),
            _one("goal_", Annotated[goals, typer.Option("--for", help="What to wait for.")], "ready"),
            _organization(),
            _timeout(),
            *_shared(),
        ],
    )


def _with(run: Callable[..., None], parameters: list[inspect.Parameter]) -> Callable[..., None]:
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _one(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _arguments(operation: Operation, verb: Verb) -> Iterator[inspect.Parameter]:
    for one in options.given(operation, verb):
        if one.is_argument:
            shown = typer.Argument(
                metavar=one.option.upper().replace("-", "_"),
                help=one.parameter.description,
                show_default=False,
            )
            yield _one(one.key, Annotated[str, shown], inspect.Parameter.empty)


def _body(operation: Operation, verb: Verb) -> Iterator[inspect.Parameter]:
    found = options.fields(operation, verb)
    for field in sorted(found, key=lambda field: not _asked(field, verb)):
        told = [field.description.rstrip(".")]
        if field.is_secret:
            told.append("asked for, or read from the standard input")
        elif options.from_files(field):
            told.append("@path reads a file")
        if _asked(field, verb):
            told.append("required")
        elif field.path in verb.defaults and isinstance(verb.defaults[field.path], str):
            told.append(f"else {verb.defaults[field.path]}")
        help_text = "; ".join(part for part in told if part)
        if field.is_secret:
            flag = typer.Option(f"--{field.option}", help=help_text, show_default=False)
            yield _one(field.key, Annotated[bool, flag], False)
        else:
            yield _option(field.key, field.option, field.schema, help_text)


def _asked(field: options.Field, verb: Verb) -> bool:
    """Whether the option has to be given: nobody else knows it."""
    known = field.path in verb.defaults or field.option in (options.ORGANIZATION, options.PROJECT)
    return field.required and not known and verb.over is None


def _rest(operation: Operation, verb: Verb) -> Iterator[inspect.Parameter]:
    for one in options.given(operation, verb):
        if one.is_argument or options.is_key(one.parameter):
            continue
        if one.parameter.schema.get("type") == "boolean":
            flag = typer.Option(f"--{one.option}", help=one.parameter.description, show_default=False)
            yield _one(one.key, Annotated[bool, flag], False)
        else:
            yield _option(one.key, one.option, one.parameter.schema, one.parameter.description)


def _option(key: str, option: str, schema: Schema, help_text: str) -> inspect.Parameter:
    repeats = schema.get("type") == "array"
    entry = resolved(schema["items"]) if repeats else schema
    one: Any = str if repeats else _type(entry)
    if repeats and (form := options.entry_form(entry)):
        help_text = "; ".join(part for part in (help_text.rstrip("."), f"as {form}; repeatable") if part)
    elif repeats and "enum" in entry:
        help_text = "; ".join(
            part for part in (help_text.rstrip("."), f"of {', '.join(entry['enum'])}") if part
        )
    declared = f"--{option}/--no-{option}" if one is bool else f"--{option}"
    shown = typer.Option(declared, help=help_text, show_default=False)
    return _one(key, Annotated[list[str] | None if repeats else one | None, shown])


def _type(schema: Schema) -> Any:
    words = schema.get("enum")
    if words and schema.get("type") == "string":
        return Literal[tuple(words)]
    if schema.get("type") == "boolean":
        return bool
    return TYPES.get(str(schema.get("type")), str)


def _common(noun: Noun, verb: Verb) -> Iterator[inspect.Parameter]:
    operation = operations()[verb.operation]
    if operation.body is not None:
        yield _one(
            "body_from",
            Annotated[
                str | None,
                typer.Option(
                    "--body",
                    metavar="FILE",
                    help="A file with the body as JSON, - for the standard input; options go over it.",
                    rich_help_panel=COMMON,
                ),
            ],
        )
    if operation.is_keyed:
        yield _one(
            options.identifier("idempotency-key"),
            Annotated[
                str | None,
                typer.Option(
                    "--idempotency-key",
                    metavar="KEY",
                    help="Repeat a request under the key that it had. One is made if you give none.",
                    rich_help_panel=COMMON,
                ),
            ],
        )
    if verb.goal is not None and noun.kind is not None:
        yield _one(
            "wait",
            Annotated[
                bool,
                typer.Option(
                    "--wait", help=f"Wait until it is {verb.goal}, and show progress.", rich_help_panel=COMMON
                ),
            ],
            False,
        )
        yield _timeout()
    yield from _shared()


def _organization() -> inspect.Parameter:
    return _one("organization_", Annotated[str | None, typer.Option("--organization", help="Where to look.")])


def _timeout() -> inspect.Parameter:
    return _one(
        "timeout",
        Annotated[
            float | None,
            typer.Option(
                "--timeout",
                metavar="SECONDS",
                help="Stop waiting after so long; what you made stays.",
                rich_help_panel=COMMON,
            ),
        ],
    )


def _shared() -> Iterator[inspect.Parameter]:
    yield _one(
        "as_json",
        Annotated[
            bool,
            typer.Option(
                "--json", help="Print the answer as JSON, also of a refusal.", rich_help_panel=COMMON
            ),
        ],
        False,
    )
    yield _one(
        "profile",
        Annotated[
            str | None,
            typer.Option(
                "--profile",
                metavar="NAME",
                help="Another profile than the one in use.",
                rich_help_panel=COMMON,
            ),
        ],
    )


def _help(operation: Operation) -> str:
    """The summary, what it does, and the permission that it needs on a line of its own."""
    told, _, permission = operation.description.partition(PERMISSION)
    parts = [f"{operation.summary}.", " ".join(told.split())]
    if permission:
        parts.append(f"{PERMISSION}{permission}")
    return "\n\n".join(part for part in parts if part)
