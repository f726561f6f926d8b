/* _cloche: the methods that the Python layer calls, and the zygote's main loop. Limited API of Python
 * 3.9, so that one build loads in every later CPython with a GIL. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03090000
#include <Python.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/kernel.h"
#include "sandbox/layers.h"
#include "sandbox/clone.h"
#include "sandbox/landlock.h"

enum { THREAD_WAITS = 200, THREAD_WAIT_US = 10000 };

/* ---- user code and its signal ------------------------------------------------------------------------- */

static volatile sig_atomic_t in_user_code; /* how deep: user() may be called inside user() */
static struct sigaction user_action; /* what user code, or Python for it, has set for SIGINT */

static void ignore_interrupt(int number) { (void)number; }

/* Outside user code SIGINT does nothing; not SIG_IGN, which children would inherit. */
static void leave_user_code(void)
{
    struct sigaction quiet = {.sa_handler = ignore_interrupt};
    if (in_user_code == 1)
        sigaction(SIGINT, &quiet, &user_action);
    in_user_code--;
}

static void begin_user_code(void)
{
    if (++in_user_code == 1)
        sigaction(SIGINT, &user_action, NULL);
}

/* Once, in the zygote, whose rehearsals run in user code too; kernels inherit it. */
static void keep_signals(void)
{
    struct sigaction quiet = {.sa_handler = ignore_interrupt};
    sigaction(SIGINT, &quiet, &user_action);
}

/* user(callable, *args): an interrupt that arrives between its last instruction and our taking over is
 * dropped: the execution is over. */
static PyObject *py_user(PyObject *self, PyObject *args)
{
    (void)self;
    Py_ssize_t n = PyTuple_Size(args);
    if (n < 1) {
        PyErr_SetString(PyExc_TypeError, "user() needs a callable");
        return NULL;
    }
    PyObject *callable = PyTuple_GetItem(args, 0), *rest = PyTuple_GetSlice(args, 1, n);
    if (!rest)
        return NULL;
    PyObject *type, *value, *trace;
    begin_user_code();
    PyObject *r = PyObject_Call(callable, rest, NULL);
    leave_user_code();
    Py_DECREF(rest);
    if (!channel_is_ours())
        _exit(0); /* a fork of user code that ran to the end of the cell */
    PyErr_Fetch(&type, &value, &trace);
    if (PyErr_CheckSignals() < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return r;
}

/* ---- frames ----------------------------------------------------------------------------------------------- */

static PyObject *frame_to_python(const struct frame *f)
{
    PyObject *list = PyList_New(f->n_buffers);
    for (uint32_t i = 0; list && i < f->n_buffers; i++) {
        PyObject *b = PyBytes_FromStringAndSize(f->buffers[i], f->lengths[i]);
        if (!b || PyList_SetItem(list, i, b) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    PyObject *head = PyBytes_FromStringAndSize(f->head, f->head_length);
    PyObject *pair = head && list ? PyTuple_Pack(2, head, list) : NULL;
    Py_XDECREF(head);
    Py_XDECREF(list);
    return pair;
}

static PyObject *receive(bool in_execution)
{
    struct frame f;
    PyThreadState *state = PyEval_SaveThread(); /* threads that user code left go on */
    int r = channel_receive(&f, in_execution);
    PyEval_RestoreThread(state);
    if (r != 0)
        Py_RETURN_NONE;
    PyObject *pair = frame_to_python(&f);
    frame_free(&f);
    return pair;
}

static PyObject *py_recv(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    return receive(false);
}

static PyObject *py_wait_input(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    return receive(true);
}

static PyObject *py_send(PyObject *self, PyObject *args)
{
    const char *head;
    Py_ssize_t head_length;
    PyObject *list = NULL;
    const void *buffers[FRAME_BUFFERS_MOST];
    uint32_t lengths[FRAME_BUFFERS_MOST], n = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y#|O", &head, &head_length, &list))
        return NULL;
    Py_ssize_t count = list && list != Py_None ? PyList_Size(list) : 0;
    if (count < 0)
        return NULL;
    if (count > FRAME_BUFFERS_MOST || head_length > FRAME_HEAD_MOST) {
        PyErr_SetString(PyExc_ValueError, "frame too large");
        return NULL;
    }
    for (; n < (uint32_t)count; n++) {
        char *p;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyList_GetItem(list, n), &p, &size) < 0)
            return NULL;
        if (size > FRAME_BYTES_MOST) {
            PyErr_SetString(PyExc_ValueError, "frame too large");
            return NULL;
        }
        buffers[n] = p;
        lengths[n] = (uint32_t)size;
    }
    PyThreadState *state = PyEval_SaveThread();
    int r = channel_send(head, (uint32_t)head_length, buffers, lengths, n);
    PyEval_RestoreThread(state);
    if (r == -EMSGSIZE) {
        PyErr_SetString(PyExc_ValueError, "frame too large");
        return NULL;
    }
    if (r < 0)
        _exit(0); /* nobody listens any more */
    Py_RETURN_NONE;
}

static PyObject *py_barrier(PyObject *self, PyObject *args)
{
    const char *id;
    Py_ssize_t length;
    (void)self;
    if (!PyArg_ParseTuple(args, "y#", &id, &length))
        return NULL;
    PyThreadState *state = PyEval_SaveThread();
    int r = channel_barrier(id, (size_t)length);
    PyEval_RestoreThread(state);
    if (r < 0)
        _exit(0);
    return PyBool_FromLong(r == 0);
}

/* ---- small things --------------------------------------------------------------------------------------------- */

/* The last pid made in this pid namespace: the fifth field of /proc/loadavg. */
static PyObject *py_last_pid(PyObject *self, PyObject *none)
{
    char text[128];
    (void)self, (void)none;
    long pid = -1;
    if (fd_read_file(AT_FDCWD, "/proc/loadavg", text, sizeof text) > 0) {
        const char *space = strrchr(text, ' ');
        pid = space ? strtol(space + 1, NULL, 10) : -1;
    }
    return PyLong_FromLong(pid);
}

static PyObject *py_flush(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    fflush(NULL);
    Py_RETURN_NONE;
}

static PyObject *py_restore_fds(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    channel_restore_streams();
    Py_RETURN_NONE;
}

/* ---- the zygote --------------------------------------------------------------------------------------------------- */

/* -EBUSY when there are more threads than this one. */
static int alone(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    if (!d)
        return -errno;
    for (struct dirent *e; errno = 0, (e = readdir(d));)
        n += e->d_name[0] != '.';
    int saved = errno;
    closedir(d);
    return saved ? -saved : n == 1 ? 0 : -EBUSY;
}

static void name_threads(struct message *m)
{
    DIR *d = opendir("/proc/self/task");
    char all[400] = "";
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[300], name[32];
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        if (e->d_name[0] == '.' || fd_read_file(AT_FDCWD, path, name, sizeof name) <= 0)
            continue;
        name[strcspn(name, "\n")] = 0;
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", name);
    }
    if (d)
        closedir(d);
    message_text(m, "warm-up left threads: %s", all);
}

