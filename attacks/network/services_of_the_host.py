"""Reach usual services of a host
tries: the sockets of Docker, containerd, systemd, D-Bus, X, databases and name services
expect: refused: none is there
"""
from attack import *


def attack():
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket",
                 "/run/systemd/private", "/run/systemd/notify", "/var/run/postgresql/.s.PGSQL.5432", "/run/mysqld/mysqld.sock",
                 "/run/nscd/socket", "/tmp/.X11-unix/X0", HINTS.get("unix", "/run/none")):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
            return path
        except OSError:
            continue
    raise Contained("none is there")
