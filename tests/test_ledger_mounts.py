"""A ledger's folder lies on no network file system, unless somebody says that it may."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import SettingsError
from reconciler.ledger.mounts import NETWORK_TYPES, Mount, mount_of, refuse_network

MOUNTINFO = r"""22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:22 / /proc rw - proc proc rw
30 22 0:40 / /srv rw,relatime shared:7 master:2 - nfs4 nas:/srv rw,vers=4.2
31 30 0:41 / /srv/local rw - xfs /dev/vdb rw
32 22 254:0 /home/build /builds rw,relatime - ext4 /dev/vda rw
33 22 0:42 /team /mnt/the\040team\134s\011share rw - cifs //nas/team rw
34 22 0:43 / /data rw - ext4 /dev/vdc rw
35 34 0:44 / /data rw - fuse.sshfs build@nas:/data rw
36 22 0:45 / /mnt/host rw - 9p C:\134 rw
broken
37 22 0:46 / /short
"""


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/home/a/project", Mount("/", "ext4")),
        ("/srv/ledger", Mount("/srv", "nfs4")),
        ("/srv", Mount("/srv", "nfs4")),
        ("/srvice/ledger", Mount("/", "ext4")),
        ("/srv/local/ledger", Mount("/srv/local", "xfs")),
        ("/srv/locally", Mount("/srv", "nfs4")),
        ("/builds/shop/.reconciler", Mount("/builds", "ext4")),
        ("/mnt/the team\\s\tshare/x", Mount("/mnt/the team\\s\tshare", "cifs")),
        ("/data/x", Mount("/data", "fuse.sshfs")),
        ("/mnt/host/c/shop", Mount("/mnt/host", "9p")),
    ],
)
def test_the_longest_mount_point_above_a_path_holds_it(path: str, mount: Mount) -> None:
    assert mount_of(path, MOUNTINFO) == mount


@given(st.text(), st.text("/ab-\\ 0147\n", max_size=60))
def test_any_text_names_a_mount_above_the_path_or_none(path: str, mountinfo: str) -> None:
    mount = mount_of(f"/{path}", mountinfo)
    assert mount is None or Path(f"/{path}").is_relative_to(mount.point)


def mounted(tmp_path: Path, kind: str) -> tuple[Path, Path]:
    """A folder, and a system's file that tells it to be of that type."""
    told = tmp_path / "mountinfo"
    told.write_text(f"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / {tmp_path}/share rw - {kind} b rw\n")
    return tmp_path / "share" / "ledger", told


@pytest.mark.parametrize("kind", sorted(NETWORK_TYPES))
def test_a_network_file_system_is_refused_with_its_name_and_both_ways_out(
    tmp_path: Path, kind: str
) -> None:
    with pytest.raises(SettingsError) as error:
        refuse_network(*mounted(tmp_path, kind))
    for words in (f"{kind} at {tmp_path}/share", "spec.ledger.path", "on_network: true"):
        assert words in str(error.value)


@pytest.mark.parametrize("kind", ["ext4", "overlay", "tmpfs", "apfs", "fuseblk", "fuse.unknown"])
def test_any_other_is_taken(tmp_path: Path, kind: str) -> None:
    refuse_network(*mounted(tmp_path, kind))


def test_a_link_is_followed_to_where_the_records_are(
    tmp_path: Path,
) -> None:
    folder, told = mounted(tmp_path, "nfs")
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(SettingsError, match="nfs"):
        refuse_network(tmp_path / "link" / "below", told)


def test_a_system_that_does_not_tell_is_trusted(
    tmp_path: Path,
) -> None:
    refuse_network(tmp_path, tmp_path / "none")
