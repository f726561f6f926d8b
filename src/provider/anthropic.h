/* anthropic.h - what the two halves of the adapter to Anthropic's messages share. */
#pragma once
#include "provider/internal.h"

/* provider_adapter.encode */
int anthropic_encode(const struct provider_request *q, struct encoded *ret, struct error *e);
