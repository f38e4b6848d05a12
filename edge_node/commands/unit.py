"""``unit``: the systemd unit of this station, for the place where it is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_node.config import SettingError

CONFIG_DEFAULT = Path("/var/lib/harvestline-edge/station.toml")
USER_DEFAULT = "harvestline"

# ProcSubset stays as it is: the clock counts from /proc/sys/kernel/random/boot_id.
UNIT = """\
[Unit]
Description=Harvestline base station
Documentation=https://harvestline.example/docs/station.md
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} run --config {config}
User={user}
Group={user}
WorkingDirectory={folder}
ReadWritePaths={folder}
UMask=0077
Restart=always
RestartSec=5
TimeoutStartSec=180
TimeoutStopSec=90
WatchdogSec=60
LimitCORE=0
LimitNOFILE=8192
OOMScoreAdjust=-500
MemoryMax=400M
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@click.command()
@click.option(
    "--config", default=CONFIG_DEFAULT, show_default=True, type=click.Path(path_type=Path),
    help="The station's settings.",
)  # fmt: skip
@click.option("--user", default=USER_DEFAULT, show_default=True, help="Whose files they are.")
def unit(config: Path, user: str) -> None:
    """Print a hardened systemd unit; put it into /etc/systemd/system."""
    click.echo(unit_text(config, user), nl=False)


def unit_text(config: Path, user: str, program: Path | None = None) -> str:
    """The unit for a settings file and a user.

    Parameters
    ----------
    program
        What to start; the one that is running now if none is given.

    Raises
    ------
    SettingError
        If a path cannot stand in a unit.
    """
    started = program or Path(sys.argv[0]).resolve()
    for path in (config, started):
        if not path.is_absolute() or any(each.isspace() or each in "%\"'" for each in str(path)):
            raise SettingError(f"expected an absolute path without blanks for systemd, got {path}")
    return UNIT.format(program=started, config=config, user=user, folder=config.parent)
