/* provider.h - language models, whoever serves them: one request in, one stream of pieces out.
 *
 * Used by the agent loop (agent/) and by the pass-through of chat completions, inside the server
 * process. An adapter translates between what is said here and one wire format: OpenAI's chat
 * completions (also Azure, Ollama, vLLM, llama.cpp, OpenRouter, Gemini), OpenAI's Responses, and
 * Anthropic's messages; `offline` answers without a model. Adapters know nothing of sessions, runs
 * or our own dialects. All that comes from upstream is an attacker's: bounded, checked, never
 * logged. Keys are never logged, nor part of any error. All calls block in the calling thread.
 *
 * ---- the transcript ----
 * What was said so far is a JSON array of items, the one form that every dialect decodes into, that
 * is stored, and that every adapter encodes from:
 *   {"type":"message","role":"system|user|assistant","content":[part…]}, a part being
 *       {"type":"text","text":"…"}
 *       {"type":"image","media_type":"image/png","data":"<base64>","detail":"auto"} or {"type":"image","url":"https…"}
 *       {"type":"file","filename":"…","path":"/mnt/data/…" or null,"bytes":n} (already in the session; said to the
 *           model by the prompt, never sent as bytes)
 *       {"type":"refusal","text":"…"}
 *   {"type":"tool_call","call_id":"call_…","name":"python","arguments":"<text as the model wrote it>","extra":{…}}
 *       (`extra`, optional: unknown keys of the upstream's call, replayed verbatim to the same adapter)
 *   {"type":"tool_result","call_id":"call_…","text":"…","images":[{"media_type","data"}],"is_error":false}
 *   {"type":"reasoning","adapter":"anthropic","data":{…}} (opaque; replayed to the adapter that made it, dropped
 *       for any other)
 * Whoever appends need not look after what wires insist on: a call without a result is answered on the way
 * out, and for a route without tools calls are said as fenced blocks, results as messages of the user. */
#pragma once
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct providers; /* everything configured, immutable after its making but for what is reachable */

enum provider_wire {
    PROVIDER_CHAT,      /* OpenAI's chat completions and all that speak it */
    PROVIDER_RESPONSES, /* OpenAI's Responses */
    PROVIDER_ANTHROPIC, /* Anthropic's messages */
    PROVIDER_OFFLINE,   /* the analyst: no model */
};

/* Where a model's name leads. Borrowed text, good as long as the providers. */
struct model_route {
    const struct provider *provider;
    /* "openai", "azure", "anthropic", "ollama", "llama.cpp", "offline", or the config's */
    const char *provider_name;
    enum provider_wire wire;
    char model[256];    /* what upstream is asked for */
    char name[320];     /* what the client reads: as it asked, or provider/model */
    bool local;         /* no remote party: no redaction by default */
    bool tools, images; /* speaks tool calls; sees images */
    bool reasoning;     /* refuses temperature and top_p, which are then not sent */
    bool priced;
    double price_input, price_cached, price_output; /* usd for a million tokens */
    int64_t context_tokens;                         /* 0: unknown */
    int64_t output_tokens;                          /* the most it may write; 0: unknown */
    json_t *extra; /* further request fields that the config gives to this model, or NULL */
};

/* What the settings, the environment and the config file say. `config` is the file's "providers",
 * "models" and "prices" tables (or NULL), documented in docs/models.md. Borrowed during the call;
 * `environ` is looked at through `getenv_hook` (NULL: getenv), so that tests need no process of their own. */
struct providers_config {
    const char *default_model; /* --model or MODEL; NULL or "": by what is configured */
    /* what these two are asked for when nobody names a model; NULL: none */
    const char *openai_model, *anthropic_model;
    json_t *config;
    const char *(*getenv_hook)(const char *name);
    bool find_local; /* look for Ollama and llama.cpp on their default ports */
};
int providers_new(const struct providers_config *config, struct providers **ret, struct error *e);
struct providers *providers_free(struct providers *p); /* NULL is allowed; returns NULL */

/* Finds who answers for `name` (NULL, "" or "default": the default). The rules are API.md's "Models".
 * PROVIDER_NOT_CONFIGURED naming what to set, or MODEL_NOT_FOUND. Blocks no longer than a look at a local port. */
int providers_route(
    struct providers *p, const char *name, struct model_route *ret, struct error *e);
/* The same for a name of OpenAI's that its programs of the Assistants' time still say ("gpt-4-turbo"): where neither
 * the config's table nor a provider has it, the default model answers, and *ret_instead says so. */
int providers_route_retired(struct providers *p, const char *name, struct model_route *ret,
    bool *ret_instead, struct error *e);
/* [{"id","object":"model","created","owned_by"}] of all that is reachable now; a new reference.
 * Upstream lists are fetched at most once a minute, each with a deadline of 2 s. */
