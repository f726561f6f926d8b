/* numbers.c - primes, Fibonacci numbers, statistics of numbers that are given, and chance. */
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

enum { GIVEN_MAX = 400 };

static const char *text_of(char out[32], long value)
{
    snprintf(out, 32, "%ld", value);
    return out;
}

/* "between 5 and 100", "from 1 to 100", "up to 100", "below 100". */
static bool bounds(const char *low, long *from, long *to, long most)
{
    struct offline_number n[32];
    size_t count = offline_numbers(low, n, 32);
    if (count == 0)
        return false;
    for (size_t i = 0; i + 1 < count; i++) {
        const char *between = n[i].end + (n[i].end[0] == ' ');
        if ((strncmp(between, "to ", 3) == 0 || strncmp(between, "and ", 4) == 0 ||
                *between == '-' || strncmp(between, "\xe2\x80\x93", 3) == 0) &&
            n[i + 1].at - between < 6 && n[i].value >= 0 && n[i + 1].value >= n[i].value &&
            n[i + 1].value <= (double)most) {
            *from = (long)n[i].value;
            *to = (long)n[i + 1].value;
            return true;
        }
    }
    const char *upto =
        offline_find_last(low, "up to|below|under|less than|smaller than|to|until|through", NULL);
    if (upto == NULL || upto > n[count - 1].at || n[count - 1].at - upto > 14 ||
        n[count - 1].value < 2 || n[count - 1].value > (double)most)
        return false;
    *from = 1;
    *to = (long)n[count - 1].value - offline_has(upto, "below|under|less than|smaller than");
    return true;
}

bool offline_fibonacci(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low,
               *at = offline_find(low, "fibonacci*|fibonnaci*|fibonaci*", NULL);
    char number[32], says[128];
    if (at == NULL)
        return false;
    plan->named = true;
    long count = offline_count(low, 10, 20000);
    count = count < 1 ? 10 : count;
    bool one = offline_has(low, "th fibonacci|st fibonacci|nd fibonacci|rd fibonacci") ||
               strstr(low, "th fibonacci") || strstr(low, "st fibonacci") ||
               strstr(low, "nd fibonacci") || strstr(low, "rd fibonacci") ||
               offline_has(low, "fibonacci number");
    one = one && !offline_has(low, "fibonacci numbers|numbers|first|sequence|series") &&
          strpbrk(low, "0123456789") != NULL;
    snprintf(says, sizeof(says),
        one ? "I compute Fibonacci number %ld." : "I compute the first %ld Fibonacci numbers%s.",
        count, offline_drawn(low) ? " and plot them" : "");
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    if (s == NULL)
        return false;
    if (one)
        OFFLINE_TEMPLATE(&s->code, "fibonacci_term", {"place", text_of(number, count)});
    else
        OFFLINE_TEMPLATE(&s->code, "fibonacci", {"count", text_of(number, count)},
            {"plot", offline_drawn(low)}, {"save", offline_saved(low)});
    return true;
}

bool offline_factors(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    struct offline_number n[8];
    size_t count = offline_numbers(low, n, 8);
    bool asked =
        offline_has(low,
            "prime factor*|factorise|factorize|factorisation|factorization|factors of|divisors of") ||
        (offline_has(low, "prime") && offline_has(low, "is|isn't|check|test") && count == 1);
    if (!asked || count == 0 || n[count - 1].value < 0 || n[count - 1].value > 9e15 ||
        !n[count - 1].whole || strchr(low, 'x') == low)
        return false;
    char number[32];
    struct offline_step *s =
        offline_step(plan, OFFLINE_RUN, "I divide it by primes until nothing is left.");
    if (s != NULL)
        OFFLINE_TEMPLATE(
            &s->code, "factors", {"number", text_of(number, (long)n[count - 1].value)});
    plan->named = true;
    return s != NULL;
}

