/* charts.c - charts of numbers that stand in the message, or of sample data labelled as such. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

enum { BARS_MAX = 40 };

struct kind {
    const char *words, *flag, *name;
    bool points; /* drawn by chart_points */
};
static const struct kind kinds[] = {
    {"pie|donut|doughnut", "pie", "pie chart", false},
    {"horizontal bar*|barh", "barh", "bar chart", false},
    {"line chart*|line graph*|line plot*|line|time series|trend*", "line", "line chart", false},
    {"area chart|area plot|area", "area", "area chart", false},
    {"scatter*", "scatter", "scatter plot", true},
    {"histogram*|distribution", "histogram", "histogram", true},
    {"box plot*|boxplot*|box-plot*|box chart|whisker*", "box", "box plot", true},
    {"heat map*|heatmap*|heat-map*", "heatmap", "heat map", true},
    {"surface*|3d|3-d|three-dimensional", "surface", "3-D surface", true},
    {"bar*|column chart|columns|histograms?|chart*|graph*|plot*|diagram*|visuali*", "bar",
        "bar chart", false},
};

/* What is counted, and between which numbers made-up ones lie. */
static const struct measure {
    const char *words, *name, *unit;
    double low, high;
    bool share;
} measures[] = {
    {"market share*|share*|percentage*|proportion*", "Share", "%", 5, 40, true},
    {"revenue*|turnover|income", "Revenue", " k", 40, 130, false},
    {"sales", "Sales", "", 40, 130, false},
    {"profit*|earnings", "Profit", " k", 8, 40, false},
    {"expense*|cost*|spending|budget*", "Expenses", " k", 20, 90, false},
    {"temperature*", "Temperature", " °C", 2, 26, false},
    {"rain*|precipitation", "Rain", " mm", 20, 110, false},
    {"visitor*|visits|traffic|users|customers", "Visitors", "", 800, 4200, false},
    {"population*", "Population", " M", 5, 85, false},
    {"score*|grade*|marks", "Score", "", 55, 98, false},
    {"price*|stock*", "Price", "", 90, 160, false},
    {"employee*|staff|headcount", "Employees", "", 12, 90, false},
    {"vote*|survey|responses|poll", "Votes", "", 60, 420, false},
    {"popularity", "Popularity", "%", 4, 32, true},
};
/* What it is counted for. */
static const struct dimension {
    const char *words, *name;
    const char *labels[13];
} dimensions[] = {
    {"quarter*|quarterly", "quarter", {"Q1", "Q2", "Q3", "Q4"}},
    {"month*|monthly|over time|time", "month",
        {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}},
    {"weekday*|day*|daily|week", "day", {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}},
    {"year*|annual*|yearly", "year", {"2018", "2019", "2020", "2021", "2022", "2023", "2024"}},
    {"region*", "region", {"North", "South", "East", "West"}},
    {"country|countries|nation*", "country",
        {"Austria", "Belgium", "Chile", "Denmark", "Estonia", "Finland"}},
    {"city|cities", "city", {"Berlin", "Lyon", "Porto", "Turin", "Ghent", "Graz"}},
    {"product*|item*", "product", {"Laptop", "Phone", "Tablet", "Monitor", "Headphones"}},
    {"department*|team*", "department",
        {"Sales", "Engineering", "Support", "Finance", "Marketing"}},
    {"age|age group*", "age group", {"18–24", "25–34", "35–44", "45–54", "55–64", "65+"}},
    {"company|companies|vendor*|brand*|competitor*", "company",
        {"Alpha", "Beta", "Gamma", "Delta", "Others"}},
    {"language*", "language", {"Python", "JavaScript", "C", "Java", "Go", "Rust"}},
    {"fruit*", "fruit", {"Apples", "Bananas", "Cherries", "Oranges", "Pears"}},
    {"browser*", "browser", {"Chrome", "Safari", "Firefox", "Edge", "Others"}},
    {"subject*|course*", "subject", {"Mathematics", "Physics", "History", "Art", "Sport"}},
    {"categor*|type*|group*", "category", {"A", "B", "C", "D", "E"}},
};

