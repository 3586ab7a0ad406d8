/* /metrics: a snapshot as Prometheus metrics. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_METRICS_PAGE_H
#define ROOMSTREAM_BRIDGE_SEEN_METRICS_PAGE_H

#include "snapshot.h"

#include <stdio.h>

void metrics_page_write(const struct snapshot *snapshot, FILE *out);

#endif
