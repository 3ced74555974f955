"""The command on external generators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from cartoon_avatar.cli.options import ai_settings, echo_json, json_option


@click.command(short_help="Show the external generators and how they are doing.")
@click.option(
    "--url",
    envvar="AI_URL",
    default="http://127.0.0.1:8001",
    show_default=True,
    help="Of the AI service, which knows their state. [env: AI_URL]",
)
@json_option
def engines(url: str, as_json: bool) -> None:
    """Show the generators that AI_ENGINES names: state, budget used, last error.

    The file is judged first, and what is wrong in it named by line and key. Where no AI service
    answers, it shows what the file says and what the ledger in AI_DATA_DIR has.

    \b
      AI_ENGINES=engines.toml cartoon-avatar engines
    """
    items = _asked(url)
    if items is None:
        items = _configured()
    if as_json:
        echo_json(items)
        return
    if not items:
        click.echo("There are none; docs/generators.md shows how to add one.")
    for item in items:
        most = f" of {item['mostCalls']}" if item["mostCalls"] is not None else ""
        used = f", {item['callsToday']}{most} calls today"
        if item["price"]:
            used += f" ({item['callsToday'] * item['price']:.2f} spent)"
        click.echo(f"{item['name']}  {item['kind']} at {item['host']}  {item['state']}{used}")
        click.echo(f"  styles: {', '.join(item['styles'])}")
        if item["lastError"]:
            click.echo(f"  last error: {item['lastError']}")


def _configured() -> list[dict[str, Any]]:
    import yarl

    from cartoon_avatar.ai.engines.registry import remote_configs
    from cartoon_avatar.ai.engines.remote.ledger import read_known
    from cartoon_avatar.ai.seeing.model_files import models_folder
    from cartoon_avatar.ai.settings import environment

    settings = ai_settings()
    folder = models_folder(settings.models_dir)
    day = str(datetime.now(UTC).date())
    known = {
        config.name: read_known(settings.data_dir, config.name, day)
        for config in remote_configs(settings.engines, folder, environment())
    }
    return [
        {
            "name": config.name,
            "kind": config.kind,
            "host": yarl.URL(config.url).host,
            "styles": [style.name for style in config.style],
            "state": "not running",
            "callsToday": known[config.name].calls,
            "mostCalls": config.most_calls,
            "price": config.price,
            "lastError": known[config.name].last_error,
        }
        for config in remote_configs(settings.engines, folder, environment())
    ]


def _asked(url: str) -> list[dict[str, Any]] | None:
    """What the AI service at ``url`` says; None where none answers."""
    import httpx

    from cartoon_avatar.contract import paths

    ai_settings()  # which judges the file
    try:
        response = httpx.get(url.rstrip("/") + paths.ENGINES, timeout=httpx.Timeout(30, connect=5))
        response.raise_for_status()
        return response.json()["items"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
        return None
