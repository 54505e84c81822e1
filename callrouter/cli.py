"""The commands. Each is short: it reads its arguments, runs a flow and prints what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callrouter import terminal
from callrouter.settings import BadSettings, Settings
from callrouter.terminal import Failed, settings_of

if TYPE_CHECKING:
    from callrouter.flows.apply import Applied


HELP = """Routes inbound calls to the right manager, remembers every one of them and explains why.

\b
Begin:   callrouter demo      look at it with a sample company
         callrouter init      set up your own
         callrouter serve     run it

Settings are read from the environment (CALLROUTER_...) and from .env in this folder.
"""


@click.group(
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="callrouter")
def main() -> None:
    """Lead to the commands."""


# Options that several commands have

_host = click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
_port = click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Its port."
)
_demo = click.option("--demo", "of_demo", is_flag=True, help="Of the demo's company.")
_json = click.option("--json", "as_json", is_flag=True, help="The same body as the API's.")
_lang = click.option(
    "--lang",
    "language",
    type=click.Choice(["ru", "en"]),
    help="In which language; absent: the company's.",
)


# Serving


@main.command(short_help="Serve webhooks, the API and the pages.")
@_host
@_port
def serve(host: str, port: int) -> None:
    """Serve webhooks, the API and the pages until told to stop.

    Brings the base to this version first. The other commands work beside it.
    """
    from callrouter.app import serve as run
    from callrouter.logs import set_up_logs

    set_up_logs()
    _run(lambda: run(settings_of(), host, port, terminal.say))


@main.command(short_help="Serve a sample company that a fake PBX calls.")
@_host
@_port
@click.option("--quiet", is_flag=True, help="Nobody calls but you.")
def demo(host: str, port: int, quiet: bool) -> None:
    """Serve a sample company in var/demo, with a PBX without telephones that calls it.

    Listens on this machine only and never touches a real base.
    """
    from callrouter.demo import demo as run
    from callrouter.logs import set_up_logs

    set_up_logs(level="WARNING", pretty=True)
    _run(lambda: run(host, port, terminal.say, quiet=quiet))


def _run(serving: Callable[[], Coroutine[Any, Any, None]]) -> None:
    from callrouter.app import CannotServe
    from storage.database import BaseTooNew

    with terminal.clear_errors():
        try:
            asyncio.run(serving())
        except (CannotServe, BadSettings, BaseTooNew) as error:
            raise Failed(str(error)) from error
        except OSError as error:
            raise Failed(f"cannot serve: {error}") from error
        except KeyboardInterrupt:
            sys.exit(130)


# Setting up


@main.command(short_help="Set up your own company by five questions.")
@click.option("--language", help="ru or en: of the questions, the file and the company.")
@click.option("--company", help="Its name.")
@click.option("--number", help="The number that people dial.")
@click.option("--manager", "managers", multiple=True, help="'Name 101'; once for each of them.")
@click.option("--last-resort", help="Where a call goes that nobody took.")
@click.option("--yes", is_flag=True, help="Ask nothing: take options, and defaults for the rest.")
@click.option("--force", is_flag=True, help="Begin anew: replace the setup that is there.")
def init(force: bool, **given: Any) -> None:  # noqa: ANN401  the five answers and `yes`
    """Ask five things, write setup.toml and .env, put them in force, and show how to play a call.

    What is given as an option is not asked.
    """
    from callrouter import first_steps
    from callrouter.setup_file import BadSetup

    folder, file, settings = Path(), Path("setup.toml"), settings_of()
    if not force and _setup_version(settings):
        raise Failed(
            "this base has a setup already: `callrouter export` prints it, `callrouter apply` "
            "changes it, `callrouter init --force` replaces it"
        )
    asked = first_steps.Given(**given)
    try:
        first_steps.ask_and_write(
            folder, settings, asked, ask=terminal.ask, say=terminal.say, force=force
        )
    except (first_steps.AlreadyThere, first_steps.BadOption) as error:
        raise Failed(str(error)) from error
    except BadSetup as error:
        raise Failed(f"nothing was written.\n{_listed(error)}") from error
    settings = settings_of()  # .env is new
    applied = _put_in_force(settings, file, prune=force, force=force)
    _warn(applied)
    click.echo(first_steps.what_next(settings, applied.setup, folder))


def _setup_version(settings: Settings) -> int:
    """The version in force; 0 where nothing was ever applied."""
    from storage.setups import current_version

    return 0 if terminal.no_base(settings) else terminal.read(settings, current_version)


@main.command(short_help="Put setup.toml in force.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the difference and apply nothing.")
@click.option("--prune", is_flag=True, help="Remove what the file does not name.")
@click.option("--force", is_flag=True, help="Apply over what was changed on the screen.")
def apply(file: Path, dry_run: bool, prune: bool, force: bool) -> None:
    """Put FILE (setup.toml) in force: all of it or, with an error, nothing.

    Adds and changes what stands in the file. A running server uses it within two seconds.
    """
    applied = _put_in_force(settings_of(), file, dry_run=dry_run, prune=prune, force=force)
    for line in applied.changes:
        click.echo(line)
    _warn(applied)
    if not applied.changes:
        click.echo("Nothing changes.")
    elif dry_run:
        click.echo("Not applied: --dry-run.")
    else:
        click.echo(f"Applied as version {applied.setup.version}.")


def _put_in_force(settings: Settings, file: Path, **options: Any) -> Applied:  # noqa: ANN401  handed on
    from callrouter.app import open_seal
    from callrouter.flows.apply import ChangedOnScreen
    from callrouter.flows.apply import apply as run
    from callrouter.setup_file import BadSetup

    try:
        text = file.read_text(encoding="utf-8-sig")
        seal = open_seal(settings)
        return terminal.write(settings, run, text, seal=seal, now=terminal.now(), **options)
    except UnicodeDecodeError as error:
        raise Failed(f"{file}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise Failed(f"nothing was applied: {error}") from error
    except BadSetup as error:
        raise Failed(f"{file}: nothing was applied.\n{_listed(error)}") from error
    except ChangedOnScreen as error:
        raise Failed(
            f"{error} changed the setup on the screen since the last apply; "
            "`callrouter export` shows it, --force applies the file over it. Nothing was applied."
        ) from error


def _listed(error: Exception) -> str:
    return "\n".join(f"  {line}" for line in str(error).splitlines())


def _warn(applied: Applied) -> None:
    for warning in applied.warnings:
        click.echo(f"warning: {warning}", err=True)


@main.command(short_help="Print the setup in force.")
@_demo
def export(of_demo: bool) -> None:
    """Print the setup in force as a setup.toml; applying it again changes nothing."""
    from callrouter.flows.apply import export as run

    click.echo(terminal.read(settings_of(demo=of_demo), run), nl=False)


@main.group(short_help="Tokens for programs that use the API.")
def token() -> None:
    """Tokens for programs that use the API."""


@token.command("add", short_help="Make a token and print it, once.")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["manager", "head", "admin", "auditor"]),
    help="What the token may do.",
)
@click.option(
    "--manager", metavar="KEY", help="Instead: it asks as this manager, and sees what he sees."
)
@_demo
def add_token(
    name: str,
    role: Any,  # noqa: ANN401  click has checked it
    manager: str | None,
    of_demo: bool,
) -> None:
    """Make a token called NAME and print it alone on standard output. It is shown only now."""
    from callrouter.flows.tokens import BadToken
    from callrouter.flows.tokens import make_token as run

    if (role is None) == (manager is None):
        raise click.UsageError("Name one of --role and --manager.")
    settings, now = settings_of(demo=of_demo), terminal.now()
    try:
        click.echo(terminal.write(settings, run, name, role=role, manager=manager, now=now))
    except BadToken as error:
        raise Failed(str(error)) from error


@token.command("revoke", short_help="Take a token back.")
@click.argument("name")
@_demo
def revoke_token(name: str, of_demo: bool) -> None:
    """Take the token called NAME back: within two seconds it opens nothing."""
    from callrouter.flows.tokens import BadToken
    from callrouter.flows.tokens import revoke_token as run

    try:
        terminal.write(settings_of(demo=of_demo), run, name, now=terminal.now())
    except BadToken as error:
        raise Failed(str(error)) from error
    click.echo(f"{name}: taken back.")


@main.command(short_help="Print a one-time link to the pages.")
@click.option("--manager", metavar="KEY", help="As this manager of the setup, not as an admin.")
@_demo
def link(manager: str | None, of_demo: bool) -> None:
    """Print a link that opens the pages once, within 24 hours; it always works."""
    from callrouter.first_steps import LOCAL
    from callrouter.flows.visits import new_link
    from callrouter.user_commands import must_work_here

    settings = settings_of(demo=of_demo)
    if manager is not None:
        must_work_here(settings, manager)
    found = terminal.write(settings, new_link, now=terminal.now(), manager=manager)
    click.echo(f"{settings.public_url or LOCAL}/enter/{found}")


@main.group("user", short_help="People who sign in.")
def user() -> None:
    """People who sign in to the pages."""


@user.command("add", short_help="Invite somebody and print his link, once.")
@click.argument("email")
@click.option("--manager", metavar="KEY", help="Who he is in the setup, which has name and role.")
@click.option("--name", default="", help="Of somebody who is in no setup.")
@click.option(
    "--role",
    type=click.Choice(["manager", "head", "admin", "auditor"]),
    default="manager",
    help="Of somebody who is in no setup.",
)
@_demo
def add_user(of_demo: bool, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Invite whoever has EMAIL; prints a link that opens once, within 7 days.

    By it he chooses a password, and signs in with it and his e-mail.
    """
    from callrouter.user_commands import add as run

    click.echo(run(settings_of(demo=of_demo), **asked))


