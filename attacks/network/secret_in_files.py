"""Find credentials in files
tries: .netrc, .aws, .ssh, .config, .env, /proc/cmdline with keys, swap files
expect: refused: none
"""
from attack import *


def attack():
    for home in {"/", "/root", "/mnt/data", "/home/user", os.path.expanduser("~"), HINTS.get("home", "/root")}:
        for name in (".netrc", ".aws/credentials", ".ssh/id_rsa", ".config/gcloud", ".env", ".pypirc", ".docker/config.json", ".bash_history"):
            if os.path.exists(f"{home}/{name}"):
                return f"{home}/{name}"
    raise Contained("none")
