/* Asks the bridges and shows what they say, once or again and again. */
#ifndef ROOMSTREAM_STATUS_SHOW_H
#define ROOMSTREAM_STATUS_SHOW_H

#include "settings.h"
#include "targets.h"

/* Once, or with settings->every until stopped (stop.h). Returns the exit status: whether all was well when it
 * was last asked. */
int show(const struct status_settings *settings, const struct targets *targets);

#endif
