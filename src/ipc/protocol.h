/* protocol.h - who says what to whom: every operation of every link, its words and descriptors.
 *
 * Answers repeat op, serial and sandbox; status is 0 or -errno, and then text names the failed
 * step. `w[i]` is message.word[i]. Descriptors are in the order given. Times are microseconds. */
#pragma once
#include <stdint.h>

/* Slots of a ground's zygotes: which warm interpreter a kernel is forked from. */
enum zygote_slot {
    ZYGOTE_PLAIN, /* CPython and Cloche's runner, nothing else imported */
    ZYGOTE_FULL,  /* and IPython, and the environment's warm-up list */
    ZYGOTE_SLOTS
};

/* The pipes of one kernel, in this order wherever four descriptors stand for a kernel. */
enum kernel_pipe { PIPE_IN, PIPE_OUT, PIPE_STDOUT, PIPE_STDERR, KERNEL_PIPES };

/* The namespaces of one sandbox, in this order wherever they are passed. */
enum sandbox_namespace {
    NS_PID,
    NS_NET,
    NS_UTS,
    NS_CGROUP,
    NS_USER,
    NS_MNT,
    NS_IPC,
    SANDBOX_NAMESPACES
};

enum op {
    /* ---- server -> supervisor (answers come back on the same socket) --------------------------- */
    SUP_READY =
        1,      /* the server answers requests; later deaths are restarts                        */
    SUP_GROUND, /* text: environment name; w0: flags            -> w0 ground id; fds: warden socket, and
                * where cgroups are and Linux can, to write, whether it is idle among the grounds (cpu.idle) */
    SUP_GROUND_END, /* w0: ground id; answered when all in it is gone                               */
    SUP_PIPES, /* w0: how many sets (1-64)                     -> one answer a set: w0 set id, w1
                    *     how many follow; fds: in(w) out(r) stdout(r) stderr(r), the server's ends;
                    *     in(r) out(w) stdout(w) stderr(w), the kernel's                             */
    SUP_PIPES_END, /* w0: set id; no answer                                                         */
    SUP_FOLDER, /* w0: ground id, w1: sandbox; fd: a folder of the host, owned by whoever started a one-shot
                    * supervisor -> fd: a mount of it whose owner is that sandbox's kernel             */
    SUP_BUILD, /* text: environment name, NUL, project; fds: requirements (one a line) to read, pipe to
                    * write progress to (JSON lines)       -> when it ended, w0: exit status            */
    /* ---- supervisor -> server, once at its start, in this order -------------------------------- */
    SUP_LISTENER =
        16, /* w0: index; text: address as given; fd                                     */
    SUP_INHERITED_GROUND, /* w0: ground id; text: environment name; fds as SUP_GROUND's             */
    SUP_INHERITED_PIPES, /* w0: set id; fds: the server's four ends                                */
    SUP_START, /* text: state directory is open; w0: how many servers came before; fd: the state
                    * directory; then optionally the environments directory                         */
    SUP_MEMORY, /* before SUP_START, where cgroups are: fds: enum cgroup_memory, to read            */

    /* ---- server -> warden ---------------------------------------------------------------------- */
    WARDEN_HELLO =
        32, /* -> w0 how many sandboxes live; then one WARDEN_SANDBOX_IS each            */
    WARDEN_SANDBOX_IS, /* sandbox; w0 state (enum sandbox_state); w1 kernel serial; fd: init socket  */
    WARDEN_ZYGOTE, /* w0: slot, w1: kernels, w2: seconds until its successor is warmed, w3: bytes of memory
                    * that it may have (0: the default); answered when it is warm or has failed (text: its last words)       */
    WARDEN_SANDBOX, /* w0 memory bytes, w1 scratch bytes, w2 scratch inodes, w3 pids, w4 microseconds of
                     * cpu in each 100 ms (0: no quota); maybe fd: a mount to be its /mnt/data (SUP_FOLDER)
                     *                                             -> sandbox; fd: init's server socket */
    WARDEN_KERNEL, /* sandbox; w0 slot; fds: the kernel's four pipe ends -> w0 kernel serial         */
    WARDEN_RECYCLE, /* sandbox: empty it, prove it, prepare a new branch 0 -> status; -ENOTEMPTY with
                     * text when the proof failed (the sandbox must then be ended)                    */
    WARDEN_END, /* sandbox; answered when nothing of it is left                                  */
    WARDEN_ZYGOTE_END, /* w0: slot; no answer                                                        */
    WARDEN_GIVE_WAY, /* sandbox; w0: 1 to give way to the ground's others when cores are short, 0 to count
                   * as much as they; no answer                                                     */
    WARDEN_MEMORY, /* sandbox; w0: memory bytes, from now on if that is more than it has
                    *                                             -> w0: what it has                */
    /* ---- warden -> server, unasked (serial 0) --------------------------------------------------- */
    WARDEN_KERNEL_DIED =
        48,              /* sandbox; w0 kernel serial, w1 si_code, w2 si_status, w3 oom kills     */
    WARDEN_SANDBOX_DIED, /* sandbox: its init ended by itself; everything in it is gone           */
    WARDEN_ZYGOTE_DIED, /* w0: slot, w1: kernels that it made; text: its last words, w7: enum error_code */

