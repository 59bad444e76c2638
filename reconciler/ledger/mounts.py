"""Which file system holds a folder: over a network, a record that exists may not be seen by all.

Linux alone tells, in /proc/self/mountinfo (proc(5)): a line a mount, its mount point in the fifth
field, its file system's type after a lone dash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from reconciler.errors import SettingsError

MOUNTS = Path("/proc/self/mountinfo")

NETWORK_TYPES = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb", "smb3", "smbfs", "ncpfs", "afs", "coda"),
        *("9p", "virtiofs", "vboxsf", "prl_fs"),  # folders of the machine around this one
        *("ceph", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs", "pvfs2", "davfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.juicefs"),
        *("fuse.s3fs", "fuse.goofys", "fuse.mount-s3", "fuse.gcsfuse", "fuse.blobfuse2"),
        *("fuse.rclone", "fuse.davfs2", "fuse.curlftpfs", "fuse.smbnetfs", "fuse.grpcfuse"),
    }
)
"""Types that reach another machine, as Linux names them."""


class Mount(NamedTuple):
    """A mounted file system."""

    point: str
    type: str


def refuse_network(folder: Path, mounts: Path = MOUNTS) -> None:
    """Refuse a folder on a network file system; where the system doesn't tell, say nothing.

    Args:
        folder: it needn't exist.
        mounts: the system's file of mounts.

    Raises:
        SettingsError: it is on one, with both ways out.
    """
    try:
        told = mounts.read_text("utf-8", "surrogateescape")
    except OSError:
        return
    mount = mount_of(folder.resolve().as_posix(), told)
    if mount and mount.type in NETWORK_TYPES:
        message = (
            f"the ledger's folder {folder} is on a network file system ({mount.type} at "
            f"{mount.point}), where two runners may both be given one right; in reconciler.yaml "
            "set spec.ledger.path to a local folder, or use kind: github; if this file system "
            "does make and link files atomically for all its machines, say on_network: true"
        )
        raise SettingsError(message)


def mount_of(path: str, mountinfo: str) -> Mount | None:
    """The mount that holds an absolute path: the longest mount point above it, the latest of two.

    Args:
        path: resolved; it needn't exist.
        mountinfo: the text of /proc/self/mountinfo; lines that can't be read are passed over.
    """
    target = PurePosixPath(path)
    above = [mount for mount in _mounts(mountinfo) if target.is_relative_to(mount.point)]
    return max(
        reversed(above), key=lambda mount: len(PurePosixPath(mount.point).parts), default=None
    )


def _mounts(mountinfo: str) -> Iterator[Mount]:
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if dash and len(fields) > 4 and after:
            yield Mount(_unescaped(fields[4]), after.split(" ")[0])


def _unescaped(text: str) -> str:
    r"""The kernel writes blank, tab, line end and backslash as \040, \011, \012 and \134."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