@user.command("list", short_help="Print who may sign in.")
@_demo
def list_users(of_demo: bool) -> None:
    """Print who may sign in: e-mail, role, name, and whether he is locked out."""
    from callrouter.user_commands import listed as run

    for line in run(settings_of(demo=of_demo)):
        click.echo(line)


@user.command("reset", short_help="Print a link to a new password.")
@click.argument("email")
@click.option("--no-code", is_flag=True, help="Ask for no code any more: the telephone is lost.")
@_demo
def reset_user(email: str, no_code: bool, of_demo: bool) -> None:
    """Print a link by which whoever has EMAIL chooses a new password, once, within 7 days."""
    from callrouter.user_commands import reset as run

    click.echo(run(settings_of(demo=of_demo), email, no_code=no_code))


@user.command("lock", short_help="Lock somebody out at once.")
@click.argument("email")
@_demo
def lock_user(email: str, of_demo: bool) -> None:
    """Lock out whoever has EMAIL, wherever he is signed in; not the last administrator."""
    from callrouter.user_commands import lock as run

    click.echo(run(settings_of(demo=of_demo), email))


@user.command("unlock", short_help="Let somebody sign in again.")
@click.argument("email")
@_demo
def unlock_user(email: str, of_demo: bool) -> None:
    """Let whoever has EMAIL sign in again."""
    from callrouter.user_commands import unlock as run

    click.echo(run(settings_of(demo=of_demo), email))


