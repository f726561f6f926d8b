/* adapters.c - which adapter speaks which wire. One row each. */
#include "provider/internal.h"

static const struct provider_adapter *const adapters[PROVIDER_OFFLINE + 1] = {
    [PROVIDER_CHAT] = &chat_adapter,
    [PROVIDER_RESPONSES] = &responses_adapter,
    [PROVIDER_ANTHROPIC] = &anthropic_adapter,
    [PROVIDER_OFFLINE] = &offline_adapter,
};

const struct provider_adapter *provider_adapter_of(enum provider_wire wire)
{
    return adapters[wire];
}
