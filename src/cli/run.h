/* run.h - `cloche run`: what its three parts share.
 *
 * The process that the user started is the receiver (run.c, run_out.c): it opens every path that was
 * named on the command line before anything runs, and writes what was made below --out, as the user.
 * It starts a supervisor of its own, whose server is `cloche __run` (run_inside.c): unprivileged, it
 * drives one session in its own process and hands descriptors of made files back. Between the two
 * goes a SEQPACKET socket with the operations below. The receiver takes file names and sizes from
 * it as a stranger's; run_remote.c does the same job against a server (--session). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { RUN_CODE_MAX = 1 << 20, RUN_STDIN_MAX = 48 << 20, RUN_FILES_MAX = 100000 };

enum run_op {
    /* ---- receiver -> inside -------------------------------------------------------------------- */
    RUN_START = 1, /* text: environment or ""; w0: timeout ms or 0; w1: enum run_flags; fds: code,
                    * arguments (each with a NUL), and stdin if there is one                          */
    RUN_FILE, /* text: path below the workspace; fd: content, read from where it stands          */
    RUN_GO,   /* that were all files                                                             */
    RUN_INTERRUPT, /* as Ctrl-C in the program                                                        */
    RUN_KILL, /* end it                                                                          */
    RUN_LINE, /* text: of the answer to RUN_ASK; w0: 1 when more of it follows                   */
    /* ---- inside -> receiver -------------------------------------------------------------------- */
    RUN_ASK =
        32,   /* text: prompt; w0: 1 when the answer is a password                               */
    RUN_MADE, /* text: path below the workspace; w0: bytes; w1: 1 when it was changed, not new;
                    * fd: the file, if it was asked for                                               */
    RUN_FIGURE, /* text: extension; fd: the picture                                                */
    RUN_END, /* w0: exit code; text: why, for the user, or ""                                   */
};
enum run_flags {
    RUN_ASKS = 1,   /* somebody can answer input() */
    RUN_KEEPS = 2,  /* send made files with their descriptors */
    RUN_FOLDER = 8, /* the last descriptor of RUN_START is a folder to be /mnt/data */
    RUN_JSON = 4,   /* print the execution object on standard output and nothing else */
};

struct run_file {
    char *name; /* below the workspace */
    int fd;
};

struct run_options {
    const char *script; /* as given; "-" is standard input */
    const char *out, *dir, *session, *environment, *environments, *url;
    int64_t timeout_ms; /* 0: none */
    bool json;
    char **args; /* sys.argv[1:] */
    int n_args;
    /* opened before anything runs */
    int code, stdin_fd, out_fd; /* stdin_fd: -1 when the program has none of its own */
    bool copies;                /* --copy: the folder is not to be mounted */
    bool mounted;               /* --dir is mounted; else its files are copied in and back */
    bool asks;                  /* standard input is a terminal: input() may ask */
    struct run_file *file;
    size_t files;
};

/* ---- run_out.c: what comes out ------------------------------------------------------------------- */

struct run_out {
    int dir;      /* --out or --dir; -1: name what was made, and drop it */
    bool replace; /* --dir: changed files replace their old selves */
    unsigned figures, named;
    bool failed;
};
/* Stores a made file (fd borrowed, -1: only name it) below the directory. Any bytes may be in `path`. */
void run_out_file(struct run_out *o, const char *path, int fd, uint64_t bytes);
void run_out_figure(struct run_out *o, const char *extension, int fd);
/* The last words about what was dropped. */
void run_out_end(struct run_out *o);
/* "name.ext" -> "name (n).ext" for n > 1; of a path, its last part. */
void run_numbered(const char *path, unsigned n, char out[4096]);
/* A stranger's text for a terminal: control bytes as '?', at most 200 bytes. */
const char *run_printable(const char *text, char out[256]);

/* The file extension for a picture's media type; NULL when it is no picture. */
const char *run_picture_extension(const char *mime);
/* One line from standard input, without its newline, with echo off for a password, after `prompt`
 * was printed. False when interrupted. */
bool run_read_line(const char *prompt, bool password, struct strbuf *ret);

/* ---- run_remote.c ---------------------------------------------------------------------------------- */
/* The same against a live session of a server. Returns the exit code. */
int run_remote(struct run_options *o);
