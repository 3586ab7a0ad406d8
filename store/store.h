/* The program store: its parts put together. */
#ifndef ROOMSTREAM_STORE_STORE_H
#define ROOMSTREAM_STORE_STORE_H

#include "settings.h"

/* Runs until it is asked to stop (core/stop.h). Returns the exit status. */
int store_run(struct store_settings *settings);

#endif