bool offline_primes(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    long from, to;
    char number[64], says[160];
    if (!offline_has(low, "prime|primes") || offline_has(low, "factor*|prime minister|amazon") ||
        (offline_has(low, "is|check") && !offline_has(low, "what|which|primes") &&
            !offline_has(low, "first")))
        return false;
    plan->named = true;
    bool first = offline_has(low, "first");
    if (!first && bounds(low, &from, &to, 10000000)) {
        snprintf(says, sizeof(says),
            "I find the primes between %ld and %ld with the sieve of Eratosthenes.", from, to);
        snprintf(number, sizeof(number), "%ld, %ld", from, to);
        struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
        if (s != NULL)
            OFFLINE_TEMPLATE(&s->code, "primes_between", {"bounds", number},
                {"plot", offline_drawn(low)}, {"save", offline_saved(low)});
        return s != NULL;
    }
    long count = offline_count(low, 10, 20000);
    count = count < 1 ? 10 : count;
    snprintf(says, sizeof(says), "I compute the first %ld prime numbers%s.", count,
        offline_drawn(low) ? " and plot them" : "");
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "first_primes", {"count", text_of(number, count)},
            {"plot", offline_drawn(low)}, {"save", offline_saved(low)});
    return s != NULL;
}

/* ---- numbers that are given -------------------------------------------------------------------------- */

static size_t given(const char *low, struct strbuf *list)
{
    struct offline_number n[GIVEN_MAX];
    size_t count = offline_numbers(low, n, GIVEN_MAX);
    strbuf_puts(list, "[");
    for (size_t i = 0; i < count; i++) {
        strbuf_puts(list, i > 0 ? ", " : "");
        offline_put_number(list, n[i].value);
    }
    strbuf_puts(list, "]");
    return count;
}

bool offline_statistics(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const struct {
        const char *words, *name;
    } asked[] = {{"median", "median"}, {"mode", "mode"},
        {"standard deviation|std|stdev|deviation", "standard deviation"}, {"variance", "variance"},
        {"range", "range"}, {"minimum|min|smallest|lowest", "minimum"},
        {"maximum|max|largest|highest|biggest", "maximum"}, {"mean|average|avg", "mean"},
        {"sum|total|add", "sum"}, {"statistics|stats|describe", "mean"}};
    const char *low = turn->text.low, *name = NULL, *last = NULL;
    long from, to;
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        const char *at = offline_find_last(low, asked[i].words, NULL);
        if (at != NULL &&
            (last == NULL || at > last)) { /* what is said last is meant: "and the median?" */
            last = at;
            name = asked[i].name;
        }
    }
    if (name == NULL || offline_has(low, "chart|plot|csv|excel|sample|by") ||
        strchr(low, '(') != NULL)
        return false;
    cleanup_strbuf struct strbuf list = STRBUF_INIT(OFFLINE_TEXT_MAX * 2);
    char says[128], quoted[40];
    size_t count = given(low, &list);
    if (count == 2 && bounds(low, &from, &to, 1000000) &&
        offline_has(low, "from|numbers|integers")) {
        strbuf_clear(&list);
        strbuf_printf(&list, "list(range(%ld, %ld))", from, to + 1);
    } else if (count < 2) {
        return false;
    }
    snprintf(
        says, sizeof(says), "I compute the %s of the numbers, and their other statistics.", name);
    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "statistics", {"numbers", list.data}, {"asked", quoted});
    plan->named = count >= 2;
    return s != NULL;
}

/* "banana, apple and cherry" as a Python list. */
static size_t listed(const struct offline_text *t, const char *from, struct strbuf *out)
{
    size_t n = 0;
    const char *at = t->clean + (from - t->low), *end = t->clean + t->length;
    while (end > at && strchr(" .?!", end[-1]) != NULL)
        end--;
    strbuf_puts(out, "[");
    while (at < end) {
        at += strspn(at, " ,;");
        if (strncmp(at, "and ", 4) == 0)
            at += 4;
        size_t length = strcspn(at, ",;");
        const char *and = memmem(at, length, " and ", 5);
        length = and != NULL ? (size_t)(and-at) : length;
        length = at + length > end ? (size_t)(end - at) : length;
        if (length == 0 || n == GIVEN_MAX)
            break;
        strbuf_puts(out, n++ > 0 ? ", " : "");
        offline_quote(out, at, length);
        at += length;
    }
    strbuf_puts(out, "]");
    return n;
}

