#include "token.h"

#include "core/clock.h"
#include "core/log.h"
#include "token_command.h"
#include "token_text.h"

#include <stdlib.h>
#include <string.h>

/* One for the process, set once: librdkafka's callback has only what the program itself wants of it. */
static struct {
    char **words; /* NULL: none */
    int64_t limit;
} source;

static bool get_token(rd_kafka_t *rk, struct error *error)
{
    char reason[512];
    struct token token;
    char *text = token_run(source.words, source.limit, rk, error);
    bool ok = text && token_read(text, clock_realtime() / MILLISECOND, &token, error);
    rd_kafka_resp_err_t err =
        ok ? rd_kafka_oauthbearer_set_token(rk, token.value, token.expiry,
                                            *token.principal ? token.principal : "roomstream", NULL, 0,
                                            reason, sizeof reason)
           : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (err)
        /* librdkafka's reason may quote the token. */
        ok = error_set(error, "librdkafka does not take the token (%s): has it expired just now?",
                       rd_kafka_err2str(err));
    if (ok)
        log_debug(kafka_token, "a token that holds for %lld s",
                  (long long)((token.expiry - clock_realtime() / MILLISECOND) / 1000));
    token_free(text);
    return ok;
}

static void on_due(rd_kafka_t *rk, const char *config, void *opaque)
{
    static struct log_limit failures = {.interval = 30 * SECOND};
    struct error error;
    (void)config, (void)opaque;
    if (get_token(rk, &error))
        return;
    log_limited(&failures, LOG_LEVEL_WARNING, kafka_token_failed, LOG_FIELDS(LOG_TEXT("reason", error.text)),
                "no token for Kafka from --token-command: %s; trying again in ten seconds", error.text);
    rd_kafka_oauthbearer_set_token_failure(rk, error.text);
}

static bool property_is(const rd_kafka_conf_t *conf, const char *name, const char *start)
{
    char value[256] = "";
    size_t size = sizeof value;
    return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK &&
           strncasecmp(value, start, strlen(start)) == 0;
}

bool kafka_token_use(rd_kafka_conf_t *conf, const struct kafka_settings *settings, struct error *error)
{
    struct error reason;
    if (!settings->token_command)
        return true;
    if (!property_is(conf, "sasl.mechanisms", "OAUTHBEARER"))
        return error_set(error, "--token-command is for sasl.mechanism=OAUTHBEARER, not another one");
    if (!property_is(conf, "security.protocol", "sasl_"))
        return error_set(
            error, "--token-command needs security.protocol=SASL_SSL (or SASL_PLAINTEXT, where the network "
                   "is trusted: a token is as good as a password)");
    if (!source.words) {
        /* The command may have a secret. */
        source.limit = settings->token_timeout;
        source.words = token_words(settings->token_command, &reason);
    }
    if (!source.words)
        return error_set(error, "--token-command (%.*s ...): %s",
                         (int)strcspn(settings->token_command, " \t\n'\""), settings->token_command,
                         reason.text);
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_due);
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    return true;
}

void kafka_token_begin(rd_kafka_t *rk)
{
    if (!source.words)
        return;
    rd_kafka_error_t *failure = rd_kafka_sasl_background_callbacks_enable(rk);
    if (!failure)
        return;
    log_warning(kafka_token_failed, "no tokens can be had: %s", rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
}

void kafka_token_end(rd_kafka_t *rk)
{
    token_kill(rk);
}
