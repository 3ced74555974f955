"""The Prefer header (RFC 7240): whether a client waits for the result, and how long."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import Request

# Longer than any proxy lets a request wait.
_LONGEST_WAIT_S = 60
_WAIT = re.compile(r'"?([0-9]{1,9})"?')


@dataclass(frozen=True, slots=True)
class Preference:
    """``wait_s`` is None where none was named."""

    respond_async: bool = False
    wait_s: int | None = None

    @property
    def applied(self) -> str:
        waited = "" if self.wait_s is None else f", wait={self.wait_s}"
        return f"respond-async{waited}"


def preference_in(request: Request) -> Preference:
    """Unknown and invalid preferences are ignored; of a repeated one the first counts."""
    named: dict[str, str] = {}
    for part in ",".join(request.headers.getlist("prefer")).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        named.setdefault(name.strip().lower(), value.strip())
    wait = _WAIT.fullmatch(named.get("wait", ""))
    return Preference(
        respond_async="respond-async" in named,
        wait_s=None if wait is None else min(int(wait[1]), _LONGEST_WAIT_S),
    )