/* cloche_kernel.loop, imported in the zygote: an import after the fork would compile its source, and
 * copy the memory that takes, in every kernel. */
static PyObject *layer;

/* Runs boot.plain() or boot.full(), then loop.prepare(). 0, or -1 with the exception printed to the words and in `m`. */
static int warm_up(int slot, struct message *m)
{
    layer = PyImport_ImportModule("cloche_kernel.loop");
    PyObject *boot = layer ? PyImport_ImportModule("cloche_kernel.boot") : NULL;
    PyObject *r = NULL;
    if (boot && slot == ZYGOTE_FULL)
        r = PyObject_CallMethod(
            boot, "full", "z", access("/opt/warmup.py", R_OK) == 0 ? "/opt/warmup.py" : NULL);
    else if (boot)
        r = PyObject_CallMethod(boot, "plain", NULL);
    Py_XDECREF(boot);
    if (r) {
        Py_DECREF(r);
        r = PyObject_CallMethod(layer, "prepare", NULL);
    }
    umask(022); /* kernels inherit it */
    if (r) {
        Py_DECREF(r);
        return 0;
    }
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    PyObject *bytes = text ? PyUnicode_AsUTF8String(text) : NULL;
    message_text(m, "%s%s", bytes ? PyBytes_AsString(bytes) : "unknown error",
        PyErr_GivenExceptionMatches(type, PyExc_BlockingIOError)
            ? ": it started more processes or threads than a warm-up may have"
            : "");
    Py_XDECREF(text);
    Py_XDECREF(bytes);
    PyErr_Restore(type, value, trace);
    PyErr_Print();
    return -1;
}

static void call_child_layer(const char *name)
{
    PyObject *r = PyObject_CallMethod(layer, name, NULL);
    if (!r) {
        PyErr_Print();
        _exit(1);
    }
    Py_DECREF(r);
}

/* The rest of a kernel's life. */
static void be_kernel(const struct entry *e)
{
    enter_sandbox(e);
    PyOS_AfterFork_Child(); /* Python's and packages' hooks run confined */
    enter_keep_channels(e);
    channel_init();
    call_child_layer("child");
    call_child_layer("serve");
    _exit(0);
}

/* Raw clone3 skips libc's fork: child_tid must be the address libc keeps the thread id at, or locks
 * would believe in the zygote's; and the robust list has to be told to the kernel again. */
