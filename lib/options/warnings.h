/* What the sources of the options have that is not an error, but worth a warning. The options are read before
 * it is known how to log: what is noted meanwhile is logged after log_init. Main thread. */
#ifndef ROOMSTREAM_OPTIONS_WARNINGS_H
#define ROOMSTREAM_OPTIONS_WARNINGS_H

#include <stdbool.h>

/* Notes that others than the owner may write the file, or, where it holds a secret, that all may read it. A
 * pipe, a device or a file that is not there is no reason. */
void options_check_rights(const char *path, bool secret);

/* True, and noted, where the variable is one that Kubernetes and Docker set for a service of that name
 * (MQTT_PORT=tcp://10.0.0.1:1883 for one that is called mqtt): nobody has meant an option with it. */
bool options_is_service_link(const char *variable, const char *value);

/* Logs what was noted since the last call. */
void options_log_warnings(void);

/* Forgets it. */
void options_forget_warnings(void);

#endif
