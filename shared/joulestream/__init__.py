"""The Joulestream protocol: the same files on pole, vehicle and host, without any I/O."""
