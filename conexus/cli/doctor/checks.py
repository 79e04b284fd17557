# SPDX-License-Identifier: FSL-1.1-MIT
"""All checks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conexus.adapters import config_files
from conexus.cli.doctor import access, disk, installation, limits
from conexus.cli.doctor.findings import Check, Level, look
from conexus.config import Config
from conexus.errors import ConfigError

_WHATEVER_IS_SET: dict[str, Callable[[], str]] = {
    "version": installation.check_version,
    "settings": installation.check_settings,
    "grammars": installation.check_grammars,
    "temporary folder": disk.check_temporary_folder,
    "core dumps": limits.check_core_dumps,
    "main job": installation.check_main_job,
}
_AS_IT_IS_SET: dict[str, Callable[[Config], str]] = {
    "model": installation.check_model,
    "data folder": disk.check_data_folder,
    "permissions": access.check_permissions,
    "locks": access.check_locks,
    "clock": disk.check_clock,
    "memory": limits.check_memory,
    "open files": limits.check_open_files,
    "watching": limits.check_watching,
    "network": installation.check_network,
    "edition": installation.check_edition,
    "indexes": installation.check_indexes,
    "daemon": installation.check_daemon,
}
NAMES = (
    "version", "settings", "model", "grammars", "data folder", "permissions", "locks", "clock", "temporary folder",
    "memory", "open files", "watching", "core dumps", "network", "edition", "indexes", "daemon", "main job",
)  # fmt: skip
"""Names of the checks."""


def run_checks(names: Sequence[str] = ()) -> list[Check]:
    """Look at everything, or at what is named; a check that fails does not stop the others.

    Args:
        names: Of :data:`NAMES`; a dash may stand for a blank.

    Raises:
        ConfigError: There is no check of a name.
    """
    asked = [name.replace("-", " ") for name in names]
    for name in asked:
        if name not in NAMES:
            known = ", ".join(one.replace(" ", "-") for one in NAMES)
            raise ConfigError(f"there is no check {name!r}", hint=f"there are {known}")
    config = _config()
    return [_made(name, config) for name in NAMES if not asked or name in asked]


def _config() -> Config | None:
    """Return the settings; ``None`` where they are wrong, which a check of their own tells."""
    try:
        return config_files.load(config_files.current_environ(), None, {}).config
    except ConfigError:
        return None


def _made(name: str, config: Config | None) -> Check:
    if name in _WHATEVER_IS_SET:
        return look(name, _WHATEVER_IS_SET[name])
    if config is None:
        return Check(
            name,
            ok=False,
            detail="not looked at, since the settings cannot be read",
            hint="mend the settings first: conexus doctor settings",
            level=Level.ERROR,
        )
    check = _AS_IT_IS_SET[name]
    return look(name, lambda: check(config))
