#include "token_text.h"

#include "core/text.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool is_jwt(const char *text)
{
    for (int part = 0; part < 3; part++) {
        size_t length = strspn(text, base64url);
        if (length == 0 || text[length] != (part < 2 ? '.' : '\0'))
            return false;
        text += length + 1;
    }
    return true;
}

/* The claims of a JWT, or NULL. */
static json_t *read_claims(const char *jwt)
{
    const char *claims = strchr(jwt, '.') + 1;
    size_t length = strcspn(claims, "."), padded = (length + 3) / 4 * 4;
    char *text = malloc(padded + 1);
    unsigned char *bytes = malloc(padded);
    json_t *object = NULL;
    if (text && bytes) {
        memset(text, '=', padded);
        text[padded] = '\0';
        for (size_t i = 0; i < length; i++)
            text[i] = claims[i] == '-' ? '+' : claims[i] == '_' ? '/' : claims[i];
        /* What OpenSSL makes of the padding are zeros. */
        int count = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)padded);
        size_t size = count < 0 ? 0 : (size_t)count - (padded - length);
        object = json_loadb((const char *)bytes, size, 0, NULL);
    }
    free(text);
    free(bytes);
    return object;
}

static bool set_expiry(struct token *token, double ms, int64_t now, struct error *error)
{
    if (!(ms > 0 && ms < 1e15))
        return error_set(error, "the time until which the token holds is none");
    token->expiry = (int64_t)ms;
    return token->expiry > now || error_set(error, "the token has expired already; is the clock right?");
}

static bool read_jwt(struct token *token, int64_t now, struct error *error)
{
    json_t *claims = read_claims(token->value);
    const json_t *expiry = json_object_get(claims, "exp"), *subject = json_object_get(claims, "sub");
    bool known = json_is_number(expiry);
    double seconds = json_number_value(expiry);
    snprintf(token->principal, sizeof token->principal, "%s",
             json_is_string(subject) ? json_string_value(subject) : "");
    json_decref(claims);
    if (!known)
        return error_set(error, "the JWT does not say until when it holds (claim exp)");
    return set_expiry(token, seconds * 1000, now, error);
}

/* A number, or one in a text, as some print it. -1: there is none. */
static double seconds_of(const json_t *value)
{
    double seconds = -1;
    if (json_is_number(value))
        return json_number_value(value);
    return json_is_string(value) && text_to_real(json_string_value(value), &seconds) ? seconds : -1;
}

static bool read_object(char *text, const json_t *object, int64_t now, struct token *token,
                        struct error *error)
{
    const json_t *access = json_object_get(object, "access_token");
    double seconds = seconds_of(json_object_get(object, "expires_in"));
    if (!json_is_string(access))
        return error_set(error, "the JSON that it printed has no access_token");
    memcpy(text, json_string_value(access), json_string_length(access) + 1); /* the JSON was longer */
    token->value = text;
    bool jwt = is_jwt(text);
    if (seconds < 0 && !jwt)
        return error_set(error,
                         "the JSON that it printed has no expires_in, and its access_token is not a JWT");
    if (seconds < 0)
        return read_jwt(token, now, error);
    return set_expiry(token, (double)now + seconds * 1000, now, error);
}

bool token_read(char *text, int64_t now, struct token *token, struct error *error)
{
    static const char blanks[] = " \t\r\n";
    *token = (struct token){.value = text + strspn(text, blanks)};
    size_t length = strlen(token->value);
    while (length > 0 && strchr(blanks, token->value[length - 1]))
        token->value[--length] = '\0';
    if (is_jwt(token->value))
        return read_jwt(token, now, error);
    json_t *object = *token->value == '{' ? json_loads(token->value, 0, NULL) : NULL;
    bool read =
        object ? read_object(text, object, now, token, error)
               : error_set(
                     error,
                     "what it printed is neither a JWT nor a JSON object with access_token and expires_in");
    json_decref(object);
    return read;
}
