/* kernel.h - _cloche, the C half of the kernel: the zygote's loop, entering a sandbox, the channel.
 *
 * Loaded by a zygote's python3; after the fork the same code serves user code's outputs. Until a
 * kernel is confined (enter.c) nothing here touches Python. Nothing in a zygote reads what a kernel
 * wrote. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"
#include "ipc/protocol.h"
#include "sandbox/cgroup.h"

/* Where a kernel keeps its channel: out of the way of code that closes the first dozens, and below 64,
 * so that the descriptor table does not grow. 1 and 2 are the streams, these are their spares. */
/* The zygote's only socket; a child has it until enter_keep_channels. */
enum { FD_WARDEN = 3 };
enum { FD_IN = 60, FD_OUT, FD_STDOUT, FD_STDERR };

/* What the warden sent for one kernel; descriptors are the zygote's to close. */
struct entry {
    int fds[SANDBOX_NAMESPACES + KERNEL_PIPES + CGROUP_DIRS];
    int count;
    uint32_t sandbox; /* the warden's number */
    bool cgroup_v2;
    bool folder;      /* of the host, as /mnt/data */
    int landlock_abi; /* of this host, asked once; 0: none */
};
enum { ENTRY_PIPES = SANDBOX_NAMESPACES, ENTRY_CGROUP = SANDBOX_NAMESPACES + KERNEL_PIPES };

/* enter.c: runs the steps that confine a child just cloned; on failure writes the step's name and
 * errno to the stderr pipe and exits. Allowed after clone; touches no Python. */
void enter_sandbox(const struct entry *e);
/* Moves the four pipes to their places and closes everything else. Only after Python's after-fork
 * hooks: a package's hook may close, by number, what it had open in the zygote. */
void enter_keep_channels(const struct entry *e);

/* channel.c: frames as docs/internals/frames.md has them. All block, none is interrupted by signals. */
struct frame {
    char *head;
    uint32_t head_length, n_buffers;
    char **buffers;
    uint32_t *lengths;
};
enum { FRAME_HEAD_MOST = 1 << 20, FRAME_BUFFERS_MOST = 64, FRAME_BYTES_MOST = 64 << 20 };

/* Reads the next frame; answers `sync` itself unless `in_execution`, when it only remembers the token
 * and returns 1. 0 with the frame (frame_free), 1, or -EPIPE at the end of file or on nonsense. */
int channel_receive(struct frame *f, bool in_execution);
void frame_free(struct frame *f);
/* Sends; -EMSGSIZE beyond the bounds, -EPIPE. In a forked child of the kernel: nothing, 0. */
int channel_send(const void *head, uint32_t head_length, const void *const *buffers,
    const uint32_t *lengths, uint32_t n_buffers);
/* Sends `barrier` and waits for `ack`. 0; 1 when a sync came instead; -EPIPE. */
int channel_barrier(const char *id, size_t id_length);
/* Puts descriptors 1 and 2 back where user code closed or replaced them, and 0 if it is closed. */
void channel_restore_streams(void);
/* To be called once after enter_keep_channels: a fork of user code must not speak on the channel. */
void channel_init(void);
bool channel_is_ours(void);
