/* /status: a snapshot as JSON. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_STATUS_PAGE_H
#define ROOMSTREAM_BRIDGE_SEEN_STATUS_PAGE_H

#include "snapshot.h"

#include <stdio.h>

void status_page_write(const struct snapshot *snapshot, FILE *out);

#endif
