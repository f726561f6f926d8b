/* money.c - interest, percentages, and units: word problems of one sentence. */
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

static void put(char out[64], double value)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT(60);
    offline_put_number(&b, value);
    snprintf(out, 64, "%s", strbuf_text(&b));
}

/* Is the number followed by one of `words`? */
static bool counts(const struct offline_number *n, const char *words)
{
    const char *at = n->end + strspn(n->end, " -%");
    return offline_find(at, words, NULL) == at;
}

bool offline_interest(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    bool loan = offline_has(low, "loan|mortgage|monthly payment|repayment|instal*"),
         simple = offline_has(low, "simple interest"),
         compound = !simple && (offline_has(low, "compound*|savings|grow*|invest*") ||
                                   offline_has(low, "interest"));
    struct offline_number n[16];
    size_t count = offline_numbers(low, n, 16);
    double principal = 0, rate = -1, years = 0, times = 1;
    if ((!loan && !compound && !simple) ||
        !(loan || offline_has(low, "interest|compound*|invest*")))
        return false;
    for (size_t i = 0; i < count; i++) { /* what is said last counts */
        if (n[i].percent)
            rate = n[i].value / 100;
        else if (counts(&n[i], "year*|yr*|annum"))
            years = n[i].value;
        else if (counts(&n[i], "month*"))
            years = n[i].value / 12;
        else if (!counts(&n[i], "times") && principal == 0)
            principal = n[i].value;
    }
    if (principal <= 0 || rate < 0 || years <= 0 || years > 1000)
        return false;
    times = offline_has(low, "monthly|every month|each month")           ? 12
            : offline_has(low, "quarterly")                              ? 4
            : offline_has(low, "daily")                                  ? 365
            : offline_has(low, "weekly")                                 ? 52
            : offline_has(low, "semi-annually|semiannually|half-yearly") ? 2
                                                                         : 1;
    char p[64], r[64], y[64], t[64];
    put(p, principal);
    put(r, rate);
    put(y, years);
    put(t, times);
    struct offline_step *s = offline_step(
        plan, OFFLINE_RUN, loan ? "I compute the loan's payments." : "I compute the interest.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "interest", {"principal", p}, {"rate", r}, {"years", y},
            {"times_a_year", t}, {"compound", !loan && !simple ? "" : NULL},
            {"simple", !loan && simple ? "" : NULL}, {"loan", loan ? "" : NULL});
    plan->named = true;
    return s != NULL;
}

bool offline_percent(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low, *kind = NULL;
    struct offline_number n[8];
    size_t count = offline_numbers(low, n, 8);
    if (count != 2)
        return false;
    double first = n[0].value, second = n[1].value;
    bool part = n[0].percent != n[1].percent;
    if (n[1].percent && !n[0].percent) {
        first = n[1].value;
        second = n[0].value;
    }
    if (part && offline_has(low, "tip|gratuity"))
        kind = "tip";
    else if (part && offline_has(low, "off|discount*|reduced|cheaper"))
        kind = "off";
    else if (part && n[0].percent && offline_has(low, "of"))
        kind = "of";
    else if (!n[0].percent && !n[1].percent &&
             offline_has(low, "what percent*|what % |percentage of|what percentage") && second != 0)
        kind = "what";
    const char *of = kind != NULL && kind[0] == 'w' ? offline_find(low, "of", NULL) : NULL;
    if (of != NULL && of < n[0].at && n[0].at - of < 5) { /* "what percent of 80 is 20" */
        first = n[1].value;
        second = n[0].value;
    } else if (
        !n[0].percent && !n[1].percent &&
        offline_has(low,
            "percent* change|percentage increase|percentage decrease|percent increase|percent decrease|percent* difference|% change") &&
        first != 0)
        kind = "change";
    if (kind == NULL || strpbrk(low, "+*/^(") != NULL)
        return false;
    char both[140], a[64], b[64];
    put(a, first);
    put(b, second);
    snprintf(both, sizeof(both), "%s, %s", a, b);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, "I compute the percentage.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "percent", {"numbers", both}, {kind, ""});
    plan->named = true;
    return s != NULL;
}

/* ---- units ---------------------------------------------------------------------------------------------- */

