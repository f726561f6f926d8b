/* responses.h - what the two halves of the adapter to OpenAI's Responses share. */
#pragma once
#include "provider/internal.h"

/* provider_adapter.encode */
int responses_encode(const struct provider_request *q, struct encoded *ret, struct error *e);
