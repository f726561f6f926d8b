"""Probes of the sandbox's walls: what code inside must not be able to do.

The same text runs inside a session and outside as root: a probe that cannot succeed outside proves
nothing inside. Each runs in a child of its own and answers "open", "closed" (with why) or "absent" (this
kernel has no such thing). It prints one JSON object. PROBE_PORT, PROBE_SOCKET and PROBE_PATH name things of
the host: a TCP port that answers, an abstract socket, a file. PROBE_TARGET is the process to attack: init
inside (the default), a program of the test's own outside.
"""
import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
TARGET = int(os.environ.get("PROBE_TARGET", "1"))
PROBES = {}


class Absent(Exception):
    pass


def probe(function):
    PROBES[function.__name__.replace("_", " ")] = function
    return function


def call(number, *words):
    """A system call; raises OSError. A kernel without it makes the probe absent."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_void_p(w) if isinstance(w, int) else w for w in words))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# -- namespaces and mounts ---------------------------------------------------------------------------


@probe
def unshare_a_user_namespace():
    call(272, 0x10000000)


@probe
def unshare_a_mount_namespace():
    call(272, 0x00020000)


@probe
def clone_into_a_new_user_namespace():
    pid = call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@probe
def enter_the_network_namespace_of_init():
    descriptor = os.open(f"/proc/{TARGET}/ns/net", os.O_RDONLY)
    call(308, descriptor, 0)


@probe
def mount_a_tmpfs():
    call(272, 0x00020000)
    call(165, b"tmpfs", b"/mnt", b"tmpfs", 0, 0)


@probe
def mount_by_the_new_interface():
    call(430, b"tmpfs", 1)


@probe
def change_root():
    os.chroot("/")


@probe
def pivot_root():
    call(272, 0x00020000)
    try:
        call(155, b".", b".")
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.EBUSY):  # allowed, though not with these folders
            raise


@probe
def open_by_handle():
    handle = ctypes.create_string_buffer(b"\x80\0\0\0" + bytes(132))
    mount_id = ctypes.c_int()
    call(303, -100, b"/usr", handle, ctypes.byref(mount_id), 0)
    descriptor = os.open("/usr", os.O_RDONLY)
    call(304, descriptor, handle, os.O_RDONLY)


# -- other processes -------------------------------------------------------------------------------------


def child():
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid


@probe
def trace_a_child():
    pid = child()
    try:
        call(101, 0x4206, pid, 0, 0)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@probe
def read_the_memory_of_a_child():
    pid = child()
    try:
        buffer = ctypes.create_string_buffer(8)
        vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
        call(310, pid, vector, 1, vector, 1, 0)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@probe
def open_the_memory_of_a_child():
    pid = child()
    try:
        open(f"/proc/{pid}/mem", "rb").close()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@probe
def steal_a_descriptor_of_init():
    call(438, call(434, TARGET, 0), 0, 0)


@probe
def read_the_environment_of_init():
    open(f"/proc/{TARGET}/environ", "rb").read()


@probe
def read_the_memory_map_of_init():
    open(f"/proc/{TARGET}/maps", "rb").read()


@probe
def enter_the_root_of_init():
    os.listdir(f"/proc/{TARGET}/root")


@probe
def list_the_descriptors_of_init():
    os.listdir(f"/proc/{TARGET}/fd")


@probe
def limit_init():
    limits = (ctypes.c_uint64 * 2)()
    call(302, TARGET, 7, 0, limits)


@probe
def slow_init_down():
    call(141, 0, TARGET, os.getpriority(os.PRIO_PROCESS, TARGET))


@probe
def pin_init_to_a_cpu():
    os.sched_setaffinity(TARGET, os.sched_getaffinity(TARGET))


@probe
def signal_init():
    os.kill(TARGET, signal.SIGCONT)


@probe
def see_many_processes():
    if sum(name.isdigit() for name in os.listdir("/proc")) < 12:
        raise OSError(errno.ENOENT, "few processes are visible")


# -- system calls nobody needs -----------------------------------------------------------------------------


@probe
def io_uring():
    parameters = ctypes.create_string_buffer(120)
    call(425, 1, parameters)


@probe
def bpf():
    call(321, 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 72)


@probe
def perf_events():
    call(298, (ctypes.c_uint32 * 32)(1, 128, 0), 0, -1, -1, 0)


@probe
def userfaultfd():
    call(323, 0)


@probe
def kernel_keys():
    call(248, b"user", b"cloche-probe", b"x", 1, -2)


@probe
def load_a_kernel_module():
    try:
        call(175, b"", 0, b"")
    except OSError as e:
        if e.errno == errno.EPERM:
            raise  # otherwise: allowed, though this is no module


@probe
def kexec():
    try:
        call(246, 0, 0, 0, -1)
    except OSError as e:
        if e.errno in (errno.EPERM, errno.ENOSYS):
            raise


@probe
def turn_accounting_off():
    call(163, 0)


@probe
def i386_system_calls():
    """getpid by int 0x80, from memory that is both writable and executable."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    if ctypes.CFUNCTYPE(ctypes.c_int)(address)() != os.getpid():
        raise OSError(errno.EPERM, "refused")


