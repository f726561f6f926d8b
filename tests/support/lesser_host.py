"""A host that refuses Cloche something, made of this one: `lesser_host.py NAME BUILD WORD…` runs WORD… as there.

What a container or a distribution takes away is taken away here in the same manner: covers over /proc, a bounding set
without CAP_SYS_ADMIN, a user namespace with a few ids, a limit of none, a filter of system calls. BUILD lies at /mnt, where
every user may read it, and /var/tmp is empty and everybody's. Needs root; leaves nothing behind, for all is of namespaces
that end with it.
"""
import ctypes
import errno
import os
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER = 0x00020000, 0x10000000
BIND, REC, PRIVATE, REMOUNT, READ_ONLY, DETACH = 0x1000, 0x4000, 1 << 18, 0x20, 1, 2
MOUNT, UNSHARE, CLONE3 = 165, 272, 435
DOCKER = ("chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod "
          "audit_write setfcap").split()


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind=None, flags=0):
    check(libc.mount(source.encode(), target.encode(), kind and kind.encode(), ctypes.c_ulong(flags), None))


def own_mounts(build):
    check(libc.unshare(NEWNS))
    mount("none", "/", flags=REC | PRIVATE)
    mount(build, "/mnt", flags=BIND)
    mount("none", "/var/tmp", "tmpfs")
    # another /proc without covers, of somebody's chroot, would do for Linux
    with open("/proc/self/mountinfo") as mounts:
        rows = [line.split(" - ") for line in mounts]
    for place in [before.split()[4] for before, after in rows if after.startswith("proc ")]:
        if place != "/proc":
            libc.umount2(place.encode(), DETACH)


def cover_proc():
    for name in "keys", "timer_list", "kallsyms":
        if os.path.exists(f"/proc/{name}"):
            mount("/dev/null", f"/proc/{name}", flags=BIND)
    mount("/proc/sys", "/proc/sys", flags=BIND)
    mount("none", "/proc/sys", flags=REMOUNT | BIND | READ_ONLY)


def say_that_apparmor_restricts():
    """Only what the setting says, and with it a cover over /proc; what it does is refuse()'s."""
    mount("kernel", "/proc/sys/kernel", "tmpfs")
    with open("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "w") as setting:
        setting.write("1\n")


def refuse(calls):
    """A filter by which these system calls fail: {number: errno}."""
    code = struct.pack("HBBI", 0x20, 0, 0, 0)  # the number
    for number, error in calls.items():
        code += struct.pack("HBBI", 0x15, 0, 1, number) + struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | error)
    code += struct.pack("HBBI", 0x06, 0, 0, 0x7fff0000)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    check(libc.prctl(38, 1, 0, 0, 0))
    check(libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0))


def enter_few_ids():
    """Becomes root of a user namespace of 65,536 ids, as a rootless container's; its maps are its parent's to write."""
    inside, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.read(inside[0], 1)
        for name in "uid_map", "gid_map":
            with open(f"/proc/{child}/{name}", "w") as file:
                file.write("0 1000000 65536\n")
        os.write(mapped[1], b"x")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    check(libc.unshare(NEWUSER))
    os.write(inside[1], b"x")
    os.read(mapped[0], 1)
    os.setgroups([])
    os.setgid(0)
    os.setuid(0)


def allow_no_user_namespaces():
    with open("/proc/sys/user/max_user_namespaces", "w") as setting:
        setting.write("0\n")


def ordinary(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def docker_root(words, *added):
    """What Docker leaves to root, and what --cap-add adds."""
    kept = ",".join(["-all", *(f"+{capability}" for capability in (*DOCKER, *added))])
    return ["setpriv", "--bounding-set", kept, "--inh-caps", "-all", *words]


def main(name, build, *words):
    words = list(words)
    own_mounts(build)
    if name == "docker, root":
        words = docker_root(words)
    elif name == "docker and SYS_ADMIN, root":
        words = docker_root(words, "sys_admin")
    elif name == "covered /proc, root":
        cover_proc()
    elif name == "covered /proc, user":
        cover_proc()
        ordinary(65534)
    elif name == "rootless container, root":
        enter_few_ids()
    elif name == "rootless container, root, no user namespaces":
        enter_few_ids()
        allow_no_user_namespaces()
    elif name == "rootless container, user":
        enter_few_ids()
        ordinary(1000)
    elif name == "no user namespaces, user":
        enter_few_ids()
        allow_no_user_namespaces()
        ordinary(1000)
    elif name == "docker's filter, user":
        ordinary(65534)
        refuse({UNSHARE: errno.EPERM, CLONE3: errno.ENOSYS})
    elif name == "docker's AppArmor, root":
        refuse({MOUNT: errno.EACCES})
    elif name == "apparmor restricts, user":
        say_that_apparmor_restricts()
        ordinary(65534)
        refuse({MOUNT: errno.EACCES})
    elif name == "apparmor permits, covered /proc, user":
        say_that_apparmor_restricts()
        ordinary(65534)
    else:
        sys.exit(f"no host named {name}")
    os.execvp(words[0], words)


if __name__ == "__main__":
    main(*sys.argv[1:])
