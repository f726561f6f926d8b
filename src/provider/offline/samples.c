/* samples.c - files of sample data: CSV, Excel, JSON. */
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

bool offline_sample(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const struct {
        const char *words, *template, *flag, *name;
        long rows;
    } subjects[] = {
        {"customer*|client*", "sample_people", "customers", "customers", 100},
        {"employee*|staff|hr", "sample_people", "employees", "employees", 60},
        {"student*|grade*|school|exam*", "sample_people", "students", "students", 60},
        {"people|person*|users|contacts", "sample_people", "customers", "people", 100},
        {"weather|temperature*|climate", "sample_weather", NULL, "weather", 365},
        {"product*|inventory|stock|catalog*", "sample_products", NULL, "products", 50},
        {"sales|order*|revenue|transaction*|purchase*", "sample_sales", NULL, "sales", 100},
    };
    const char *low = turn->text.low;
    bool csv = offline_has(low, "csv"), json = offline_has(low, "json"),
         excel = offline_has(low, "excel|xlsx|spreadsheet|workbook");
    bool make = offline_has(low,
        "create|make|generate|write|produce|build|give|save|prepare|export|need|want|sample|dummy|fake|random|example");
    if (!make ||
        !(csv || json || excel ||
            (offline_has(low, "sample|dummy|fake|example|random|generate") &&
                offline_has(low, "data|dataset|records"))) ||
        offline_has(
            low, "convert|chart|plot*|analy*|histogram*|scatter*|heat map*|heatmap*|graph*"))
        return false;
    const char *template = "sample_numbers", *flag = NULL, *name = "data", *first = NULL;
    long rows = 100;
    for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects);
         i++) { /* what is named first: "sales data by customer" */
        const char *at = offline_find(low, subjects[i].words, NULL);
        if (at != NULL && (first == NULL || at < first)) {
            first = at;
            template = subjects[i].template;
            flag = subjects[i].flag;
            name = subjects[i].name;
            rows = subjects[i].rows;
        }
    }
    rows = offline_count(low, rows, 200000);
    rows = rows < 1 ? 1 : rows;
    const char *ending = excel ? "xlsx" : json ? "json" : "csv";
    char count[32], path[64], says[160];
    snprintf(count, sizeof(count), "%ld", rows);
    snprintf(path, sizeof(path), "\"sample_%s.%s\"", name, ending);
    snprintf(says, sizeof(says), "I make %ld rows of sample data and save them as %s.", rows,
        excel  ? "an Excel file"
        : json ? "JSON"
               : "CSV");
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    if (s != NULL) {
        OFFLINE_TEMPLATE(&s->code, template, {"count", count}, {flag != NULL ? flag : "all", ""});
        strbuf_puts(&s->code, "\n");
        OFFLINE_TEMPLATE(&s->code, "save_rows", {"path", path}, {ending, ""});
    }
    plan->named = true;
    return s != NULL;
}
