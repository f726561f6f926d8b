/* plan.h - what `cloche serve` and `cloche run` ask of the supervisor: one struct in a memfd.
 *
 * The command parses flags, names and addresses as the ordinary program it is, fills a plan, and
 * execs cloche-supervisor with the memfd as descriptor PLAN_FD: `cloche-supervisor` takes no
 * arguments. The supervisor parses nothing but this fixed layout. It then starts `server_path`
 * with `args`, with its own environment, and as descriptor SERVER_LINK_FD a SEQPACKET socket on
 * which protocol.h's SUP_* messages travel. */
#pragma once
#include <stdint.h>
#include <sys/socket.h>

enum { PLAN_FD = 3, SERVER_LINK_FD = 3, PLAN_LISTENERS = 8, PLAN_ARGS = 16384 };
enum { PLAN_MAGIC = 0x31504c43 };
/* The exit status of a supervisor that could not start, or whose server could not: it has said why. */
enum { PLAN_EXIT_START = 1 };

enum plan_flags {
    PLAN_ONE_SHOT =
        1, /* cloche run: no state directory, no restarts; the first server's end is the end */
    PLAN_CPU_LIMIT = 2, /* no start where sessions can have no quota of processor time */
};

struct plan_listener {
    struct sockaddr_storage address; /* bound as it is; port 0 picks one */
    uint32_t length;
    char text[256]; /* as the person wrote it, for messages: "unix:/run/x.sock" */
};

struct plan {
    uint32_t magic, size; /* PLAN_MAGIC, sizeof(struct plan) */
    uint32_t flags, listeners;
    struct plan_listener listener[PLAN_LISTENERS];
    uint32_t socket_mode; /* of unix sockets */
    /* how long a server may take after SIGTERM before SIGKILL, plus 5 s */
    uint32_t stop_timeout_ms;
    /* root only: whom the server becomes; 0: the first of the range */
    uint32_t server_uid, server_gid;
    uint32_t uid_first, uid_count; /* root only: the host ids of grounds; 0: the default range */
    uint64_t memory_bytes;         /* all sandboxes together; 0: the machine's less 10 % */
    /* one-shot: the one folder that may be mounted; 0, 0: none */
    uint64_t folder_device, folder_inode;
    /* descriptors handed to the server as they are (run); 0, 0: none */
    uint32_t keep_first, keep_last;
    uint32_t n_args;
    char state_dir[1024];        /* absolute; exists; "" with PLAN_ONE_SHOT */
    char environments_dir[1024]; /* absolute; may not exist: then only `base` is there */
    char server_path[1024], warden_path[1024], init_path[1024];
    char library_path[1024]; /* the directory with _cloche.abi3.so and python/ */
    char args[PLAN_ARGS];    /* the server's argv: n_args strings, each with its NUL */
};
