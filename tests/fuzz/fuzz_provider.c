/* What an upstream streams, in each wire: the first byte says which, and in what parts the rest arrives. In
 * other parts it must be heard the same; what was heard must be well formed, and encode again in every wire. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "provider/internal.h"
#include "provider/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool truth)
{
    if (!truth)
        abort();
}

static const enum provider_wire wires[] = {PROVIDER_CHAT, PROVIDER_RESPONSES, PROVIDER_ANTHROPIC};
enum { N_WIRES = sizeof(wires) / sizeof(wires[0]), CALLS = ANSWER_CALLS_MAX };

/* All pieces of one kind and call are summed up: where they are cut makes no difference. */
struct heard {
    uint64_t sum;
    size_t length;
    unsigned calls;
    bool ended[CALLS];
};

static int hear(void *context, const struct provider_piece *p)
{
    struct heard *h = context;
    bool of_call = p->kind >= PIECE_CALL;
    insist(utf8_valid(p->text != NULL ? p->text : "", p->length));
    insist(!of_call || p->call < CALLS);
    if (p->kind == PIECE_CALL)
        insist(p->call == h->calls++ && p->name[0] != '\0' && p->call_id[0] != '\0');
    else if (of_call)
        insist(p->call < h->calls && !h->ended[p->call]);
    if (p->kind == PIECE_CALL_END)
        h->ended[p->call] = true;
    for (size_t i = 0; i < p->length; i++)
        h->sum = h->sum * 31 + (unsigned char)p->text[i] + (unsigned)p->kind;
    h->length += p->length;
    return 0;
}

struct reading {
    const struct provider_adapter *adapter;
    void *decoder;
    bool ended;
    struct error e;
};

static int on_event(void *context, const char *event, const char *data, size_t n)
{
    struct reading *r = context;
    if (r->ended)
        return 0;
    int result = r->adapter->event(r->decoder, event, data, n, &r->e);
    r->ended = result > 0;
    return result < 0 ? result : 0;
}

static int read_all(
    const struct provider_request *q, const char *body, size_t n, size_t step, json_t **ret_items)
{
    struct reading r = {.adapter = q->route->provider->adapter};
    struct provider_answer answer = {0};
    struct answer a;
    struct sse sse;
    int result = 0;
    answer_init(&a, q);
    sse_init(&sse);
    r.decoder = r.adapter->decoder_new(&a);
    for (size_t at = 0; at < n && result == 0; at += step)
        result = sse_feed(&sse, body + at, step < n - at ? step : n - at, on_event, &r);
    if (result == 0 && !r.ended)
        result = sse_end(&sse, on_event, &r);
    if (result == 0)
        result = r.adapter->end(r.decoder, &r.e);
    r.adapter->decoder_free(r.decoder);
    sse_deinit(&sse);
    if (result == 0)
        result = answer_take(&a, &answer);
    answer_deinit(&a);
    if (result == 0)
        *ret_items = json_incref(answer.items);
    provider_answer_deinit(&answer);
    return result;
}

/* What was said goes back upstream, whichever it is. */
static void encode(const struct provider_request *q, json_t *items)
{
    struct encoded out = {.url = STRBUF_INIT(4096),
        .body = STRBUF_INIT(64 << 20),
        .headers = STRBUF_INIT(4096),
        .stream = true};
    struct provider_request said = *q;
    struct error e;
    said.transcript = provider_transcript_mend(items, true);
    insist(said.transcript != NULL && q->route->provider->adapter->encode(&said, &out, &e) == 0);
    json_t *body =
        json_loadb(strbuf_text(&out.body), out.body.length, JSON_REJECT_DUPLICATES, NULL);
    insist(json_is_object(body));
    json_decref(body);
    json_decref(said.transcript);
    strbuf_deinit(&out.url);
    strbuf_deinit(&out.body);
    strbuf_deinit(&out.headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct provider providers[N_WIRES];
    struct model_route routes[N_WIRES];
    if (size < 1)
        return 0;
    for (unsigned w = 0; w < N_WIRES; w++) {
        providers[w] = (struct provider){
            .name = "fuzzed", .base_url = (char *)"", .adapter = provider_adapter_of(wires[w])};
        routes[w] = (struct model_route){
            .provider = &providers[w], .model = "m", .tools = true, .images = true};
        snprintf(
            providers[w].max_tokens_field, sizeof(providers[w].max_tokens_field), "max_tokens");
    }
    struct heard once = {0}, again = {0};
    struct provider_request q = {.route = &routes[data[0] % N_WIRES],
        .temperature = NAN,
        .top_p = NAN,
        .sink = hear,
        .context = &once};
    const char *body = (const char *)data + 1;
    size_t step = data[0] / N_WIRES % 29 + 1;
    json_t *items = NULL, *same = NULL;
    int a = read_all(&q, body, size - 1, size, &items);
    q.context = &again;
    int b = read_all(&q, body, size - 1, step, &same);
    insist(a == b && once.sum == again.sum && once.length == again.length &&
           once.calls == again.calls);
    insist(json_array_size(items) == json_array_size(same));
    for (unsigned w = 0; w < N_WIRES && items != NULL; w++) {
        q.route = &routes[w];
        encode(&q, items);
    }
    json_decref(items);
    json_decref(same);
    return 0;
}
