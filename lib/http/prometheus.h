/* Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats), written to a stream. A
 * metric is a head and then its samples. The caller must use valid names (promtool check metrics). */
#ifndef ROOMSTREAM_HTTP_PROMETHEUS_H
#define ROOMSTREAM_HTTP_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum prometheus_type { PROMETHEUS_COUNTER, PROMETHEUS_GAUGE, PROMETHEUS_HISTOGRAM };

/* The lines before a metric's samples. `help` is one line of plain text. */
void prometheus_head(FILE *out, enum prometheus_type type, const char *name, const char *help);

/* A sample with labels: pairs of name and value, then NULL. Values of any content are escaped. */
void prometheus_sample(FILE *out, const char *name, double value, ...) __attribute__((sentinel));

/* Head and sample of a metric without labels. */
void prometheus_counter(FILE *out, const char *name, const char *help, double value);
void prometheus_gauge(FILE *out, const char *name, const char *help, double value);

/* The gauge NAME with the versions of the program and of librdkafka as labels. */
void prometheus_build_info(FILE *out, const char *name, const char *librdkafka);

/* A histogram without labels: `count` bounds in ascending order, and count + 1 buckets, not cumulative, the
 * last one for values above all bounds. */
void prometheus_histogram(FILE *out, const char *name, const char *help, const double *bounds,
                          const uint64_t *buckets, size_t count, double sum);

/* The standard metrics of a process (process_cpu_seconds_total and so on), from /proc/self. What cannot be
 * read is left out. */
void prometheus_process(FILE *out);

#endif
