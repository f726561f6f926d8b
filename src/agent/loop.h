/* loop.h - what one run's thread works with. Seen only by the files of the loop: loop.c (rounds and ends),
 * turn.c (one answer of the model), calls.c (its code), events.c, outgoing.c, prompt.c, tool_result.c. */
#pragma once
#include "agent/citations.h"
#include "agent/code_argument.h"
#include "agent/fence.h"
#include "agent/internal.h"

enum item_kind { ITEM_MESSAGE, ITEM_CODE, ITEM_FUNCTION, ITEM_REASONING };

/* An output item that was started. */
struct item {
    enum item_kind kind;
    unsigned number;
    char id[ID_SIZE];
};

/* A picture that code displayed, kept as a file of the session. */
struct figure {
    char id[ID_SIZE], mime[32], published[ID_SIZE];
    uint64_t bytes;
    bool cited;
};

/* A call of a tool, as the model's turn left it. */
enum call_kind {
    CALL_PYTHON,
    CALL_FUNCTION, /* the client's */
    CALL_UNKNOWN,  /* of a tool that is not there */
    CALL_IGNORED,  /* beyond max_tool_calls */
};
struct call {
    enum call_kind kind;
    char *call_id, *name;
    struct item item; /* of PYTHON and FUNCTION */
    struct code_argument code;
    size_t told; /* bytes of it in events */
    enum code_argument_end end;
    struct strbuf arguments; /* of FUNCTION */
    bool ended;              /* its arguments are whole */
    bool fenced;             /* a block of text, not a call on the wire */
    bool completed;
};

struct loop {
    struct run *run;
    const struct plan *plan;
    json_t *sent; /* the transcript as the model gets it */
    char *instructions;
    json_t *tools, *python; /* the client's functions; ours */
    unsigned rounds;
    unsigned denied; /* answers that were nothing but calls that are not run any more */
    int64_t executions, deadline_us;
    struct figure *figure;
    size_t figures;
    char **made; /* paths of files that code made, each once */
    size_t n_made;
    struct published *published; /* what the dialect keeps of it */
    size_t n_published;
    double cost;
    bool budget_binds; /* the last call's length was bounded by the budget */
    bool redacted;     /* the model is one that does not get to see everything */
    bool past;         /* what is added to `sent` now was said in earlier runs */
    json_t *masked;    /* {"email": 2}: in what this run added to the conversation */
    json_t *counts;    /* where masks are counted now: masked, or NULL */
    struct error error;
};

/* One answer. */
struct turn {
    struct loop *loop;
    bool tools;    /* any are offered */
    bool python;   /* code may be run */
    bool cut_text; /* by fences: the model has no calls */
    struct item message, reasoning;
    bool message_open, reasoning_open;
    struct strbuf text, refusal, reasoned;
    struct strbuf whole; /* all text of the turn, when it is cut by fences */
    struct fence fence;
    struct call *call;
    size_t calls;
    int failed; /* an errno of ours: the sink ended the answer */
    enum provider_finish finish;
    struct provider_usage usage;
};

/* ---- events.c: each adds one event of run.h; 0, or negative with loop->error ---------------------------- */
int event_run_started(struct loop *l);
int event_run_resumed(struct loop *l);
void event_field_at(struct json_writer *w); /* "at": now */
/* Gives it number and id, and says so. `call` or NULL. */
int event_item_started(
    struct loop *l, enum item_kind kind, struct item *ret, const struct call *call);
int event_delta(
    struct loop *l, const char *type, const struct item *item, const char *text, size_t n);
int event_code_completed(struct loop *l, const struct item *item, const struct strbuf *code);
int event_execution_started(struct loop *l, const struct item *item, const char *execution_id);
/* `json` is the output, whole; `log` what it adds to the log, or NULL: its own text. */
int event_execution_output(
    struct loop *l, const struct item *item, const struct strbuf *json, const char *log, size_t n);
int event_execution_completed(struct loop *l, const struct item *item, const struct execution *e,
    const char *status, const struct strbuf *logs, const struct figure *figures, size_t n_figures);
int event_message_completed(struct loop *l, const struct item *item, const struct strbuf *text,
    const struct strbuf *refusal, bool whole, const json_t *annotations);
int event_code_item_completed(
    struct loop *l, const struct item *item, const struct strbuf *code, const char *status);
int event_function_completed(
    struct loop *l, const struct item *item, const struct strbuf *arguments);
