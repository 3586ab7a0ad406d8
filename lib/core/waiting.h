/* A line for somebody who sits at a terminal before a program that prints what comes: that it is ready, so
 * that silence is not taken for a hang. Thread-safe. */
#ifndef ROOMSTREAM_CORE_WAITING_H
#define ROOMSTREAM_CORE_WAITING_H

#include "text.h"

/* Writes "waiting for messages of TOPIC, TOPIC" to standard error where that is a terminal, once in the life
 * of the process. */
void waiting_tell(const struct text_list *topics);

#endif
