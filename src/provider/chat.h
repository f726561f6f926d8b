/* chat.h - what the two halves of the chat completions adapter share. */
#pragma once
#include "provider/internal.h"

int chat_encode(const struct provider_request *q, struct encoded *ret, struct error *e);
void *chat_decoder_new(struct answer *a);
void chat_decoder_free(void *decoder);
int chat_event(void *decoder, const char *event, const char *data, size_t n, struct error *e);
int chat_whole(void *decoder, json_t *root, struct error *e);
int chat_end(void *decoder, struct error *e);
/* …/chat/completions of a provider, with the deployment and the version that Azure wants. Appends to `url`,
 * which holds the base URL. */
int chat_url(const struct provider *p, const char *model, struct strbuf *url);
