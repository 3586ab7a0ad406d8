/* What the dashboard serves over HTTP: the page, its files, its stream of events, and what it tells of
 * itself. The main thread alone calls these functions; requests are answered on the HTTP server's thread.
 *
 * Lifecycle: server_open -> server_tick, again and again -> server_close. */
#ifndef ROOMSTREAM_DASHBOARD_SERVER_H
#define ROOMSTREAM_DASHBOARD_SERVER_H

#include "feed.h"
#include "programs.h"
#include "room.h"
#include "settings.h"

struct server;

struct server_sources {
    const struct dashboard_settings *settings;
    struct room *room;
    struct feed *feed;
    struct programs *programs;
};

/* Begins to serve at settings->address. The sources outlive the server. NULL with *error. */
struct server *server_open(const struct server_sources *sources, struct error *error);

/* Sends the pages what is new. Call it at least once a second. */
void server_tick(struct server *server);

/* NULL is allowed. */
void server_close(struct server *server);

#endif
