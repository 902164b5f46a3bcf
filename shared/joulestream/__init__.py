"""The Joulestream protocol: the same files run on pole, vehicle and host. They do no I/O."""