bool offline_sort(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    size_t length;
    const char *at = offline_find(low, "sort|order|arrange|sorted", &length);
    if (at == NULL || at - low > 24)
        return false;
    cleanup_strbuf struct strbuf list = STRBUF_INIT(OFFLINE_TEXT_MAX * 2);
    size_t count = given(low, &list);
    if (count < 2) {
        const char *colon = strchr(at, ':'), *from = colon != NULL ? colon + 1 : at + length;
        const char *of = offline_find(from, "words|names|list|these", &length);
        from = of != NULL && of - from < 16 ? of + length : from;
        strbuf_clear(&list);
        if (strchr(from, ',') == NULL || listed(&turn->text, from, &list) < 2)
            return false;
    }
    bool down = offline_has(
        low, "descending|decreasing|reverse*|largest first|highest first|from high|desc");
    struct offline_step *s = offline_step(
        plan, OFFLINE_RUN, down ? "I sort the values, the largest first." : "I sort the values.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "sort_values", {"values", list.data},
            {"descending", down ? "True" : "False"});
    plan->named = true;
    return s != NULL;
}

/* ---- chance ---------------------------------------------------------------------------------------------- */

bool offline_random(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    bool dice = offline_has(low, "dice|die") && offline_has(low, "roll*|throw*|simulate*|random"),
         coin = offline_has(low, "coin|coins") &&
                offline_has(low, "flip*|toss*|throw*|simulate*|random"),
         numbers = offline_has(low, "random number*|random integer*|random whole number*");
    if ((!dice && !coin && !numbers) || offline_has(low, "csv|excel|chart|histogram|plot*"))
        return false;
    long from = numbers ? 1 : coin ? 0 : 1, to = numbers ? 100 : coin ? 1 : 6;
    bool ranged = numbers && bounds(low, &from, &to, 1000000000000);
    struct offline_number n[4];
    size_t found = offline_numbers(low, n, 4);
    const char *first = offline_find(low, "random|between|from", NULL);
    long count = found > 0 && (!ranged || n[0].at < first)
                     ? (long)n[0].value
                     : offline_count(low, numbers && !ranged ? 10 : 1, 100000);
    if (ranged && !(found > 0 && n[0].at < first))
        count = offline_has(low, "a random|one random|random number|random integer") &&
                        !offline_has(low, "numbers|integers")
                    ? 1
                    : 10;
    if (dice && strstr(low, "sided") != NULL && found > 0) {
        to = (long)n[found - 1].value;
        count = found > 1 ? (long)n[0].value : 1;
    }
    count = count < 1 ? 1 : count > 100000 ? 100000 : count;
    to = to < 2 && dice ? 6 : to;
    char times[32], range[80];
    snprintf(range, sizeof(range), "%ld, %ld", from, to);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN,
        coin   ? "I flip the coin."
        : dice ? "I roll the dice."
               : "I draw the numbers.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "random_numbers", {"count", text_of(times, count)},
            {"bounds", range}, {"coin", coin ? "" : NULL}, {"dice", dice && !coin ? "" : NULL},
            {"numbers", !coin && !dice ? "" : NULL});
    plan->named = true;
    return s != NULL;
}

bool offline_pi(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    char number[32];
    bool estimate =
        offline_has(low, "monte carlo") ||
        (offline_has(low, "estimate|approximate|simulate") && offline_has(low, "pi|\xcf\x80"));
    if (!estimate && !(offline_has(low, "pi|\xcf\x80") &&
                         offline_has(low, "digits|digit|decimals|decimal places|places")))
        return false;
    struct offline_step *s = offline_step(plan, OFFLINE_RUN,
        estimate ? "I throw random points at a square." : "I compute the digits of \xcf\x80.");
    long count = offline_count(low, estimate ? 1000000 : 50, estimate ? 5000000 : 10000);
    count = count < 1 ? 10 : count;
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, estimate ? "monte_carlo_pi" : "digits_of_pi",
            {"count", text_of(number, count)});
    plan->named = true;
    return s != NULL;
}
