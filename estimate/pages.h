/* What estimate shows of itself over HTTP: /metrics, /healthz, /readyz and /status. The main thread alone
 * calls these functions; requests are answered on the HTTP server's thread, from a copy of the figures. */
#ifndef ROOMSTREAM_ESTIMATE_PAGES_H
#define ROOMSTREAM_ESTIMATE_PAGES_H

#include "figures.h"
#include "settings.h"

struct pages;

/* Begins to serve at settings->http.address, and announces that. The settings outlive the pages. NULL with
 * *error. */
struct pages *pages_open(const struct estimate_settings *settings, struct error *error);

/* Takes over the figures; that it is called shows that the main thread moves. NULL is allowed. */
void pages_show(struct pages *pages, const struct figures *figures);

/* NULL is allowed. */
void pages_close(struct pages *pages);

#endif
