#include "prometheus.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>

void prometheus_head(FILE *out, enum prometheus_type type, const char *name, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void put_escaped(FILE *out, const char *value)
{
    for (; *value; value++)
        if (*value == '\n')
            fputs("\\n", out);
        else if (*value == '\\' || *value == '"')
            fprintf(out, "\\%c", *value);
        else
            fputc(*value, out);
}

/* 15 digits: counts stay whole, and 0.1 stays 0.1. */
static void put_value(FILE *out, double value)
{
    fprintf(out, " %.15g\n", value);
}

void prometheus_sample(FILE *out, const char *name, double value, ...)
{
    va_list labels;
    const char *label;
    bool any = false;
    fputs(name, out);
    va_start(labels, value);
    while ((label = va_arg(labels, const char *))) {
        fprintf(out, "%c%s=\"", any ? ',' : '{', label);
        put_escaped(out, va_arg(labels, const char *));
        fputc('"', out);
        any = true;
    }
    va_end(labels);
    if (any)
        fputc('}', out);
    put_value(out, value);
}

void prometheus_counter(FILE *out, const char *name, const char *help, double value)
{
    prometheus_head(out, PROMETHEUS_COUNTER, name, help);
    prometheus_sample(out, name, value, NULL);
}

void prometheus_gauge(FILE *out, const char *name, const char *help, double value)
{
    prometheus_head(out, PROMETHEUS_GAUGE, name, help);
    prometheus_sample(out, name, value, NULL);
}

void prometheus_build_info(FILE *out, const char *name, const char *librdkafka)
{
    prometheus_head(out, PROMETHEUS_GAUGE, name, "Versions of the program and of librdkafka.");
    prometheus_sample(out, name, 1, "version", ROOMSTREAM_VERSION, "librdkafka", librdkafka, NULL);
}

void prometheus_histogram(FILE *out, const char *name, const char *help, const double *bounds,
                          const uint64_t *buckets, size_t count, double sum)
{
    uint64_t below = 0;
    prometheus_head(out, PROMETHEUS_HISTOGRAM, name, help);
    for (size_t i = 0; i <= count; i++) {
        below += buckets[i];
        if (i < count)
            fprintf(out, "%s_bucket{le=\"%.15g\"} %" PRIu64 "\n", name, bounds[i], below);
        else
            fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, below);
    }
    fprintf(out, "%s_sum %.15g\n%s_count %" PRIu64 "\n", name, sum, name, below);
}
