/* message.h - one fixed-layout message over a SOCK_SEQPACKET socket, with descriptors.
 *
 * The only way in which supervisor, warden, init, zygote and server speak to each other. A message
 * is a head, eight words and a short text; what they mean is protocol.h's. The receiver checks
 * length, operation and number of descriptors against a permit table before anybody looks at it.
 * Allowed after clone. Never used towards a kernel, but for init's one-way control socket. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_TEXT_MAX = 3072, MESSAGE_FDS_MAX = 20, MESSAGE_WORDS = 8 };

struct message {
    uint16_t op;      /* enum op */
    uint16_t length;  /* of text, without a NUL */
    uint32_t serial;  /* chosen by who asks, returned by who answers; 0 in events */
    int32_t status;   /* in answers: 0 or -errno, and then text says what failed */
    uint32_t sandbox; /* which sandbox, where that makes sense */
    uint64_t word[MESSAGE_WORDS];
    char text[MESSAGE_TEXT_MAX + 1]; /* always NUL-terminated after message_receive */
};

/* Sends, with n descriptors that stay the caller's. 0 or -errno (-EPIPE: the peer is gone,
 * -EAGAIN: the socket is non-blocking and full). Never raises SIGPIPE. Tries for a fifth of a second
 * when the kernel has no memory for it. */
int message_send(int socket, const struct message *m, const int *fds, size_t n);
/* Receives; descriptors arrive close-on-exec, are the caller's, and the rest of fds[max] is -1.
 * Returns their number; -EPIPE at the end; -EAGAIN on a non-blocking socket; -EBADMSG when the
 * length lies or more than `max` descriptors came (all are closed then). */
int message_receive(int socket, struct message *m, int *fds, size_t max);
/* Sets text, cut to fit. */
void message_text(struct message *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A permit: this operation may come on this link, with this many descriptors. */
struct permit {
    uint16_t op;
    uint8_t fds_min, fds_max;
    bool text; /* may it carry text? */
};
/* 0, or -EBADMSG: the peer broke the contract and is to be ended. */
int message_permitted(const struct permit *table, size_t n, const struct message *m, int fds);
