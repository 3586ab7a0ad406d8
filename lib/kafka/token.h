/* Inside lib/kafka: logins by token (SASL OAUTHBEARER, RFC 7628), from a command that is run when one is due.
 * librdkafka asks for another when four fifths of a token's time are over, and again ten seconds after a
 * failure. The command runs on librdkafka's background thread, which nothing else waits for. */
#ifndef ROOMSTREAM_KAFKA_TOKEN_H
#define ROOMSTREAM_KAFKA_TOKEN_H

#include "settings.h"

#include "core/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* The client that is made of conf gets its tokens from settings->token_command; without one nothing changes.
 * After the user's properties are set, on the main thread; one command a process. False with *error: the
 * command is not a command, or the properties are for another way to log in. */
bool kafka_token_use(rd_kafka_conf_t *conf, const struct kafka_settings *settings, struct error *error);

/* After rd_kafka_new, of whatever client. */
void kafka_token_begin(rd_kafka_t *rk);

/* Before rd_kafka_destroy, which waits for a command that runs: kills it. */
void kafka_token_end(rd_kafka_t *rk);

#endif
