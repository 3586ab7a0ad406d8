/* What a command for tokens prints. Pure functions. */
#ifndef ROOMSTREAM_KAFKA_TOKEN_TEXT_H
#define ROOMSTREAM_KAFKA_TOKEN_TEXT_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct token {
    char *value;         /* points into the text that it was read from */
    int64_t expiry;      /* ms since 1970 */
    char principal[256]; /* the JWT's subject, or "" */
};

/* Reads a token from the text, which is changed: a JWT (RFC 7519) alone, with the claim exp; or a JSON object
 * as of RFC 6749 section 5.1, with access_token, and expires_in in seconds, or else a JWT as its
 * access_token. Blanks around it do not matter. `now` in ms since 1970. False with *error, which has nothing
 * of the text: it may be a secret. */
bool token_read(char *text, int64_t now, struct token *token, struct error *error);

#endif