struct unit {
    const char *words, *name;
    enum { LENGTH, MASS, VOLUME, TIME, SPEED, AREA, DATA, TEMPERATURE, ENERGY } of;
    double factor, offset; /* in metres, kilograms …: value * factor + offset */
};
/* clang-format off */
static const struct unit units[] = {
    {"km|kilometer|kilometers|kilometre|kilometres", "kilometres", LENGTH, 1000, 0},
    {"mile|miles|mi", "miles", LENGTH, 1609.344, 0},
    {"m|meter|meters|metre|metres", "metres", LENGTH, 1, 0},
    {"cm|centimeter|centimeters|centimetre|centimetres", "centimetres", LENGTH, 0.01, 0},
    {"mm|millimeter|millimeters|millimetre|millimetres", "millimetres", LENGTH, 0.001, 0},
    {"foot|feet|ft", "feet", LENGTH, 0.3048, 0},
    {"inch|inches", "inches", LENGTH, 0.0254, 0},
    {"yard|yards|yd", "yards", LENGTH, 0.9144, 0},
    {"nautical mile|nautical miles|nmi", "nautical miles", LENGTH, 1852, 0},
    {"kg|kilogram|kilograms|kilo|kilos", "kilograms", MASS, 1, 0},
    {"g|gram|grams", "grams", MASS, 0.001, 0},
    {"lb|lbs|pound|pounds", "pounds", MASS, 0.45359237, 0},
    {"oz|ounce|ounces", "ounces", MASS, 0.028349523125, 0},
    {"ton|tons|tonne|tonnes", "tonnes", MASS, 1000, 0},
    {"stone|stones", "stone", MASS, 6.35029318, 0},
    {"l|liter|liters|litre|litres", "litres", VOLUME, 1, 0},
    {"ml|milliliter|milliliters|millilitre|millilitres", "millilitres", VOLUME, 0.001, 0},
    {"gallon|gallons|gal", "US gallons", VOLUME, 3.785411784, 0},
    {"cup|cups", "US cups", VOLUME, 0.2365882365, 0},
    {"pint|pints", "US pints", VOLUME, 0.473176473, 0},
    {"second|seconds|sec|secs", "seconds", TIME, 1, 0},
    {"minute|minutes|min|mins", "minutes", TIME, 60, 0},
    {"hour|hours|hr|hrs", "hours", TIME, 3600, 0},
    {"day|days", "days", TIME, 86400, 0},
    {"week|weeks", "weeks", TIME, 604800, 0},
    {"km/h|kmh|kph", "km/h", SPEED, 1 / 3.6, 0},
    {"mph|miles per hour", "miles per hour", SPEED, 0.44704, 0},
    {"m/s|metres per second|meters per second", "metres per second", SPEED, 1, 0},
    {"knot|knots", "knots", SPEED, 0.514444444444, 0},
    {"acre|acres", "acres", AREA, 4046.8564224, 0},
    {"hectare|hectares|ha", "hectares", AREA, 10000, 0},
    {"square meters|square metres|sqm|m2", "square metres", AREA, 1, 0},
    {"square feet|sq ft|sqft", "square feet", AREA, 0.09290304, 0},
    {"byte|bytes", "bytes", DATA, 1, 0},
    {"kb|kilobytes", "kilobytes", DATA, 1e3, 0},
    {"mb|megabytes", "megabytes", DATA, 1e6, 0},
    {"gb|gigabytes", "gigabytes", DATA, 1e9, 0},
    {"tb|terabytes", "terabytes", DATA, 1e12, 0},
    {"gib|gibibytes", "gibibytes", DATA, 1073741824, 0},
    {"mib|mebibytes", "mebibytes", DATA, 1048576, 0},
    {"celsius|c|degrees c|degrees celsius|\xc2\xb0""c", "degrees Celsius", TEMPERATURE, 1, 273.15},
    {"fahrenheit|f|degrees f|degrees fahrenheit|\xc2\xb0""f", "degrees Fahrenheit", TEMPERATURE, 5.0 / 9, 459.67 * 5 / 9},
    {"kelvin|k", "kelvin", TEMPERATURE, 1, 0},
    {"joule|joules", "joules", ENERGY, 1, 0},
    {"kwh|kilowatt hours", "kilowatt hours", ENERGY, 3.6e6, 0},
    {"calorie|calories|cal", "calories", ENERGY, 4.184, 0},
    {"kcal|kilocalories", "kilocalories", ENERGY, 4184, 0},
};
/* clang-format on */

/* The unit that stands at `at`. */
static const struct unit *unit_at(const char *at)
{
    const struct unit *best = NULL;
    size_t longest = 0, n;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (offline_find(at, units[i].words, &n) == at && n > longest) {
            best = &units[i];
            longest = n;
        }
    return best;
}

/* "1 foot", not "1 feet". */
static void singular(char out[64], const char *name, bool one)
{
    size_t n = strlen(name);
    snprintf(out, 64, "%s", name);
    if (!one)
        return;
    if (strcmp(name, "feet") == 0 || strcmp(name, "square feet") == 0)
        snprintf(out, 64, "%.*soot", (int)(n - 3), name);
    else if (strcmp(name, "inches") == 0)
        snprintf(out, 64, "inch");
    else if (n > 2 && name[n - 1] == 's' && strchr(name, '/') == NULL &&
             strncmp(name, "degrees", 7) != 0 && strstr(name, " per ") == NULL)
        out[n - 1] = 0;
}

bool offline_units(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    struct offline_number n[4];
    size_t count = offline_numbers(low, n, 4), length;
    const char *to = offline_find_last(low, "to|in|into|as|equal|=", &length);
    if (turn->text.length > 120 || to == NULL ||
        (count != 1 && !(count == 0 && offline_has(low, "how many"))))
        return false;
    const struct unit *source, *target;
    double amount = 1;
    if (offline_has(
            low, "how many")) { /* "how many feet are in a mile", "how many metres are 5 miles" */
        const char *many = offline_find(low, "how many", &length) + 8;
        const char *what = count == 1 ? n[0].end : to + 2;
        target = unit_at(many + strspn(many, " "));
        what += strspn(what, " ");
        if (strncmp(what, "a ", 2) == 0 || strncmp(what, "an ", 3) == 0 ||
            strncmp(what, "one ", 4) == 0)
            what = strchr(what, ' ') + 1;
        source = unit_at(what);
    } else {
        const char *unit = n[0].end + strspn(n[0].end, " ");
        target = unit_at(to + length + strspn(to + length, " "));
        source = unit_at(unit);
        if (to < unit)
            return false;
    }
    amount = count == 1 ? n[0].value : 1;
    if (source == NULL || target == NULL || source == target || source->of != target->of)
        return false;
    char value[64], factor[64], offset[64], names[160];
    put(value, amount);
    put(factor, source->factor / target->factor);
    put(offset, (source->offset - target->offset) / target->factor);
    char one[64];
    singular(one, source->name, amount == 1);
    snprintf(names, sizeof(names), "\"%s\", \"%s\"", one, target->name);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, "I convert it.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "convert_unit", {"amount", value}, {"factor", factor},
            {"offset", offset}, {"units", names});
    plan->named = true;
    return s != NULL;
}
