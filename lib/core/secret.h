/* Passwords in files, kept out of command lines and logs. */
#ifndef ROOMSTREAM_CORE_SECRET_H
#define ROOMSTREAM_CORE_SECRET_H

#include "error.h"

/* The first line of the file, without its end; free it with secret_free. NULL with *error, which names the
 * file. */
char *secret_read(const char *path, struct error *error);

/* Overwrites the secret, then frees it. NULL is allowed. */
void secret_free(char *secret);

#endif
