/* provider_stream.h - what the tests of the adapters share: bytes as upstream sends them through a decoder,
 * and what came out of it as one text; requests, and the JSON that an encoder makes of them. */
#pragma once
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fd.h"
#include "provider/internal.h"
#include "provider/sse.h"

static inline struct provider_request request_of(struct model_route *route)
{
    return (struct provider_request){
        .route = route, .temperature = NAN, .top_p = NAN, .parallel_tool_calls = true};
}

/* ---- decoding ---------------------------------------------------------------------------------------- */

/* Neighbouring pieces of one kind are joined, so that where they are cut makes no difference; the ends of
 * calls are counted: wires tell them at different times. */
struct heard {
    struct strbuf text;
    int kind;
    unsigned call, begun, ended;
};

static inline int hear(void *context, const struct provider_piece *p)
{
    static const char *const names[] = {[PIECE_TEXT] = "text",
        [PIECE_REFUSAL] = "refusal",
        [PIECE_REASONING] = "reasoning",
        [PIECE_CALL] = "call",
        [PIECE_CALL_ARGUMENTS] = "arguments"};
    struct heard *h = context;
    h->begun += p->kind == PIECE_CALL;
    h->ended += p->kind == PIECE_CALL_END;
    if (p->kind == PIECE_CALL_END)
        return 0;
    bool more = (int)p->kind == h->kind && p->call == h->call && p->kind != PIECE_CALL;
    if (!more)
        strbuf_printf(&h->text, "\n%s", names[p->kind]);
    if (!more && p->kind >= PIECE_CALL)
        strbuf_printf(&h->text, " %u", p->call);
    if (!more)
        strbuf_puts(&h->text, " ");
    if (p->kind == PIECE_CALL)
        strbuf_puts(&h->text, p->name);
    if (p->text != NULL)
        strbuf_append(&h->text, p->text, p->length);
    h->kind = (int)p->kind;
    h->call = p->call;
    return 0;
}

struct reading {
    const struct provider_adapter *adapter;
    void *decoder;
    bool ended;
    struct error *e;
};

static inline int read_event(void *context, const char *event, const char *data, size_t n)
{
    struct reading *r = context;
    if (r->ended)
        return 0;
    int result = r->adapter->event(r->decoder, event, data, n, r->e);
    r->ended = result > 0;
    return result < 0 ? result : 0;
}

/* How the network cuts a body: a first part, then parts of one size (0: all that is left). */
struct cuts {
    size_t first, each;
};

/* A body as a stream, or `whole`, as JSON, to its end. */
static inline int read_body(
    struct reading *r, const char *body, size_t n, struct cuts cuts, bool whole)
{
    if (whole) {
        json_t *root = json_loadb(body, n, 0, NULL);
        assert_non_null(root);
        int result = r->adapter->whole(r->decoder, root, r->e);
        json_decref(root);
        return result;
    }
    struct sse sse;
    sse_init(&sse);
    int result = 0;
    for (size_t at = 0, size = cuts.first; at < n && result == 0; at += size, size = cuts.each) {
        size = size > 0 && size < n - at ? size : n - at;
        result = sse_feed(&sse, body + at, size, read_event, r);
    }
    if (result == 0 && !r->ended)
        result = sse_end(&sse, read_event, r);
    sse_deinit(&sse);
    return result < 0 ? result : r->adapter->end(r->decoder, r->e);
}

/* Everything heard, then "finish …" and "usage …"; or "error CODE". `ret_items` (or NULL): a new reference. */
static inline char *decode(const struct provider_request *q, const char *body, size_t n,
    struct cuts cuts, bool whole, json_t **ret_items, struct error *e)
{
    static const char *const finishes[] = {"stop", "calls", "length", "content_filter"};
    struct heard heard = {.text = STRBUF_INIT(1 << 20), .kind = -1};
    struct provider_request asked = *q;
    struct answer a;
    struct provider_answer answer = {0};
    *e = (struct error){0};
    asked.sink = hear;
    asked.context = &heard;
    answer_init(&a, &asked);
    const struct provider_adapter *adapter = q->route->provider->adapter;
    struct reading r = {.adapter = adapter, .decoder = adapter->decoder_new(&a), .e = e};
    int result = read_body(&r, body, n, cuts, whole);
    adapter->decoder_free(r.decoder);
    if (result >= 0)
        result = answer_take(&a, &answer);
    if (result >= 0)
        assert_int_equal(heard.begun, heard.ended);
    answer_deinit(&a);
    if (result < 0) {
        strbuf_printf(&heard.text, "\nerror %s", error_wire_code(e->code));
    } else {
        strbuf_printf(&heard.text, "\nfinish %s\nusage", finishes[answer.finish]);
        if (answer.usage.known)
            strbuf_printf(&heard.text, " %lld %lld %lld", (long long)answer.usage.input_tokens,
                (long long)answer.usage.cached_tokens, (long long)answer.usage.output_tokens);
        strbuf_printf(&heard.text, "\nmodel %s", answer.model);
    }
    if (ret_items != NULL)
        *ret_items = json_incref(answer.items);
    provider_answer_deinit(&answer);
    return strbuf_take(&heard.text);
}

