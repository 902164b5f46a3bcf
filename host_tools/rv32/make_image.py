"""Run by MicroPython's unix port: writes an image of an emulated board's file system.

    micropython host_tools/rv32/make_image.py MOUNT_PY IMAGE BLOCK BLOCKS PROGRAM [FOLDER ...]

Each folder is copied to the root of the file system under its own name. MOUNT_PY is the path of
the rv32 board's mount.py, which has the class of a disk in memory. The file system has BLOCKS
blocks of BLOCK bytes, and is written in pieces of PROGRAM bytes.
"""

import os
import sys

import vfs

_DIRECTORY = 0x4000


def copy(source: str, target: str) -> None:
    """Copy a file or a folder of the computer to a path of the image."""
    if os.stat(source)[0] & _DIRECTORY:
        os.mkdir(target)
        for name in sorted(os.listdir(source)):
            copy(source + "/" + name, target + "/" + name)
    else:
        with open(source, "rb") as file, open(target, "wb") as copied:
            copied.write(file.read())


def main(
    mount_path: str, image_path: str, block: str, blocks: str, program: str, *folders: str
) -> None:
    """Make an image of `folders`."""
    sys.path.insert(0, mount_path.rsplit("/", 1)[0])
    import mount

    image = bytearray(b"\xff" * (int(block) * int(blocks)))
    disk = mount.Disk(image, int(block))
    vfs.VfsLfs2.mkfs(disk, progsize=int(program))
    vfs.mount(vfs.VfsLfs2(disk, progsize=int(program)), "/image")
    for folder in folders:
        copy(folder, "/image/" + folder.rsplit("/", 1)[-1])
    vfs.umount("/image")
    with open(image_path, "wb") as file:
        file.write(image)


main(*sys.argv[1:])
