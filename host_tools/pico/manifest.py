# The files that are frozen into the Pico's firmware: the mount of its file system, and the port's
# own module. The stock image has drivers of micropython-lib besides, which
# this tree does not use.
freeze("$(PORT_DIR)/modules", "rp2.py")
freeze(".", "_boot.py")
