/* The program as it runs: from the topics of the sensors to the topic of the estimates. */
#ifndef ROOMSTREAM_ESTIMATE_ESTIMATOR_H
#define ROOMSTREAM_ESTIMATE_ESTIMATOR_H

#include "settings.h"

/* Runs until it is asked to stop. Returns the exit status. */
int estimator_run(struct estimate_settings *settings);

#endif