@probe
def x32_system_calls():
    call(0x40000000 | 39)


# -- identity ----------------------------------------------------------------------------------------------


@probe
def become_root():
    os.setresuid(0, 0, 0)


@probe
def become_a_neighbour():
    os.setresuid(1001, 1001, 1001)


@probe
def choose_groups():
    os.setgroups([0])


def status_line(name):
    import subprocess

    text = subprocess.check_output(["cat", "/proc/self/status"], text=True)
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(name + ":"))


@probe
def hold_a_capability():
    if all(int(status_line(name), 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")):
        raise OSError(errno.EPERM, "none is held, none can be gained")


@probe
def gain_privilege_by_exec():
    if status_line("NoNewPrivs") == "1":
        raise OSError(errno.EPERM, "no_new_privs is set")


@probe
def run_without_a_filter():
    if status_line("Seccomp") == "2":
        raise OSError(errno.EPERM, "a filter is in force")


# -- the file system -----------------------------------------------------------------------------------------


@probe
def see_a_file_of_the_host():
    open(os.environ["PROBE_PATH"]).close()


@probe
def see_shadow():
    open("/etc/shadow").close()


@probe
def see_homes():
    if not any(os.listdir(path) for path in ("/root", "/home", "/srv") if os.path.exists(path)):
        raise OSError(errno.ENOENT, "no homes")


@probe
def see_cgroups():
    os.listdir("/sys/fs/cgroup")
    if not os.listdir("/sys/fs/cgroup"):
        raise OSError(errno.ENOENT, "empty")


@probe
def see_kernel_memory():
    os.close(os.open("/proc/kcore", os.O_RDONLY))
    if os.stat("/proc/kcore").st_size == 0:
        raise OSError(errno.EACCES, "masked")


@probe
def ring_sysrq():
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))


@probe
def set_a_kernel_setting():
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


@probe
def write_into_usr():
    path = "/usr/lib/cloche-probe"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)


@probe
def write_into_the_root():
    os.mkdir("/cloche-probe")
    os.rmdir("/cloche-probe")


@probe
def write_into_etc():
    path = "/etc/cloche-probe"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)


@probe
def make_a_device():
    path = f"{os.getcwd()}/cloche-probe-device"
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    os.unlink(path)


@probe
def use_disks_and_memory_devices():
    found = [n for n in os.listdir("/dev") if n in ("mem", "kmsg", "kvm", "fuse", "vda", "sda", "nvme0n1", "loop-control")]
    if not found:
        raise OSError(errno.ENOENT, "no such devices")


# -- the network --------------------------------------------------------------------------------------------


@probe
def connect_to_the_hosts_loopback():
    socket.create_connection(("127.0.0.1", int(os.environ["PROBE_PORT"])), timeout=2).close()


@probe
def connect_to_an_abstract_socket_of_the_host():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + os.environ["PROBE_SOCKET"])


@probe
def raw_packets():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


@probe
def raw_ip():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


@probe
def virtual_machine_sockets():
    socket.socket(40, socket.SOCK_STREAM).close()


@probe
def crypto_sockets():
    socket.socket(38, socket.SOCK_SEQPACKET).close()


@probe
def more_than_one_network_interface():
    if [name for _, name in socket.if_nameindex()] == ["lo"]:
        raise OSError(errno.ENETUNREACH, "only lo")


def run_one(function):
    """In a child, so that what a probe changes or dies of stays its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            function()
            answer = "open"
        except Absent as e:
            answer = f"absent: {e}"
        except OSError as e:
            kind = "absent" if e.errno in (errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT) else "closed"
            answer = f"{kind}: {errno.errorcode.get(e.errno, e.errno)} {e.strerror}"
        except BaseException as e:
            answer = f"closed: {type(e).__name__} {e}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 4096).decode()
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    return answer or f"closed: ended by {status}"


print(json.dumps({name: run_one(function) for name, function in PROBES.items()}))
sys.stdout.flush()
