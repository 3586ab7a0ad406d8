/* Files that systemd shows to a service as credentials (systemd.exec(5), LoadCredential): a program reads
 * $CREDENTIALS_DIRECTORY/NAME, where the user has written another file. Any thread. */
#ifndef ROOMSTREAM_CORE_CREDENTIAL_H
#define ROOMSTREAM_CORE_CREDENTIAL_H

#include <stddef.h>

/* Copies a text for the user, with the folder that the files came from, $ROOMSTREAM_CREDENTIALS_FROM (set by
 * our unit), in place of the credentials' folder. Where either variable is not set the text stays as it is.
 * Cut to size - 1 bytes. */
void credential_show_source(const char *text, char *shown, size_t size);

#endif
