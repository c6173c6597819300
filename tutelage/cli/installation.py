"""``tutelage backup | restore | upload | doctor``: the installation as a whole."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, open_data, settings_for
from tutelage.cli.service import local_url
from tutelage.errors import Invalid
from tutelage.text.wording import counted

POSTGRES = "The PostgreSQL database is not in it: pg_dump and pg_restore take care of that."


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (backup, restore, upload, doctor):
        app.command()(command)


def backup(
    file: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    data: Data = None,
) -> None:
    """Back up the data folder into one file, also while the service runs.

    Example: `tutelage backup tutelage.tar`
    """
    from tutelage.installation import backup as backups

    contents = backups.write(settings_for(data), file)
    size = f"{file.stat().st_size / 1e6:.1f} MB"
    typer.echo(f"Wrote {counted(len(contents['files']), 'file')} to {file} ({size}).")
    if contents["database"] == "postgresql":
        typer.echo(POSTGRES)


def restore(
    file: Annotated[Path, typer.Argument(help="File written by `backup`.")],
    check: Annotated[bool, typer.Option("--check", help="Check only; restore nothing.")] = False,
    data: Data = None,
) -> None:
    """Restore a backup into a new data folder, after checking all of it.

    Example: `tutelage restore tutelage.tar --data new-data`
    """
    from tutelage.installation import backup as backups

    folder = settings_for(data).data
    contents = backups.check(file) if check else backups.restore(file, folder)
    count = counted(len(contents["files"]), "file")
    made = f"made by tutelage {contents['version']}"
    typer.echo(
        f"{file} is complete: {count}, {made}."
        if check
        else f"Restored {count} into {folder.absolute()} ({made})."
    )
    if contents["database"] == "postgresql":
        typer.echo(POSTGRES)


def upload(data: Data = None) -> None:
    """Upload the policies, iterations and filter heads of the data folder to TUTELAGE_ARTIFACTS.

    For a data folder from before that setting. What is there already stays as it is.

    Example: `tutelage upload`, with TUTELAGE_ARTIFACTS=s3://bucket/tutelage set.
    """
    from moderation.appeals import registry
    from tutelage.artifacts import iterations
    from tutelage.artifacts.policies import SharedPolicyLibrary

    core = open_data(data)
    if core.storage is None or not isinstance(core.library, SharedPolicyLibrary):
        raise Invalid("TUTELAGE_ARTIFACTS is not set: there is nowhere to upload to.")
    policies = core.library.only_here()
    for policy_id in policies:
        core.library.upload(policy_id)
    folders = iterations.upload(core.settings.data / "iterations", core.storage)
    kept = core.settings.data / "moderation"
    heads = registry.listed(kept)
    for each in heads:
        registry.share(kept, each["version"], core.storage)
    typer.echo(
        f"{counted(len(policies), 'policy', 'policies')}, {counted(folders, 'iteration')} and "
        f"{counted(len(heads), 'version')} of the filter heads are in {core.storage.url}."
    )


def doctor(data: Data = None, as_json: Json = False) -> None:
    """Say what is wrong with this installation, and the way out. Example: `tutelage doctor`"""
    from tutelage.installation.doctor import diagnose

    settings = settings_for(data)
    found = list(diagnose(settings, local_url(settings, settings.port)))
    for each in found:
        typer.secho(
            f"{each.about:12} {each.problem or 'OK'}", fg="yellow" if each.problem else "green"
        )
        if each.way_out:
            typer.echo(f"{'':12} {each.way_out}")
    if as_json:
        typer.echo(json.dumps([vars(each) for each in found]))
    raise typer.Exit(1 if any(each.problem for each in found) else 0)