static pid_t fork_kernel(const struct entry *e, int own_pid, int *ret_pidfd)
{
    static void *tid_address, *robust;
    static size_t robust_size;
    if (!tid_address) {
        prctl(PR_GET_TID_ADDRESS, &tid_address, 0, 0, 0);
        syscall(SYS_get_robust_list, 0, &robust, &robust_size);
    }
    uint64_t flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    if (e->cgroup_v2)
        flags |= CLONE_INTO_CGROUP;
    PyOS_BeforeFork();
    pid_t p = 0;
    if (!layer_left_out("pid namespace") && setns(e->fds[NS_PID], CLONE_NEWPID) < 0)
        p = -errno;
    if (p == 0)
        p = clone_process(
            flags, 0, ret_pidfd, e->cgroup_v2 ? e->fds[ENTRY_CGROUP] : -1, tid_address);
    if (p == 0) {
        syscall(SYS_set_robust_list, robust, robust_size);
        be_kernel(e);
    }
    if (setns(own_pid, CLONE_NEWPID) < 0)
        _exit(1); /* a zygote that cannot come back is of no use */
    PyOS_AfterFork_Parent();
    return p;
}

static void serve_warden(int own_pid)
{
    static struct message m;
    const int abi = landlock_abi();
    for (;;) {
        struct entry e;
        int pidfd = -1;
        e.count = message_receive(FD_WARDEN, &m, e.fds, sizeof e.fds / sizeof *e.fds);
        if (e.count < 0)
            _exit(0);
        e.sandbox = m.sandbox;
        e.cgroup_v2 = m.word[0] == 1;
        e.folder = m.word[1] == 1;
        e.landlock_abi = abi;
        bool whole = e.count >= ENTRY_CGROUP && (!e.cgroup_v2 || e.count > ENTRY_CGROUP);
        pid_t p = m.op == ZYGOTE_FORK && whole ? alone() : -EBADMSG;
        if (p == 0)
            p = fork_kernel(&e, own_pid, &pidfd);
        fds_close(e.fds, (size_t)e.count);
        m.length = 0;
        m.status = p < 0 ? p : 0;
        m.word[0] = p < 0 ? 0 : (uint64_t)p;
        if (p == -EBUSY)
            name_threads(&m);
        else if (p < 0)
            message_text(&m, "%s", strerror(-p));
        message_send(FD_WARDEN, &m, &pidfd, p > 0 ? 1 : 0);
        fd_close(&pidfd);
    }
}

/* main(slot): never returns. */
static PyObject *py_main(PyObject *self, PyObject *args)
{
    static struct message m;
    int slot;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &slot))
        return NULL;
    fcntl(FD_WARDEN, F_SETFD, FD_CLOEXEC);
    m = (struct message){.op = ZYGOTE_WARM};
    keep_signals();
    int own_pid = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own_pid < 0)
        own_pid = -errno;
    if (warm_up(slot, &m) < 0) {
        m.status = -ECHILD;
        message_send(FD_WARDEN, &m, NULL, 0);
        _exit(1);
    }
    for (int i = 0; i < THREAD_WAITS && alone() == -EBUSY; i++)
        usleep(THREAD_WAIT_US); /* a cancelled timer's thread may still be ending */
    m.status = own_pid < 0 ? own_pid : alone();
    if (m.status == -EBUSY)
        name_threads(&m);
    else if (m.status < 0)
        message_text(&m, "looking at itself in /proc: %s", strerror(-m.status));
    message_send(FD_WARDEN, &m, NULL, 0);
    if (m.status < 0)
        _exit(1);
    serve_warden(own_pid);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"main", py_main, METH_VARARGS, "main(slot): the zygote's loop; never returns"},
    {"recv", py_recv, METH_NOARGS, "recv() -> (head, buffers), or None at the end"},
    {"send", py_send, METH_VARARGS, "send(head, buffers=None)"},
    {"barrier", py_barrier, METH_VARARGS, "barrier(id) -> False when a new server gave it up"},
    {"wait_input", py_wait_input, METH_NOARGS,
        "wait_input() -> (head, buffers), or None when given up"},
    {"user", py_user, METH_VARARGS, "user(callable, *args): interrupts are delivered only inside"},
    {"last_pid", py_last_pid, METH_NOARGS, "the last pid made in this pid namespace"},
    {"flush", py_flush, METH_NOARGS, "flush C's streams"},
    {"restore_fds", py_restore_fds, METH_NOARGS, "put descriptors 0, 1 and 2 back"},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_cloche", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit__cloche(void);
PyMODINIT_FUNC PyInit__cloche(void) { return PyModule_Create(&module); }