# Clients who are already there


@main.group("import", short_help="Import contacts or products, list imports, take one back.")
def import_() -> None:
    """Import contacts from another system or a price list, list imports, take one back."""


@import_.command("contacts", short_help="Import contacts from CSV or XLSX.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Which heading is which field: map.toml.",
)
@click.option("--system", help="Whose external ids these are; absent: by the headings.")
@click.option("--dry-run", is_flag=True, help="Say what would come of it and change nothing.")
@_demo
def import_contacts(of_demo: bool, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Import the contacts in FILE (CSV or XLSX), also while calls go on.

    Who is known already is joined: empty fields are filled in, nothing is overwritten. Refused
    lines go to FILE.refused.csv, to be mended and imported. The same file again changes nothing.
    """
    from callrouter.importing import import_contacts as run

    run(settings_of(demo=of_demo), **asked)


@import_.command("products", short_help="Import goods and services from CSV or XLSX.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Which heading is which field: map.toml.",
)
@click.option("--dry-run", is_flag=True, help="Say what would come of it and change nothing.")
@_demo
def import_products(of_demo: bool, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Import the price list in FILE (CSV or XLSX), also while calls go on.

    A product is known by its article, else by its name and unit, and brought up to date. Refused
    lines go to FILE.refused.csv, to be mended and imported. The same file again changes nothing.
    """
    from callrouter.importing import import_products as run

    run(settings_of(demo=of_demo), **asked)


@import_.command("undo", short_help="Take an import back.")
@click.argument("number", metavar="ID")
@_demo
def import_undo(number: str, of_demo: bool) -> None:
    """Take the import ID back: its contacts go, and who was joined gets back what he had.

    What somebody has worked on since stays, and is listed.
    """
    from callrouter.importing import undo

    undo(settings_of(demo=of_demo), number)


@import_.command("list", short_help="List the latest imports.")
@_demo
def import_list(of_demo: bool) -> None:
    """List the latest 50 imports, the newest first."""
    from callrouter.importing import show_imports

    click.echo(show_imports(settings_of(demo=of_demo)))


@main.command(short_help="Hand a manager's open work over to others.")
@click.argument("giver", metavar="FROM")
@click.argument("to", required=False)
@click.option("--spread", is_flag=True, help="Over the active members of his team, by load.")
@click.option("--dry-run", is_flag=True, help="Show who would get what and change nothing.")
@click.option("--yes", "sure", is_flag=True, help="Do not ask.")
@_demo
def handover(
    *, giver: str, to: str | None, spread: bool, dry_run: bool, sure: bool, of_demo: bool
) -> None:
    """Hand FROM's open cards, contacts and tasks over to TO, or over his team with --spread.

    `handover undo ID` takes one back, but for what somebody changed since. `handover resume ID`
    goes on with one that was cut short.
    """
    from callrouter import handing_over as run

    settings = settings_of(demo=of_demo)
    if spread == bool(to):
        raise Failed("say who is to have it: FROM TO, or FROM --spread")
    if giver == "undo" and to:
        run.undo(settings, to)
    elif giver == "resume" and to:
        run.resume(settings, to, sure=sure, dry_run=dry_run)
    else:
        run.hand_over(settings, giver, to, sure=sure, dry_run=dry_run)


# Asking


@main.command(short_help="Say what would happen to a call, and why.")
@click.option("--line", required=True, help="The number that is dialled, or an alias of it.")
@click.option("--caller", default="", help="Who calls; absent: withheld.")
@click.option("--at", "moment", help="When, RFC 3339 or local time of the company; absent: now.")
@_json
@_lang
@_demo
def route(of_demo: bool, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Say what would happen to a call, and why. Nothing is changed.

    Load, and who is busy, are taken as they are now; hours, shifts and rules as they are --at.
    """
    from callrouter.asking import CannotSay, show_route

    read = terminal.reader(settings_of(demo=of_demo))
    try:
        click.echo(show_route(read, now=terminal.now(), **asked))
    except CannotSay as error:
        raise Failed(str(error)) from error


@main.command(short_help="Explain why a call went where it went.")
@click.argument("call")
@_json
@_lang
@_demo
def why(of_demo: bool, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Explain why CALL went where it went: our id of it, the PBX's own call_id, or `last`."""
    from callrouter.asking import CannotSay, show_why

    read = terminal.reader(settings_of(demo=of_demo))
    try:
        click.echo(show_why(read, **asked))
    except CannotSay as error:
        raise Failed(str(error)) from error


@main.command(short_help="Take past calls again, also on other rules.")
@click.option(
    "--days",
    required=True,
    type=click.IntRange(1, 3650),
    help="Of the last so many days.",
)
@click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A setup.toml to try: laid over the setup in force; nothing is applied.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_lang
@_demo
def replay(of_demo: bool, days: int, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Decide on past calls again, on the facts as they were. Nothing is changed.

    Without --rules it says how many decisions these facts explain. With --rules it prints what
    would have gone another way, per line and manager, and what it takes as it was.
    """
    from callrouter.replaying import show_replay

    show_replay(settings_of(demo=of_demo), days, **asked)


@main.command(short_help="Show the PBX's requests that were refused.")
@click.option("--refused", is_flag=True, required=True, help="Hooks that were not let in.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_demo
def hooks(refused: bool, as_json: bool, of_demo: bool) -> None:
    """Show the last 50 refused hooks of each account, the newest first, and what was wrong.

    Neither bodies nor phones are kept of them.
    """
    del refused
    from callrouter.asking import show_refused
    from storage.journal import refusals

    found = terminal.read(settings_of(demo=of_demo), refusals)
    click.echo(show_refused(found, as_json=as_json))


@main.command("jobs", short_help="List the work after calls; run dead jobs again.")
@click.argument("act", required=False, type=click.Choice(["retry"]))
@click.argument("number", metavar="[ID]", required=False)
@click.option("--dead", is_flag=True, help="Those that were given up.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_demo
def jobs(act: str | None, number: str | None, *, dead: bool, as_json: bool, of_demo: bool) -> None:
    """List the 50 jobs that are to be done next, or with --dead those that were given up.

    `jobs retry ID` runs a dead one again.
    """
    from callrouter import working

    settings = settings_of(demo=of_demo)
    if act and not number:
        raise Failed("say which: callrouter jobs retry ID")
    if act and number:
        click.echo(working.retry(settings, number))
    else:
        click.echo(working.show_jobs(settings, dead=dead, as_json=as_json))


# Templates of the company's own


@main.group(short_help="Your own templates of offers and letters.")
def template() -> None:
    """List, try and bring your own templates and logos; what you do not bring is shipped.

    They are called like files: offer.typ, offer.docx, offer.odt, offer.html, offer.txt, logo.png;
    offer.en.html is for English letters alone.
    """


_template_file = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
_template_name = click.option("--name", help="What it is called; absent: as the file.")


@template.command("list", short_help="List those in use.")
@_demo
def template_list(of_demo: bool) -> None:
    """List the templates of your own that are in use."""
    from callrouter.template_commands import show_all

    click.echo(show_all(settings_of(demo=of_demo)))


@template.command("show", short_help="List the versions of one.")
@click.argument("name", metavar="NAME")
@_demo
def template_show(name: str, of_demo: bool) -> None:
    """List all versions of NAME, like offer.typ."""
    from callrouter.template_commands import show

    click.echo(show(settings_of(demo=of_demo), name))


@template.command("add", short_help="Use a file from now on.")
@_template_file
@_template_name
@_demo
def template_add(file: Path, name: str | None, of_demo: bool) -> None:
    """Use FILE from now on, if it can be used: each unknown variable is named with its place."""
    from callrouter.template_commands import add

    add(settings_of(demo=of_demo), file, name)


@template.command("check", short_help="Try a file and keep nothing.")
@_template_file
@_template_name
@_demo
def template_check(file: Path, name: str | None, of_demo: bool) -> None:
    """Try whether FILE can be used, and keep nothing."""
    from callrouter.template_commands import check

    check(settings_of(demo=of_demo), file, name)


@template.command("back", short_help="Use an earlier version again.")
@click.argument("name", metavar="NAME")
@click.argument("version", type=click.IntRange(0))
@_demo
def template_back(name: str, version: int, of_demo: bool) -> None:
    """Use VERSION of NAME again; 0 is the shipped one."""
    from callrouter.template_commands import go_back

    go_back(settings_of(demo=of_demo), name, version)


# What must not be lost


@main.command(short_help="Back up the base, the files and the settings.")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@_demo
def backup(folder: Path | None, of_demo: bool) -> None:
    """Back up the base, the files and the settings into DIR, while calls run.

    Without DIR: into `backups` in the data directory, where every night's are, too. An archive
    needs the folder `files` beside `archives`. The secret key is not in it: keep it apart.
    """
    from callrouter.backing_up import backup as run

    run(settings_of(demo=of_demo), folder)


@main.command(short_help="Bring a backup back into an empty place.")
@click.argument("file", metavar="FILE")
@_demo
def restore(file: str, of_demo: bool) -> None:
    """Bring the backup FILE back, a path or s3://BUCKET/PREFIX/archives/NAME.tar.

    Only where there is neither a base nor files; all of it or nothing. Letters do not leave a
    restored base until `callrouter letters thaw`.
    """
    from callrouter.backing_up import restore as run

    run(settings_of(demo=of_demo), file)


@main.group("letters", short_help="Letters to customers.")
def letters() -> None:
    """Letters to customers."""


@letters.command("thaw", short_help="Let letters leave a restored base.")
@click.option(
    "--in-doubt",
    is_flag=True,
    help="But those asked for before the restore: a person decides on each.",
)
@_demo
def thaw_letters(in_doubt: bool, of_demo: bool) -> None:
    """Let letters leave a restored base.

    Some may have been sent after the backup was made: with --in-doubt those are not sent again
    unless a person says so.
    """
    from callrouter.backing_up import thaw_letters as run

    click.echo(run(settings_of(demo=of_demo), in_doubt=in_doubt))


@main.command("mail-check", short_help="Try the mailbox that letters go out by.")
@click.option("--to", help="Who gets the test letter; absent: the mailbox itself.")
@click.option("--manager", metavar="KEY", help="The own mailbox of this manager.")
@click.option(
    "--selector", "selectors", multiple=True, metavar="NAME", help="A DKIM key's name of yours."
)
@click.option("--dns", metavar="HOST[:PORT]", help="Ask this name server; absent: the system's.")
@_lang
def mail_check(dns: str | None, **asked: Any) -> None:  # noqa: ANN401  as the options have it
    """Sign in, send a test letter, and read SPF, DKIM and DMARC of the sender's domain.

    Says line by line what is right and what to mend. Exit code 1: letters cannot be sent.
    """
    from callrouter.mail_check import check, names_of

    found = check(settings_of(), names=names_of(dns), **asked)
    click.echo("\n".join(found.lines))
    if not found.works:
        sys.exit(1)
