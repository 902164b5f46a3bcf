# Runs at each start, in place of the port's own file of this name: mounts the file system, which
# it makes at the first start. It leaves the end of the flash to the journal, as the board's file
# firmware/boards/rp2040.py says. The port programs whole pages of 256 bytes.
import rp2
import vfs

flash = rp2.Flash(len=1_179_648)
try:
    files = vfs.VfsLfs2(flash, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    files = vfs.VfsLfs2(flash, progsize=256)
vfs.mount(files, "/")
del vfs, rp2, flash, files
