/* internal.h - what the files of provider/ share: a provider, and what an adapter to a wire format is.
 *
 * An adapter is a row of functions and holds no state but its decoder's, made anew for each attempt.
 * call.c does for all of them what is the same: connections, deadlines, repeating, cancel,
 * events' framing, errors' meaning. answer.h gathers what decoders find. To add a wire format is to
 * write the five functions below and to name them in adapters.c. */
#pragma once
#include "provider/answer.h"
#include "provider/provider.h"
#include "provider/upstream.h"

/* How a key is shown to upstream. */
enum provider_auth {
    AUTH_BEARER,    /* Authorization: Bearer KEY */
    AUTH_API_KEY,   /* api-key: KEY (Azure) */
    AUTH_X_API_KEY, /* x-api-key: KEY (Anthropic) */
};

/* Servers that say more of their models than others, when asked in their own way. */
enum provider_kind { KIND_OTHER, KIND_OLLAMA, KIND_LLAMA_CPP };

struct listing; /* listing.h: what it serves, asked now and then */

/* One party. Immutable once made, but for connections and the listing. */
struct provider {
    char name[64];     /* "openai", "ollama", the config's */
    char missing[128]; /* what to set before it can be used; "": it can */
    enum provider_wire wire;
    enum provider_kind kind;
    const struct provider_adapter *adapter;
    /* Without a slash at its end. The adapters append "/chat/completions", "/responses" (base URLs end in
     * /v1 or the like) and "/v1/messages" (that of Anthropic does not). "" for offline. */
    char *base_url;
    char *key; /* NULL: none */
    enum provider_auth auth;
    char *api_version; /* Azure: in the query, NULL: none */
    bool deployments;  /* Azure's older URLs, …/openai/deployments/MODEL/… */
    char **headers;    /* further "name: value" lines */
    size_t n_headers;
    json_t *extra;             /* further request fields; NULL: none */
    bool local;                /* on this machine, or said to be: nothing leaves by it */
    bool streams;              /* false: asks for whole answers */
    int tools, images;         /* said for all its models: 1, 0; -1: by the model */
    bool images_usual;         /* of a model that nobody knows */
    char max_tokens_field[32]; /* "max_tokens", "max_completion_tokens" */
    int64_t timeout_us;        /* of a call that does not say */
    int silence_ms;            /* the longest it may be silent */
    unsigned attempts;         /* 1: never repeated */
    char default_model[256];   /* "": none */
    json_t *models;            /* names the config lists; NULL: upstream is asked */
    struct upstream *upstream; /* NULL: offline */
    struct listing *listing;   /* NULL: offline */
};

/* What an adapter makes of a request. */
struct encoded {
    struct strbuf url;     /* filled with the provider's base URL; encode appends the path */
    struct strbuf body;    /* JSON */
    struct strbuf headers; /* further "name: value" lines, each ended by '\0' */
    bool stream;           /* the reply is server-sent events */
};

/* A decoder's view of one attempt: its own state first in a larger struct. */
struct provider_adapter {
    const char *name;        /* "chat", "responses", "anthropic": in reasoning items, too */
    const char *models_path; /* of the list of models, after the base URL; NULL: there is none */
    const char *header;      /* a "name: value" line on every request, or NULL */
    /* Writes url, body and further headers (the key's own is not the adapter's matter). 0, or -EINVAL
     * with `e` for what this wire cannot say. */
    int (*encode)(const struct provider_request *q, struct encoded *ret, struct error *e);
    /* A fresh decoder that tells `a` (borrowed) what it finds; NULL without memory. */
    void *(*decoder_new)(struct answer *a);
    void (*decoder_free)(void *decoder); /* NULL is allowed */
    /* One server-sent event. 0: go on; 1: that was the end, what follows is not read; negative with `e`:
     * malformed, an error of upstream's (provider_error_object), or what the answer functions said. */
    int (*event)(void *decoder, const char *event, const char *data, size_t n, struct error *e);
    /* The reply was one JSON document (encoded.stream was false, or upstream did not stream). */
    int (*whole)(void *decoder, json_t *root, struct error *e);
    /* No more comes: is the answer complete? 0, or negative with `e` when it was cut short. */
    int (*end)(void *decoder, struct error *e);
    /* Instead of all of the above: answers without HTTP. Pieces go to q->sink by provider_answer_*. */
    int (*chat)(const struct provider_request *q, struct answer *a, struct error *e);
};