static const struct kind *kind_of(const char *low)
{
    const struct kind *best = NULL, *plain = &kinds[sizeof(kinds) / sizeof(*kinds) - 1];
    const char *last = NULL;
    for (size_t i = 0; i + 1 < sizeof(kinds) / sizeof(*kinds); i++) {
        const char *at = offline_find_last(low, kinds[i].words, NULL);
        if (at != NULL && (last == NULL || at > last)) { /* "a bar chart … now as a pie chart" */
            last = at;
            best = &kinds[i];
        }
    }
    const char *bar = offline_find_last(low, "bar|bars|column chart", NULL);
    if (bar != NULL && (last == NULL || bar > last) &&
        !(best != NULL && strcmp(best->flag, "barh") == 0))
        return plain;
    return best != NULL ? best : offline_has(low, plain->words) ? plain : NULL;
}

/* ---- numbers of the message ------------------------------------------------------------------------ */

struct given {
    struct strbuf labels, values;
    size_t n;
    bool percent, named;
};

/* The label before a number: the words back to the last separator, without what introduces a list. */
static size_t label_of(
    const char *clean, const char *low, const char *from, const char *at, const char **ret)
{
    static const char introduces[] =
        "of|for|with|showing|where|values|data|is|are|has|have|and|the|as|from|using|these|numbers|sold|got|had|chart|plot|following";
    const char *end = at;
    while (end > from && strchr(" :=(-$\xe2\x82\xac", end[-1]) != NULL)
        end--;
    const char *begin = end;
    while (begin > from && strchr(",;:\n", begin[-1]) == NULL)
        begin--;
    const char *cut;
    size_t n;
    while ((cut = offline_find(begin, introduces, &n)) != NULL && cut + n <= end)
        begin = cut + n;
    begin += strspn(begin, " \"'");
    if (begin > end)
        begin = end;
    *ret = clean + (begin - low);
    return (size_t)(end - begin);
}

/* "A: 40, B: 35 and C 25", or plain numbers after a colon or "of". */
static void given_find(const struct offline_text *t, struct given *g)
{
    struct offline_number n[BARS_MAX];
    size_t count = offline_numbers(t->low, n, BARS_MAX), labelled = 0;
    const char *from = t->low;
    for (size_t i = 0; i < count; i++) {
        const char *label;
        size_t length = label_of(t->clean, t->low, from, n[i].at, &label);
        labelled += length > 0 && length < 40;
        from = n[i].end;
    }
    if (count < 2)
        return;
    g->named = labelled == count;
    const char *list = strpbrk(t->low, ":[");
    if (!g->named && (labelled > 1 || list == NULL || list > n[0].at) &&
        !offline_has(t->low, "of|with|numbers|values|data"))
        return;
    if (!g->named && labelled > 1)
        return;
    from = t->low;
    for (size_t i = 0; i < count; i++) {
        const char *label;
        char place[24];
        size_t length = label_of(t->clean, t->low, from, n[i].at, &label);
        if (!g->named) {
            length = (size_t)snprintf(place, sizeof(place), "%zu", i + 1);
            label = place;
        }
        strbuf_puts(&g->labels, i > 0 ? ", " : "");
        offline_quote(&g->labels, label, length);
        strbuf_puts(&g->values, i > 0 ? ", " : "");
        offline_put_number(&g->values, n[i].value);
        g->percent |= n[i].percent;
        from = n[i].end + (n[i].end[0] == '%');
    }
    g->n = count;
}

/* ---- sample numbers --------------------------------------------------------------------------------------- */

