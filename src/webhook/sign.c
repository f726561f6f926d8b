/* Standard Webhooks: https://www.standardwebhooks.com/ */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "webhook/webhook.h"

static const char prefix[] = "whsec_";
enum { PREFIX = sizeof prefix - 1, KEY_BYTES = 32 };

void webhook_secret_new(char out[WEBHOOK_SECRET_SIZE])
{
    unsigned char key[KEY_BYTES];
    randombytes_buf(key, sizeof key);
    memcpy(out, prefix, PREFIX);
    sodium_bin2base64(out + PREFIX, WEBHOOK_SECRET_SIZE - PREFIX, key, sizeof key,
        sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(key, sizeof key);
}

int webhook_sign(const char *secret, const char *id, int64_t timestamp, const char *body,
    char out[WEBHOOK_SIGNATURE_SIZE])
{
    unsigned char key[KEY_BYTES], mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char head[160];
    size_t n = 0;
    if (strncmp(secret, prefix, PREFIX) != 0 ||
        sodium_base642bin(key, sizeof key, secret + PREFIX, strlen(secret + PREFIX), NULL, &n, NULL,
            sodium_base64_VARIANT_ORIGINAL) != 0)
        return -EINVAL;
    snprintf(head, sizeof head, "%s.%lld.", id, (long long)timestamp);
    crypto_auth_hmacsha256_init(&state, key, n);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)head, strlen(head));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, strlen(body));
    crypto_auth_hmacsha256_final(&state, mac);
    memcpy(out, "v1,", 3);
    sodium_bin2base64(
        out + 3, WEBHOOK_SIGNATURE_SIZE - 3, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&state, sizeof state);
    return 0;
}