extern const struct provider_adapter chat_adapter, responses_adapter, anthropic_adapter,
    offline_adapter;
const struct provider_adapter *provider_adapter_of(enum provider_wire wire);

/* ---- for encoders ---------------------------------------------------------------------------------- */

/* Merges the further fields of provider, model and caller into a request, in this order; a null takes a
 * field away. 0 or -ENOMEM. */
int provider_extra_merge(json_t *body, const struct provider_request *q);
/* Writes `body` as compact JSON. Takes the reference, NULL is -ENOMEM. */
int provider_body_dump(json_t *body, struct strbuf *ret);
/* Appends one "name: value" line. */
int provider_header(struct encoded *ret, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An image part or an image of a tool result as a data: URL (or its own URL): a new string reference. */
json_t *provider_image_url(const json_t *image);
/* What the model is told instead of a file's bytes: "[file data.csv, 12 bytes, at /mnt/data/data.csv]". */
json_t *provider_file_text(const json_t *part);
/* Arguments as the wire wants them: the text if it is a JSON object, else {"code": text} (raw code,
 * which many models write); "" is {}. A new reference. */
json_t *provider_arguments_object(const char *text, size_t n);

/* What call.c does to a transcript before any encoder sees it, because every wire refuses it otherwise: each
 * turn's calls are answered right after that turn, in order, a missing result said to be missing; results
 * without a call are dropped. For a model without tools calls become fenced blocks and results messages of
 * the user. A new reference, NULL without memory. */
json_t *provider_transcript_mend(const json_t *transcript, bool tools);

/* ---- for decoders ------------------------------------------------------------------------------------ */

/* Parses one event's data. Escapes that are legal JSON and no character (half a surrogate pair, \u0000)
 * become U+FFFD, as models that cut characters apart do send them. A new reference, or NULL. */
json_t *provider_event_json(const char *data, size_t n);
/* One event that is an object and says its type, or has it from its name: hands it to `decoded`. */
int provider_event_object(const struct provider *p, const char *name, const char *data, size_t n,
    int (*decoded)(void *decoder, const char *type, json_t *root, struct error *e), void *decoder,
    struct error *e);
/* An answer that ended before it was whole: PROVIDER_MALFORMED. */
int provider_cut_short(const struct provider *p, struct error *e);

/* ---- for decoders: upstream's errors ---------------------------------------------------------------- */

/* Fills `e` from an HTTP status (0: an error within a stream) and the reply's body or an error object's
 * text. All known shapes: {"error":{…}}, {"error":"…"}, [{"error":…}], {"type":"error",…}, {"message"},
 * {"detail"}; anything else by status alone. The provider's key is cut out of messages. Returns
 * negative. */
int provider_error_body(
    const struct provider *p, int status, const char *body, size_t n, struct error *e);
/* The same from the value of an "error" key, or from an object that has "message", "type", "code". */
int provider_error_object(
    const struct provider *p, int status, const json_t *error, struct error *e);
/* "The provider NAME sent …": -EPROTO and PROVIDER_MALFORMED. */
int provider_malformed(const struct provider *p, const char *what, struct error *e);

/* ---- the whole ----------------------------------------------------------------------------------------- */

/* The header lines of a call: key, configured ones, `more` (as encoded.headers). At most `size` of them are
 * put into `lines`, whose texts live in `text`. The number of lines. */
size_t provider_headers(const struct provider *p, const struct strbuf *more, struct strbuf *text,
    const char **lines, size_t size);
