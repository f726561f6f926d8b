/* cloche-init: see init.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"
#include "sandbox/caps.h"
#include "sandbox/layers.h"

static struct init self = {
    .namespaces = {-1, -1, -1, -1, -1, -1, -1}, .scratch = -1, .kernel = -1, .listener = -1};

/* Without it a session works but for its own servers, so this is told and not fatal. */
static int loopback_up(void)
{
    struct ifreq r = {.ifr_name = "lo"};
    cleanup_fd int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0)
        return -errno;
    r.ifr_flags |= IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

/* What the network's sockets make the kernel keep is charged to nobody. */
static int limit_network(void)
{
    static const struct {
        const char *name, *value;
        bool
            of_all; /* one setting for all networks, before some Linux: there it cannot be changed here */
    } settings[] = {
        /* connections that have ended stay for a minute: 131,072, by default */
        {"ipv4/tcp_max_tw_buckets", "1024", false},
        /* connections that nobody has accepted, of each who listens: 4096 */
        {"core/somaxconn", "128", false},
        /* and what they have been sent; what is read grows to what it was */
        {"ipv4/tcp_rmem", "4096 16384 6291456", false},
        /* packets come back to who wants to know when they were sent */
        {"core/tstamp_allow_data", "0", true},
    };
    for (size_t i = 0; !layer_left_out("net namespace") && i < sizeof settings / sizeof *settings;
         i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/sys/net/%s", settings[i].name);
        int r = fd_write_file(AT_FDCWD, path, settings[i].value);
        if (r < 0 && r != -ENOENT && !settings[i].of_all) /* ENOENT: a Linux without TCP */
            return r;
    }
    return 0;
}

/* /proc is whole, because psutil and free read all of it; what is no user's business is covered. The
 * covers are copied into branch 0 and locked there. */