/* The same for the same words, and different for others. */
static double made_up(const char *seed, size_t i, double low, double high)
{
    uint32_t h = 2166136261u;
    for (; *seed != 0; seed++)
        h = (h ^ (unsigned char)*seed) * 16777619u;
    h = (h ^ (uint32_t)(i * 2654435761u)) * 2246822519u;
    h ^= h >> 15;
    h *= 3266489917u;
    h ^= h >> 13;
    return low + (high - low) * (double)(h % 1000) / 999;
}

static void sample_put(
    const struct measure *m, const struct dimension *d, size_t most, struct given *g)
{
    double values[13], sum = 0;
    size_t n = 0;
    bool time = d <= &dimensions[3];
    while (n < 13 && d->labels[n] != NULL && n < most)
        n++;
    for (size_t i = 0; i < n; i++) {
        values[i] = made_up(d->name, i + strlen(m->name), m->low, m->high);
        if (time && !m->share) { /* neighbours are alike, and a year has a shape */
            double middle = (m->low + m->high) / 2, reach = (m->high - m->low) / 2;
            double shape = strcmp(d->name, "month") == 0
                               ? -cos(2 * M_PI * ((double)i + 0.5 - 1) / 12)
                               : 2.0 * (double)i / (double)(n - 1) - 1;
            values[i] = middle + reach * 0.75 * shape + (values[i] - middle) * 0.25;
        }
        sum += values[i];
    }
    double whole = 0;
    for (size_t i = 0; i < n; i++) {
        double value = m->share       ? i + 1 < n ? round(100 * values[i] / sum) : 100 - whole
                       : m->high < 30 ? round(values[i] * 10) / 10
                                      : round(values[i]);
        whole += value;
        strbuf_puts(&g->labels, i > 0 ? ", " : "");
        offline_quote(&g->labels, d->labels[i], strlen(d->labels[i]));
        strbuf_puts(&g->values, i > 0 ? ", " : "");
        offline_put_number(&g->values, value);
    }
    g->n = n;
    g->percent = m->share;
}

static void write_bars(
    const struct offline_text *t, const struct kind *k, struct offline_plan *plan)
{
    static const struct measure anything = {"", "Value", "", 10, 90, false};
    const struct measure *m = &anything;
    const struct dimension *d = NULL;
    const char *low = t->low, *last = NULL;
    bool subject = false;
    for (size_t i = 0; i < sizeof(measures) / sizeof(*measures) && m == &anything; i++)
        if (offline_has(low, measures[i].words))
            m = &measures[i];
    for (size_t i = 0; i < sizeof(dimensions) / sizeof(*dimensions); i++) {
        const char *at = offline_find_last(low, dimensions[i].words, NULL);
        if (at != NULL && (last == NULL || at > last)) {
            last = at;
            d = &dimensions[i];
        }
    }
    subject = m != &anything || d != NULL;
    if (d == NULL)
        d = m->share                                                       ? &dimensions[10]
            : strcmp(k->flag, "line") == 0 || strcmp(k->flag, "area") == 0 ? &dimensions[1]
            : m->name[0] == 'S' || m->name[0] == 'R' || m->name[0] == 'P'  ? &dimensions[0]
                                                                           : &dimensions[15];
    struct given g = {
        .labels = STRBUF_INIT(OFFLINE_TEXT_MAX), .values = STRBUF_INIT(OFFLINE_TEXT_MAX)};
    strbuf_puts(&g.labels, "[");
    strbuf_puts(&g.values, "[");
    given_find(t, &g);
    bool sample = g.n == 0;
    if (sample)
        sample_put(m, d,
            (size_t)(offline_has(low, "categories|slices|bars|values|points")
                         ? offline_count(low, 13, 13)
                         : 13),
            &g);
    strbuf_puts(&g.labels, "]");
    strbuf_puts(&g.values, "]");
    char title[160], unit[32], says[200];
    snprintf(title, sizeof(title),
        sample    ? "\"%s by %s (sample data)\""
        : subject ? "\"%s\""
                  : "\"The numbers given\"",
        m != &anything ? m->name : "Values", d->name);
    snprintf(unit, sizeof(unit), "\"%s\"", g.percent ? "%" : sample ? m->unit : "");
    snprintf(says, sizeof(says),
        sample ? "I draw a%s %s of made-up numbers, since no data is attached."
               : "I draw a%s %s of your numbers.",
        k->name[0] == 'a' ? "n" : "", k->name);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    char file[64];
    snprintf(
        file, sizeof(file), "\"%s_chart.png\"", strcmp(k->flag, "barh") == 0 ? "bar" : k->flag);
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "chart", {"save", offline_saved(t->low)},
            {"labels", strbuf_text(&g.labels)}, {"values", strbuf_text(&g.values)},
            {"title", title}, {"unit", unit}, {k->flag, ""}, {"sample", sample ? "" : NULL},
            {"path", file});
    plan->named = subject || !sample;
    strbuf_deinit(&g.labels);
    strbuf_deinit(&g.values);
}

