"""How long tests wait."""

from __future__ import annotations

#: For an event that comes: it only bounds a hang, however busy the machine is.
PATIENCE_S = 300
