#include "http/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

struct host {
    const char *name; /* with the brackets of an IPv6 address */
    size_t length;
    int port; /* -1 when there is none */
};

static bool parse_host(const char *text, struct host *ret)
{
    size_t n;
    if (text[0] == '[') {
        n = strspn(text + 1, "0123456789abcdefABCDEF:.") + 1;
        if (n < 3 || text[n++] != ']')
            return false;
    } else {
        n = 0; /* by hand: isalnum would follow a locale */
        while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
               (text[n] >= '0' && text[n] <= '9') || (text[n] && strchr("-._~", text[n])))
            n++;
        if (n == 0 || n > 253)
            return false;
    }
    *ret = (struct host){text, n, -1};
    if (text[n] == 0)
        return true;
    if (text[n] != ':')
        return false;
    const char *digits = text + n + 1;
    size_t count = strspn(digits, "0123456789");
    if (count < 1 || count > 5 || digits[count])
        return false;
    ret->port = 0;
    for (size_t i = 0; i < count; i++)
        ret->port = ret->port * 10 + (digits[i] - '0');
    return ret->port <= 65535;
}

static bool same_name(const struct host *a, const struct host *b)
{
    return a->length == b->length && !strncasecmp(a->name, b->name, a->length);
}

bool http_host_valid(const char *host)
{
    struct host h;
    return parse_host(host, &h);
}

bool http_host_local(const char *host)
{
    struct host h;
    char text[64];
    if (!parse_host(host, &h))
        return false;
    if (h.length == 9 && !strncasecmp(h.name, "localhost", 9))
        return true;
    bool six = h.name[0] == '[';
    size_t n = six ? h.length - 2 : h.length;
    if (n >= sizeof text)
        return false;
    memcpy(text, h.name + six, n);
    text[n] = 0;
    if (six) {
        struct in6_addr address;
        return inet_pton(AF_INET6, text, &address) == 1 &&
               !memcmp(&address, &in6addr_loopback, sizeof address);
    }
    struct in_addr address; /* inet_pton knows four decimal numbers only, not 127.1 and not 0x7f… */
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool http_host_listed(const char *host, const char *const *hosts, size_t n)
{
    struct host h, listed;
    if (!parse_host(host, &h))
        return false;
    for (size_t i = 0; i < n; i++)
        if (parse_host(hosts[i], &listed) && same_name(&h, &listed) &&
            (listed.port < 0 || listed.port == h.port))
            return true;
    return false;
}

bool http_origin_own(const char *origin, const char *host)
{
    bool secure = !strncasecmp(origin, "https://", 8);
    if (!secure && strncasecmp(origin, "http://", 7) != 0)
        return false; /* "null" and foreign schemes too */
    struct host from, own;
    if (!parse_host(origin + (secure ? 8 : 7), &from) || !parse_host(host, &own))
        return false;
    int usual = secure ? 443 : 80;
    return same_name(&from, &own) &&
           (from.port < 0 ? usual : from.port) == (own.port < 0 ? usual : own.port);
}

int http_gate_check(
    const struct http_gate *g, const char *host, const char *origin, struct error *e)
{
    if (host && !g->unix_socket) {
        if (!http_host_valid(host))
            return error_set(
                e, ERROR_BAD_REQUEST, EPROTO, "Malformed HTTP request: Host names no host.");
        if (!http_host_local(host) &&
            !(g->keys_exist && http_host_listed(host, g->hosts, g->n_hosts)))
            return error_set(e, ERROR_FORBIDDEN, EACCES,
                "This server does not answer for the host '%.100s'. Use localhost%s.", host,
                g->keys_exist ? ", or start it with --host and that name"
                              : "; other names need a key and --host");
    }
    if (origin && (!host || !http_origin_own(origin, host)))
        return error_set(
            e, ERROR_FORBIDDEN, EACCES, "Requests from pages of another origin are refused.");
    return 0;
}