static void write_points(
    const struct offline_text *t, const struct kind *k, struct offline_plan *plan)
{
    struct offline_number n[400];
    size_t count = strcmp(k->flag, "histogram") == 0 ? offline_numbers(t->low, n, 400) : 0;
    cleanup_strbuf struct strbuf values = STRBUF_INIT(OFFLINE_TEXT_MAX * 2),
                                 z = STRBUF_INIT(OFFLINE_TEXT_MAX);
    bool given = count >= 5;
    strbuf_puts(&values, "np.array([");
    for (size_t i = 0; given && i < count; i++) {
        strbuf_puts(&values, i > 0 ? ", " : "");
        offline_put_number(&values, n[i].value);
    }
    strbuf_puts(&values, "])");
    struct offline_expression x;
    offline_expression_init(&x);
    if (strcmp(k->flag, "surface") == 0) /* "surface of x^2 - y^2" */
        for (const char *at = t->low; *at != 0 && z.length == 0; at++)
            if ((at == t->low || at[-1] == ' ') &&
                offline_expression(at, FLAVOUR_NUMPY, "xy", &x) > 2 && strlen(x.variables) == 2)
                strbuf_puts(&z, x.python.data);
    char title[160], file[64], says[160];
    snprintf(title, sizeof(title), "\"%s%s\"",
        strcmp(k->flag, "surface") == 0   ? (z.length > 0 ? "z = " : "z = sin(√(x² + y²))")
        : given                           ? "The numbers given"
        : strcmp(k->flag, "heatmap") == 0 ? "Visitors by hour and day (sample data)"
                                          : "Sample data",
        z.length > 0 && z.length < 100 ? strbuf_text(&x.written) : "");
    snprintf(file, sizeof(file), "\"%s.png\"", k->flag);
    snprintf(says, sizeof(says),
        given || z.length > 0 || strcmp(k->flag, "surface") == 0
            ? "I draw a %s."
            : "I draw a %s of made-up data, since none is attached.",
        k->name);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "chart_points", {"save", offline_saved(t->low)},
            {"values", given ? values.data : NULL}, {"given", given ? "" : NULL}, {"title", title},
            {k->flag, ""}, {"z", z.length > 0 ? strbuf_text(&z) : NULL}, {"path", file});
    plan->named = true;
    offline_expression_deinit(&x);
}

bool offline_chart(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    const struct kind *k = kind_of(low);
    if (k == NULL ||
        offline_has(low,
            "csv file|this file|the file|this dataset|the dataset|my data|this data|the data from|attached"))
        return false;
    bool plain = k == &kinds[sizeof(kinds) / sizeof(*kinds) - 1];
    if (plain && !offline_has(low, "bar|bars|chart|charts|diagram|graph") &&
        !offline_has(low, "sample|example|random"))
        return false; /* "plot the bitcoin price" is more than we have */
    if (k->points)
        write_points(&turn->text, k, plan);
    else
        write_bars(&turn->text, k, plan);
    return plan->n > 0;
}
