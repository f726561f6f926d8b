#include "cli/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"

static int parse_unix(const char *path, struct listen_address *a, struct error *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->address;
    un->sun_family = AF_UNIX;
    cleanup_free char *folder = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
    int n = folder == NULL ? -1
                           : snprintf(un->sun_path, sizeof(un->sun_path), "%s%s%s", folder,
                                 path[0] == '/' ? "" : "/", path);
    if (path[0] == '\0' || n < 0)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "unix: needs a path, as unix:/run/cloche.sock.");
    if (n >= (int)sizeof(un->sun_path))
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "The path of a unix socket has at most %zu bytes.", sizeof(un->sun_path) - 1);
    a->length = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
    a->loopback = true;
    snprintf(a->text, sizeof(a->text), "unix:%s", un->sun_path);
    return 1;
}

static bool loopback6(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static int parse_ip(const char *host, uint16_t port, struct listen_address *a)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->address;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        a->length = sizeof(*v4);
        a->loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        a->length = sizeof(*v6);
        a->loopback = loopback6(&v6->sin6_addr);
    } else {
        return -EINVAL;
    }
    return listen_describe(&a->address, a->length, a->text);
}

int listen_parse(const char *text, struct listen_address ret[LISTEN_ADDRESSES], struct error *e)
{
    struct listen_address found[LISTEN_ADDRESSES] = {{.length = 0}};
    int n = 1;
    if (strncmp(text, "unix:", 5) == 0) {
        n = parse_unix(text + 5, &found[0], e);
        if (n < 0)
            return n;
        ret[0] = found[0];
        return n;
    }
    const char *colon = strrchr(text, ':');
    long long port;
    char host[64];
    bool brackets = text[0] == '[';
    if (colon == NULL || (brackets && (colon == text || colon[-1] != ']')) ||
        command_number(colon + 1, 0, 65535, &port) < 0 || strchr("0123456789", colon[1]) == NULL)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "\"%.80s\" is no address; write HOST:PORT, [IPV6]:PORT or unix:PATH.", text);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
    if (!brackets && strchr(host, ':') != NULL)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "Write an IPv6 address in brackets: [%s]:%lld.", host, port);
    if (strcmp(host, "localhost") == 0) {
        n = 2;
        parse_ip("127.0.0.1", (uint16_t)port, &found[0]);
        parse_ip("::1", (uint16_t)port, &found[1]);
    } else if (parse_ip(host, (uint16_t)port, &found[0]) < 0) {
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "\"%s\" is neither an IP address nor localhost; 0.0.0.0 and [::] are every address.",
            host);
    }
    memcpy(ret, found, sizeof(found[0]) * (size_t)n);
    return n;
}

int listen_describe(const struct sockaddr_storage *address, uint32_t length, char out[256])
{
    char host[INET6_ADDRSTRLEN];
    if (address->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)address;
        int n = (int)length - (int)offsetof(struct sockaddr_un, sun_path);
        snprintf(
            out, 256, "unix:%.*s", n > 0 ? (int)strnlen(un->sun_path, (size_t)n) : 0, un->sun_path);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(out, 256, "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(out, 256, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        return -EAFNOSUPPORT;
    }
    return 0;
}

void listen_url(const char *text, char out[300])
{
    snprintf(out, 300, "%s%s", strncmp(text, "unix:", 5) == 0 ? "" : "http://", text);
}
