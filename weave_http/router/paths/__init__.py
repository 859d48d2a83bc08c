"""The paths that frames take to other hosts: probed, told to all, and chosen. Pure, but for `sockets` and `service`."""