static inline char *decode_at_once(const struct provider_request *q, const char *body, size_t n)
{
    struct error e;
    return decode(q, body, n, (struct cuts){.first = n}, false, NULL, &e);
}

static inline void decodes_alike(const struct provider_request *q, const char *body, size_t n,
    struct cuts cuts, const char *expected)
{
    struct error e;
    cleanup_free char *seen = decode(q, body, n, cuts, false, NULL, &e);
    if (strcmp(seen, expected) != 0)
        fail_msg("cut at %zu and each %zu bytes:%s\n\ninstead of:%s", cuts.first, cuts.each, seen,
            expected);
}

/* Decodes the stream in parts of 1, 2, 3 … bytes, and, `everywhere`, in two at every byte: each time the
 * same. Returns what it was (free). */
static inline char *decode_cut(
    const struct provider_request *q, const char *body, size_t n, bool everywhere)
{
    char *expected = decode_at_once(q, body, n);
    for (size_t size = 1; size < 32; size++)
        decodes_alike(q, body, n, (struct cuts){size, size}, expected);
    for (size_t cut = 1; everywhere && cut < n; cut++)
        decodes_alike(q, body, n, (struct cuts){.first = cut}, expected);
    return expected;
}

/* ---- encoding ---------------------------------------------------------------------------------------- */

/* The request's body as the adapter writes it; a new reference. `ret_url`, `ret_headers` (or NULL): free. */
static inline json_t *encoded_of(
    const struct provider_request *q, bool stream, char **ret_url, char **ret_headers)
{
    struct encoded out = {.url = STRBUF_INIT(1 << 16),
        .body = STRBUF_INIT(1 << 24),
        .headers = STRBUF_INIT(1 << 16),
        .stream = stream};
    struct error e = {0};
    struct provider_request mended = *q;
    mended.transcript = provider_transcript_mend(q->transcript, q->route->tools);
    strbuf_puts(&out.url, q->route->provider->base_url);
    if (q->route->provider->adapter->encode(&mended, &out, &e) != 0)
        fail_msg("not encoded: %s", e.message);
    json_decref(mended.transcript);
    json_t *body =
        json_loadb(strbuf_text(&out.body), out.body.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(body);
    for (size_t i = 0; i + 1 < out.headers.length; i++)
        if (out.headers.data[i] == '\0')
            out.headers.data[i] = '\n';
    if (ret_url != NULL)
        *ret_url = strbuf_take(&out.url);
    if (ret_headers != NULL)
        *ret_headers = strbuf_take(&out.headers);
    strbuf_deinit(&out.url);
    strbuf_deinit(&out.headers);
    strbuf_deinit(&out.body);
    return body;
}

static inline json_t *json_of(const char *text)
{
    json_error_t where;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    if (value == NULL)
        fail_msg("%s: %s", where.text, text);
    return value;
}

/* That member of a JSON object equals that JSON text ("" : it is not there). */
static inline void assert_member(const json_t *object, const char *key, const char *expected)
{
    json_t *value = json_object_get(object, key);
    json_t *wanted = expected[0] != '\0' ? json_of(expected) : NULL;
    char *seen = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    bool same = wanted == NULL ? value == NULL : value != NULL && json_equal(value, wanted);
    if (!same)
        fail_msg("\"%s\" is %s, not %s", key, seen != NULL ? seen : "absent", expected);
    free(seen);
    json_decref(wanted);
}
