"""The command that looks an installation over."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cartoon_avatar.cli.options import (
    ai_settings,
    backend_settings,
    data_option,
    echo_json,
    host_and_port,
    json_option,
    use_data_folder,
)


@click.command(short_help="Say what is wrong and how to mend it.")
@data_option
@host_and_port(8000)
@json_option
def doctor(data: Path | None, host: str, port: int, as_json: bool) -> None:
    """Look the installation over and say how to mend what is wrong; ends with 1 if anything is.

    It looks at Python, models, neural styles, external generators (each is asked for something
    free), data folder, free space, signing key, database,
    storage, the AI service (if AI_URL is set) and the port of `serve`, and changes nothing. Give
    it the options and environment that the service gets, and run it as the same user.

    \b
      cartoon-avatar doctor
      cartoon-avatar doctor --data /srv/avatars --port 80
      cartoon-avatar doctor --json
    """
    from cartoon_avatar.doctor import examine

    use_data_folder(data)
    findings = examine(backend_settings(), ai_settings(), host, port)
    wrong = sum(finding.status == "wrong" for finding in findings)
    if as_json:
        echo_json({"wrong": wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{finding.status:6} {finding.check:12} {finding.found}")
            if finding.mend:
                click.echo(f"       {'':12} → {finding.mend}")
        click.echo(f"{wrong} wrong" if wrong else "Everything is in place.")
    if wrong:
        raise SystemExit(1)
