/* Which addresses are the internet's, by the IANA special-purpose registries (RFC 6890 and what followed). */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "webhook/webhook.h"

static bool public_4(uint32_t a)
{
    static const struct {
        uint32_t net;
        int bits;
    } special[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* shared by carriers */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local; metadata services of clouds */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* 6to4 relays */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmarks */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
            return false;
    return true;
}

/* 2000::/3 is all there is, without what leads to IPv4 addresses (6to4, Teredo) and documentation. */
static bool public_6(const unsigned char *a)
{
    uint32_t head = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
    return a[0] >> 5 == 1 && head >> 16 != 0x2002 && head >> 9 != 0x20010000 >> 9 &&
           head != 0x20010db8 && head >> 12 != 0x3fff0000 >> 12;
}

bool address_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return public_4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return public_6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
    return false;
}

/* A host written as an address: is it one that may be called? Names are judged when they are resolved. */
static bool host_allowed(const char *host)
{
    struct sockaddr_in six_or_four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    char plain[64] = "";
    size_t n = strlen(host);
    if (strcasecmp(host, "localhost") == 0)
        return false;
    if (n > 2 && n < sizeof plain && host[0] == '[')
        memcpy(plain, host + 1, n - 2);
    if (inet_pton(AF_INET, host, &six_or_four.sin_addr) == 1)
        return address_public((const struct sockaddr *)&six_or_four);
    if (plain[0] && inet_pton(AF_INET6, plain, &six.sin6_addr) == 1)
        return address_public((const struct sockaddr *)&six);
    return true;
}

static int check(CURLU *u, const char *url, bool allow_private, struct error *e)
{
    char *scheme = NULL, *host = NULL, *user = NULL;
    int r = 0;
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        r = error_param(
            e, ERROR_INVALID_VALUE, "url", "Invalid 'url': an http or https address is needed.");
    else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
        r = error_param(e, ERROR_INVALID_VALUE, "url",
            "Invalid 'url': it may carry no credentials; the signature says who sends.");
    else if (!allow_private && !host_allowed(host))
        r = error_param(e, ERROR_INVALID_VALUE, "url",
            "Invalid 'url': webhooks do not go to private addresses, unless the server is started "
            "with --webhook-private on.");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    return r;
}

int webhook_url_check(const char *url, bool allow_private, struct error *e)
{
    CURLU *u = curl_url();
    if (!u)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    int r = check(u, url, allow_private, e);
    curl_url_cleanup(u);
    return r;
}
