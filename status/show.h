/* Asks the bridges and shows their answers, once or repeatedly. */
#ifndef ROOMSTREAM_STATUS_SHOW_H
#define ROOMSTREAM_STATUS_SHOW_H

#include "settings.h"
#include "targets.h"

/* Once, or with settings->every until stopped (stop.h). Returns the exit status: were all well when last
 * asked? */
int show(const struct status_settings *settings, const struct targets *targets);

#endif
