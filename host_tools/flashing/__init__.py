"""A board on a serial port: `joulestream flash`, `provision` and `update`.

targets.py     the boards, and their marks
device.py      the board behind mpremote: programs, files, resets, and the errors of all three
image.py       MicroPython itself: esptool, or a copy onto a Pico's drive
partitions.py  the partition table of an ESP32's image, with room for the journal
install.py     a release into the directory that does not run: the common part of all commands
flash.py       this tree onto a board
update.py      a signed release onto a board that runs
provision.py   keys that the board makes, certificates, and the keys that it trusts
"""
