"""`offrecord serve`: a call system or OBS pushes its participants here, and only the redacted call is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from recorder.commands.display.progress import ProgressMode
from recorder.commands.join import given_duration, run_call
from recorder.commands.options import load_policy, log_options, output_option
from redaction.errors import UsageError
from redaction.policy import CallSection, Policy

__all__ = ["serve"]

_ANY_S: Final = 86_400.0


@click.command("serve")
@output_option
@click.option(
    "--tokens",
    "token_file",
    type=click.Path(path_type=Path),
    help="Who may push: a TOML file of [[token]] tables with secret, name, consent, sessions and metrics.",
)
@click.option(
    "--zoom",
    "zoom_file",
    type=click.Path(path_type=Path),
    help="Record the meetings that Zoom announces instead: a TOML file of the app; see docs/zoom.md.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="0: any free one."
)
@click.option(
    "--tls-cert", type=click.Path(path_type=Path), help="Certificate (PEM); needed beyond this machine."
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key (PEM).")
@click.option("--tls-in-front", is_flag=True, help="A proxy before this server speaks TLS.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="A web page's origin that may push from a browser; may be repeated.",
)
@click.option(
    "--linger",
    "linger_s",
    callback=given_duration,
    default="30s",
    show_default=True,
    help="Finish when nobody has pushed for so long; the first push is waited for.",
)
@click.option(
    "--for", "at_most_s", callback=given_duration, help="Finish after this time, such as 90s, 15m or 1h30m."
)
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), help="Policy file (TOML); see docs/policy.md."
)
@click.option(
    "--roster", multiple=True, help="A name that must be masked wherever it is said; may be repeated."
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on stdout; events as JSON lines on stderr."
)
@click.option("--quiet", is_flag=True, help="Show nothing while the call goes on.")
@log_options
@click.pass_context
def serve(
    context: click.Context,
    folder: Path,
    token_file: Path | None,
    zoom_file: Path | None,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_in_front: bool,
    origins: tuple[str, ...],
    linger_s: float,
    at_most_s: float | None,
    policy_file: Path | None,
    roster: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Take participants who are pushed here by WHIP (RFC 9725), one session each, and record one call.

    Push to http://HOST:PORT/whip with a bearer token; where the token has no name, to /whip/NAME. A token with
    `consent = true` says that the pushing system asks its participants: they are recorded from the start, and
    `POST` of `no`, `erase` or `yes` to the session's address with /consent behind it tells what they say later.
    Participants of other tokens have not answered, so by default nothing of them is received.

    \b
    The token file:
      [[token]]
      secret = "at least sixteen characters"
      name = "Ada"
      consent = true

    `GET /healthz` answers `ok` on the same port while the call is watched. `GET /metrics` gives figures for
    Prometheus to a token with `metrics = true`, which may not push; see docs/operations.md.

    With --zoom no participants are pushed: Zoom announces meetings to http://HOST:PORT/zoom, and each that is
    announced is recorded in a process of its own until it ends or the command is stopped.

    Example: offrecord serve --tokens tokens.toml -o redacted
    """
    if (token_file is None) == (zoom_file is None):
        raise UsageError("Name one of --tokens, for participants who are pushed here, and --zoom.")
    from recorder.call.http.http_server import Address

    policy = load_policy(policy_file, roster)
    address = Address(host, port, tls_cert, tls_key, tls_in_front=tls_in_front)
    address.context()  # unusable TLS files are told before models are loaded
    if zoom_file is not None:
        from recorder.call.zoom.config import ZoomConfig
        from recorder.commands.serve_zoom import serve_zoom

        if origins:
            raise UsageError("--origin is for participants who are pushed here; it says nothing to Zoom.")
        return serve_zoom(
            ZoomConfig.read(zoom_file),
            address,
            folder=folder,
            policy=_waiting(policy, None),
            at_most_s=at_most_s,
            as_json=as_json,
            quiet=quiet,
            log_format=context.meta["recorder.log_format"],
            log_level=context.meta["recorder.log_level"],
        )
    if token_file is None:
        raise UsageError("Name the file of --tokens.")
    from recorder.call.http.tokens import Tokens
    from recorder.call.http.whip_source import serve_source
    from recorder.operations.metrics import CallMetrics
    from recorder.operations.web import OperationsRoutes

    policy = _waiting(policy, at_most_s)
    tokens, metrics = Tokens.read(token_file), CallMetrics()
    source = serve_source(
        tokens,
        address=address,
        origins=origins,
        linger_s=linger_s,
        extend=OperationsRoutes(metrics, tokens).attach,
    )
    return run_call(
        source,
        way="whip",
        folder=folder,
        policy=policy,
        mode=ProgressMode.choose(as_json=as_json, quiet=quiet),
        as_json=as_json,
        observers=(metrics,),
    )


def _waiting(policy: Policy, at_most_s: float | None) -> Policy:
    """Return the policy with the time for which the first push is waited for, and that of --for."""
    changed = policy.call.model_dump() | {"alone_s": _ANY_S, "at_most_s": at_most_s or policy.call.at_most_s}
    try:
        return policy.model_copy(update={"call": CallSection.model_validate(changed)})
    except ValueError:
        raise UsageError("--for is out of range; see the section call in docs/policy.md.") from None
