"""What the tests share: a real server, its API, raw sockets, and the machine seen from outside."""
