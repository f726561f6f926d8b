/* start.h - how the supervisor starts a warden: descriptors and arguments, fixed. */
#pragma once

/* argv: identity mode, how many sandboxes fit, cgroup version, 1 with a venv at /opt/env, name. */
enum {
    WARDEN_ARG_MODE = 1,
    WARDEN_ARG_SANDBOXES,
    WARDEN_ARG_CGROUP,
    WARDEN_ARG_VENV,
    WARDEN_ARG_NAME,
    WARDEN_ARGS
};
/* Descriptors: the socket to the server, the program of init, the ground's cgroup directories
 * (/dev/null where there is none), and a pipe that reads end of file when the supervisor is gone:
 * PR_SET_PDEATHSIG alone is forgotten at every change of the effective id. 0 and 1 are /dev/null
 * and standard error. */
enum {
    WARDEN_SERVER_FD = 3,
    WARDEN_INIT_FD = 4,
    WARDEN_CGROUP_FD = 5,
    WARDEN_LIFELINE_FD = 8,
    WARDEN_FDS = 6
};
