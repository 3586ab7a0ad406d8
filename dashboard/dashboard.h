/* The dashboard as a whole: opens all of it, runs until stopping is asked for (stop.h), closes. */
#ifndef ROOMSTREAM_DASHBOARD_DASHBOARD_H
#define ROOMSTREAM_DASHBOARD_DASHBOARD_H

#include "settings.h"

/* Returns the exit status. */
int dashboard_run(const struct dashboard_settings *settings);

#endif