static int mount_proc(struct error *e)
{
    static const char *const covered[] = {"/proc/kcore", "/proc/keys", "/proc/sysrq-trigger",
        "/proc/timer_list", "/proc/kmsg", "/proc/latency_stats", "/proc/sched_debug",
        "/proc/kallsyms", "/proc/interrupts",
        "/proc/locks" /* who reads it holds up all of the host's who lock */};
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Mounting /proc failed.");
    int r = locks_open(); /* before it is covered */
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "Opening /proc/locks failed.");
    for (size_t i = 0; !layer_left_out("covers") && i < sizeof covered / sizeof *covered; i++)
        if (mount("/dev/null", covered[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
            return error_set(e, ERROR_INTERNAL, errno, "Covering %s failed.", covered[i]);
    if ((r = limit_network()) < 0)
        return error_set(e, ERROR_INTERNAL, -r, "Limiting the network failed: %s.", strerror(-r));
    if (layer_left_out("sealed settings"))
        return 0;
    if (mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, "/proc/sys", NULL,
            MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Sealing /proc/sys failed.");
    return 0;
}

/* Beside us, with our memory and descriptors: we wait for its end. */
static int open_cgroup_namespace(void *arg)
{
    int *ret = arg;
    int fd = unshare(CLONE_NEWCGROUP) < 0 ? -1 : open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
    *ret = fd < 0 ? -errno : fd;
    return 0;
}

/* The sandbox's cgroup namespace. Not init's own: a host may say that who is in one moves nobody out of it
 * (nsdelegate, as systemd mounts v2), and init puts those who write files into the session's cgroup. */
static int make_cgroup_namespace(void)
{
    alignas(16) char stack[16384];
    int fd = -1;
    pid_t p = clone(open_cgroup_namespace, stack + sizeof stack,
        CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &fd);
    if (p < 0)
        return -errno;
    while (waitpid(p, NULL, 0) < 0 && errno == EINTR)
        ;
    return fd;
}

static int open_namespaces(struct error *e)
{
    static const char *const names[] = {"pid", "net", "uts"};
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        self.namespaces[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (self.namespaces[i] < 0)
            return error_set(e, ERROR_INTERNAL, errno, "Opening %s failed.", path);
    }
    int r = self.namespaces[NS_CGROUP] = make_cgroup_namespace();
    return r < 0 ? error_set(e, ERROR_INTERNAL, -r, "Making a cgroup namespace failed.") : 0;
}

static int confine(struct error *e)
{
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Closing init to others failed.");
    setsid(); /* SIGCONT is allowed to everybody in one's POSIX session */
    signal(SIGPIPE, SIG_IGN);
    /* Changing fsuid must not touch capabilities; act_as() decides about those. */
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Setting securebits failed.");
    int r = mount_proc(e);
    if (r < 0)
        return r;
    self.loopback = loopback_up();
    if (sethostname("cloche", 6) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Setting the host name failed.");
    if ((r = open_namespaces(e)) < 0)
        return r;
    /* From here on: ids and their maps; with one id for everything, the right to map id 0. All else
     * comes from owning branch 0's namespaces: their creator is this uid, in this namespace. */
    uint64_t caps = self.ids
                        ? CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_DAC_READ_SEARCH)
                        : CAP_BIT(CAP_SETFCAP);
    if ((r = caps_keep(caps, 0, 0)) < 0)
        return error_set(e, ERROR_INTERNAL, -r, "Dropping capabilities failed.");
    return 0;
}

/* Tells the warden that branch 0 is there, with the way in; or why not. */
static void tell(uint32_t serial, const struct error *e, int r)
{
    struct message m = {.op = INIT_PREPARED, .serial = serial, .status = r};
    if (r < 0)
        message_text(&m, "%s", e->message);
    else if (self.loopback < 0)
        message_text(&m, "its loopback is down: %s", strerror(-self.loopback));
    self.loopback = 0; /* told once */
    message_send(INIT_WARDEN_FD, &m, self.namespaces, r < 0 ? 0 : SANDBOX_NAMESPACES);
}

static void prepare_and_tell(uint32_t serial, struct error *e, int r)
{
    if (r == 0)
        r = branch_prepare(&self, e);
    tell(serial, e, r);
}

static void recycle(uint32_t serial)
{
    struct error e = {0};
    fd_close(&self.kernel);
    int r = kill_everything();
    if (r < 0)
        error_set(&e, ERROR_INTERNAL, -r, "Processes of the sandbox do not die.");
    else
        r = prove_empty(&e);
    locks_forget();
    prepare_and_tell(serial, &e, r);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static const struct permit warden_permits[] = {
    {INIT_KERNEL, 1, 1, false},
    {INIT_NAMESPACES, 0, 0, false},
    {INIT_LISTENER, 1, 1, false},
    {INIT_RECYCLE, 0, 0, false},
};
static const struct permit server_permits[] = {
    {INIT_SIGNAL, 0, 0, false},
    {INIT_KILL, 0, 0, false},
    {INIT_OPEN, 0, 0, true},
    {INIT_WRITE, 1, 1, true},
    {INIT_UNLINK, 0, 0, true},
    {INIT_SCAN, 0, 0, false},
};

/* The pid behind a pidfd, as this pid namespace counts; 0: it has died. */
static int pid_of(int pidfd)
{
    char path[48], text[512];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    if (fd_read_file(AT_FDCWD, path, text, sizeof text) < 0)
        return 0;
    const char *line = strstr(text, "\nPid:");
    return line && sscanf(line, "\nPid: %d", &pid) == 1 && pid > 1 ? pid : 0;
}

/* As a terminal's Ctrl-C: the kernel and what it started in its own process group. libc's system()
 * ignores the signal while it waits for its child, so the kernel alone would never come back. */
static int interrupt_kernel(void)
{
    if (self.kernel >= 0 && self.kernel_pid == 0)
        self.kernel_pid = pid_of(self.kernel); /* it could not be read when it came */
    if (self.kernel < 0 || self.kernel_pid == 0)
        return -ESRCH;
    return kill(-self.kernel_pid, SIGINT) < 0 ? -errno : 0;
}

static void on_warden(void)
{
    static struct message m;
    int fd;
    int n = message_receive(INIT_WARDEN_FD, &m, &fd, 1);
    if (n < 0 || message_permitted(
                     warden_permits, sizeof warden_permits / sizeof *warden_permits, &m, n) < 0)
        _exit(n == -EPIPE ? 0 : 70); /* without a warden there is nobody to serve */
    if (m.op == INIT_KERNEL) {
        fd_close(&self.kernel);
        self.kernel = fd;
        self.kernel_pid = pid_of(fd);
    } else if (m.op == INIT_LISTENER)
        asked_from(&self, fd);
    else if (m.op == INIT_NAMESPACES)
        tell(m.serial, NULL, 0);
    else
        recycle(m.serial);
}

static void answer(struct message *m, int status)
{
    m->status = status;
    m->length = 0;
    message_send(INIT_SERVER_FD, m, NULL, 0);
}

static void on_server(void)
{
    static struct message m;
    int fd = -1;
    int n = message_receive(INIT_SERVER_FD, &m, &fd, 1);
    if (n == -EPIPE)
        _exit(0);
    if (n < 0 || message_permitted(
                     server_permits, sizeof server_permits / sizeof *server_permits, &m, n) < 0)
        _exit(70);
    switch (m.op) {
    case INIT_SIGNAL: answer(&m, m.word[0] == SIGINT ? interrupt_kernel() : -EINVAL); break;
    case INIT_KILL: answer(&m, kill_everything()); break;
    case INIT_OPEN: file_open_request(&self, &m); break;
    case INIT_WRITE: file_write_request(&self, &m, fd); break;
    case INIT_UNLINK: file_unlink_request(&self, &m); break;
    case INIT_SCAN: scan_request(&self, &m); break;
    }
    fd_close(&fd);
}

int main(int argc, char **argv)
{
    struct error e = {0};
    if (argc != INIT_ARGS || getpid() != 1)
        return 64;
    self.ids = (int)strtol(argv[INIT_ARG_IDS], NULL, 10);
    self.scratch_bytes = strtoull(argv[INIT_ARG_BYTES], NULL, 10);
    self.scratch_inodes = strtoull(argv[INIT_ARG_INODES], NULL, 10);
    self.cgroup = (enum cgroup_version)strtol(argv[INIT_ARG_CGROUP], NULL, 10);
    syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return 69;
    struct stat st;
    self.folder = fstat(INIT_FOLDER_FD, &st) == 0 && S_ISDIR(st.st_mode);
    int r = confine(&e);
    prepare_and_tell(0, &e, r);
    for (;;) {
        struct pollfd p[] = {{INIT_SERVER_FD, POLLIN, 0}, {INIT_WARDEN_FD, POLLIN, 0},
            {signals, POLLIN, 0}, {self.listener, POLLIN, 0}};
        if (poll(p, 4, -1) < 0)
            continue;
        struct signalfd_siginfo info;
        if (p[2].revents && read(signals, &info, sizeof info) > 0)
            reap();
        if (p[3].revents)
            asked_request(&self); /* before on_warden(), which may bring another listener */
        if (p[1].revents)
            on_warden();
        if (p[0].revents)
            on_server();
    }
}
