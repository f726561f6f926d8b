/* call_ids.h - call ids as one wire takes them: others, and ids given twice, are replaced in call and result.
 *
 * A conversation may have begun with another provider, whose ids look otherwise ("functions.python:0"), or
 * with a server that begins anew at "call_0" in each turn. Used by encoders, on a transcript whose
 * results follow their calls (provider_transcript_mend). Pure. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct call_ids {
    size_t maximum; /* bytes */
    bool plain;     /* letters, digits, '_' and '-' alone */
    bool repeats;   /* ids given twice are taken; set after init */
    json_t *given;  /* ids that stand in the request */
    json_t *open;   /* id -> ids under which its calls without a result were sent */
    unsigned calls;
};
/* Without memory it hands out NULL ids. */
void call_ids_init(struct call_ids *c, size_t maximum, bool plain);
void call_ids_deinit(struct call_ids *c);
/* The id to send for the next call, or for the result of the earliest call under `id` that has none: a
 * new string reference. */
json_t *call_ids_call(struct call_ids *c, const char *id);
json_t *call_ids_result(struct call_ids *c, const char *id);