int providers_models(struct providers *p, json_t **ret, struct error *e);

/* ---- one call ---- */

enum provider_piece_kind {
    PIECE_TEXT,           /* text of the answer */
    PIECE_REFUSAL,        /* text of a refusal */
    PIECE_REASONING,      /* text of a summary of reasoning that may be shown */
    PIECE_CALL,           /* a tool call begins: call_id and name */
    PIECE_CALL_ARGUMENTS, /* more of its arguments */
    PIECE_CALL_END,       /* they are whole */
};
/* Text is valid UTF-8 and cut between characters. `call` counts the answer's tool calls from 0. */
struct provider_piece {
    enum provider_piece_kind kind;
    unsigned call;
    const char *call_id, *name; /* PIECE_CALL */
    const char *text;
    size_t length;
};
/* Nonzero ends the call: provider_chat returns -ECANCELED. */
typedef int provider_sink(void *context, const struct provider_piece *piece);

struct provider_request {
    const struct model_route *route;
    const char *instructions; /* the system's text, or NULL */
    json_t *transcript;       /* as above; borrowed, not changed */
    json_t *tools;            /* [{"name","description","parameters","strict"?}], or NULL */
    json_t *tool_choice;      /* NULL: auto; "none", "required", or {"name":"…"} */
    json_t *text_format;      /* Responses' text.format object, or NULL */
    /* further request fields of the provider's and the model's configuration are merged by the adapter;
     * these are the caller's, on top; or NULL. A null takes a field away. */
    json_t *extra;
    double temperature, top_p;    /* NAN: not said */
    int64_t max_output_tokens;    /* 0: not said */
    const char *reasoning_effort; /* or NULL */
    bool parallel_tool_calls;
    int64_t deadline_us; /* clock_monotonic_us, 0: the provider's own (10 minutes) */
    /* set from any thread: the call ends within 100 ms with -ECANCELED; or NULL */
    atomic_bool *cancel;
    provider_sink *sink; /* or NULL */
    void *context;
};
struct provider_usage {
    int64_t input_tokens;
    int64_t cached_tokens,
        written_tokens; /* of these: read from, and put into, the vendor's cache */
    int64_t output_tokens;
    int64_t reasoning_tokens; /* of these */
    bool known;               /* the provider said so; else estimated by us */
};
enum provider_finish { FINISH_STOP, FINISH_CALLS, FINISH_LENGTH, FINISH_CONTENT_FILTER };
struct provider_answer {
    /* what to append to the transcript: messages, calls, reasoning, in order; the holder's */
    json_t *items;
    enum provider_finish finish;
    struct provider_usage usage;
    char model[256]; /* as upstream calls itself, or "" */
};
void provider_answer_deinit(struct provider_answer *a);

/* Asks, streams pieces into the sink, answers. Repeats by itself, with backoff and jitter, honouring
 * retry-after, what may be repeated and has given no piece yet. Errors: PROVIDER_AUTHENTICATION,
 * PROVIDER_RATE_LIMITED, CONTEXT_LENGTH, CONTENT_FILTER, PROVIDER_OVERLOADED, PROVIDER_UNREACHABLE,
 * PROVIDER_MALFORMED, PROVIDER_REFUSED (its 4xx, with its message; a used up quota is one), MODEL_NOT_FOUND,
 * PROVIDER_FAILED (its 5xx), PROVIDER_TIMEOUT; -ECANCELED. */
int provider_chat(const struct provider_request *q, struct provider_answer *ret, struct error *e);

/* Tokens that `text` takes, roughly (a quarter of its bytes for Latin text, more for others): for budgets
 * and where upstream does not count. */
int64_t provider_estimate_tokens(const char *text, size_t length);

/* Where a pass-through goes. All are called in the calling thread. */
struct provider_pass_to {
    /* once: upstream's status, media type ("" when not said) and retry-after (-1: none). Nonzero ends the call and
     * is forwarded. */
    int (*head)(void *context, int status, const char *content_type, int64_t retry_after_ms);
    /* each part of a good reply, as it comes; nonzero as above */
    int (*write)(void *context, const char *data, size_t n);
    /* asked at least every 100 ms: true ends the call with -ECANCELED */
    bool (*unwanted)(void *context);
    void *context;
};
/* The raw pass-through of POST /v1/chat/completions: sends `body` (a chat completions request; borrowed, its
 * model replaced by the route's) once and hands the reply on. Nothing is repeated. Only for PROVIDER_CHAT
 * routes (else PROVIDER_REFUSED). 0; errors are as provider_chat's, a reply of 300 and above being one of them:
 * upstream's words are about our key and our address, not the client's. */
int provider_pass(const struct model_route *route, json_t *body, const struct provider_pass_to *to,
    struct error *e);