int event_reasoning_completed(struct loop *l, const struct item *item, const struct strbuf *text);
int event_usage(struct loop *l);
int event_notice(struct loop *l, const char *text);
/* How much was masked, in words. */
int event_masked(struct loop *l);

/* ---- turn.c ----------------------------------------------------------------------------------------------- */
/* Asks the model once. Every item it began is completed but those of calls, which are in turn->call. `q` has
 * all but sink and context. The answer's transcript items are said (loop_say). 0, or negative with
 * loop->error. Deinit in any case. */
int turn_run(struct turn *t, struct provider_request *q);
void turn_deinit(struct turn *t);

/* ---- calls.c ------------------------------------------------------------------------------------------------ */
/* Runs what is to be run, in order, and says the results. 0, or negative with loop->error. */
int calls_run(struct loop *l, struct turn *t);
/* Completes the items of calls that were not run: the run ends before. */
void calls_abandon(struct loop *l, struct turn *t);

/* ---- loop.c ---------------------------------------------------------------------------------------------------- */
/* Adds transcript items (a new reference, taken) to what was said: in the run's output, and as the model gets
 * it. NULL is -ENOMEM. */
int loop_say(struct loop *l, json_t *item);
/* The run's session, made if there is none. Borrowed. NULL with loop->error. */
struct session *loop_session(struct loop *l);
/* Has somebody asked it to stop? */
static inline bool loop_stopped(const struct loop *l)
{
    return atomic_load(&l->run->stop) != STOP_NOT;
}
int loop_no_memory(struct loop *l); /* -ENOMEM with loop->error */

/* ---- prompt.c ---------------------------------------------------------------------------------------------------- */
/* What the model is told besides the conversation; malloc'ed, NULL without memory. */
char *prompt_instructions(struct loop *l, const struct session_file *files, size_t n);
json_t *prompt_python_tool(void); /* the tool's definition; a new reference */
const char *prompt_no_more_code(
    void); /* for a model without calls, when code is not run any more */

/* ---- previews.c --------------------------------------------------------------------------------------------------- */
/* Says to the model how the person's files begin, and to the person which of them it got as samples. 0, or
 * negative with loop->error. */
int previews_send(struct loop *l, const struct session_file *files, size_t n);

/* ---- tool_result.c ------------------------------------------------------------------------------------------------ */
/* What the person gets to see of an execution: stdout, stderr, value and traceback in order. */
void result_logs(const struct execution *e, struct strbuf *out);
/* One output's part of that, while it comes; `goes_on`: a stream's text behind another stream's text. */
void result_log_add(struct strbuf *out, const struct output *o, bool goes_on);
/* What the model reads of it: the same, shorter, with files, notes and what to do about it. */
void result_text(struct loop *l, const struct execution *e, const struct figure *figures,
    size_t n_figures, struct strbuf *out);
/* A line about figures that were displayed and there was no room for; none when n is 0. */
void result_unkept(size_t n, struct strbuf *out);

/* ---- outgoing.c --------------------------------------------------------------------------------------------------- */
/* The same item as the model may get it: masked (in loop->past what models said, too), with pictures if it
 * sees them, as text if it has no calls. Appends to `sent`. 0 or -ENOMEM. */
int outgoing_add(struct loop *l, const json_t *item);

/* ---- files.c ------------------------------------------------------------------------------------------------------- */
/* Puts a spec's files into a session. 0 or negative with `e`. */
int files_put(
    struct runs *all, struct session *session, const struct run_spec *spec, struct error *e);
/* Annotations of a text (run.h), a new reference; `final`: figures that were not cited come first. NULL
 * without memory. */
json_t *files_annotations(struct loop *l, const struct strbuf *text, bool final);

/* ---- publish.c ---------------------------------------------------------------------------------------------------- */
struct published {
    char id[ID_SIZE];   /* of the session's file, which changes with its content */
    char kept[ID_SIZE]; /* as the dialect calls it */
};
/* What the dialect keeps of that file: borrowed; NULL: nothing. */
const char *publish(struct loop *l, const char *id, const char *path, bool figure);
/* All files that code made and that are still there. */
void publish_made(struct loop *l);

/* ---- cost.c ---------------------------------------------------------------------------------------------------------- */
double cost_of(const struct model_route *route, const struct provider_usage *u);
/* Bounds the next answer's length by what the budget leaves. 0, or BUDGET_EXCEEDED: not even the question. */
int cost_bound(struct loop *l, struct provider_request *q);
