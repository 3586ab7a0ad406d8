/* PEM texts (RFC 7468) in a value of a properties file, where their lines are often joined. */
#ifndef ROOMSTREAM_KAFKA_PEM_H
#define ROOMSTREAM_KAFKA_PEM_H

#include <stddef.h>

/* A copy of the blocks in text, in lines as OpenSSL needs them, whatever blanks separate them in the text.
 * What is outside of blocks is left out. *count is their number. The caller frees it (rd_kafka_conf_set
 * copies). NULL for a text without a whole block. Aborts when memory is exhausted. */
char *pem_lines(const char *text, size_t *count);

#endif