    /* ---- warden -> init ------------------------------------------------------------------------- */
    INIT_KERNEL =
        64, /* fd: pidfd of the new kernel; no answer                                       */
    INIT_NAMESPACES, /* -> INIT_PREPARED: branch 0 as it is, for one more kernel                     */
    INIT_LISTENER, /* fd: where the new kernel's second filter asks (init/asked.c); no answer             */
    INIT_RECYCLE, /* -> INIT_PREPARED; -ENOTEMPTY and text when something was left                */
    /* ---- init -> warden -------------------------------------------------------------------------- */
    INIT_PREPARED =
        72, /* fds: the seven namespaces (enum sandbox_namespace); on failure status, text; a text beside
             * success is a warning for the log                                                      */

    /* ---- server -> init --------------------------------------------------------------------------- */
    INIT_SIGNAL = 80, /* w0: signal number (SIGINT only), to the kernel's process group
                       *                                          -> status (-ESRCH: none)            */
    INIT_KILL,   /* SIGKILL to everything but init -> status, when all are gone                   */
    INIT_OPEN,   /* text: path below the scratch ("data/a.csv") -> fd (regular file, read-only)   */
    INIT_WRITE,  /* w0: mode, w1: flags; text: path; fd: pipe to read until its end
                       *                                   -> w0 bytes; answered by the writing child   */
    INIT_UNLINK, /* text: path -> status                                                           */
    INIT_SCAN,   /* w0: flags -> some INIT_SCAN_PART, then INIT_SCAN with w0 files, w1 memory
                       * bytes, w2 peak memory, w3 pids, w4 oom kills, w5 scratch bytes used, w6 1 when
                       * the walk was cut short, w7 1 when it passed over what is beyond SCAN_DEPTH_MAX or
                       * SCAN_PATH_MAX                                                                   */
    INIT_SCAN_PART, /* text: records, see struct scan_record; w0: how many                            */

    /* ---- warden -> zygote --------------------------------------------------------------------------- */
    ZYGOTE_FORK =
        96, /* fds: seven namespaces, four pipe ends, then the cgroup's tasks (v1: three; v2: its
                       * directory; none: no limits); w0: 1 when the cgroup is v2, w1: 1 with a
                       * folder of the host as /mnt/data
                       *                                          -> w0 pid as the warden sees it; fd: pidfd */
    ZYGOTE_WARM, /* zygote -> warden, once: status 0, or -errno with text                            */
    ZYGOTE_LISTENER, /* kernel -> warden, on its zygote's socket, before any Python: sandbox; fd: for init
                      * (INIT_LISTENER)                                                                */

    /* ---- init -> kernel, one way (branches, a later issue) -------------------------------------------- */
    KERNEL_BRANCH = 112,
};

enum sandbox_state {
    SANDBOX_MAKING,
    SANDBOX_PREPARED,
    SANDBOX_KERNEL,
    SANDBOX_EMPTYING,
    SANDBOX_ENDING
};

enum { GROUND_BUILD = 1 /* with the host's network and a writable environment: env build */ };
enum { INIT_WRITE_MKDIR = 1, INIT_WRITE_EXCLUSIVE = 2 };
enum { INIT_SCAN_HIDDEN = 1 /* also names that start with a dot */, INIT_SCAN_USAGE_ONLY = 2 };

/* How far a scan looks: deeper folders and longer paths are passed over, beyond the entries it stops. */
enum { SCAN_DEPTH_MAX = 64, SCAN_PATH_MAX = 1024, SCAN_ENTRIES_MAX = 120000 };

/* One file found by a scan, packed one after another into text; the path follows without a NUL and
 * is relative to the workspace (data/). The next record starts right behind it. */
struct __attribute__((packed)) scan_record {
    uint64_t inode, size;
    int64_t ctime_ns, mtime_ns;
    uint16_t path_length;
};
