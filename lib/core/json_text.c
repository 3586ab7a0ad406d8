#include "json_text.h"

#include "out_of_memory.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *base64(const void *bytes, size_t length)
{
    unsigned char *text = length <= INT_MAX ? malloc(4 * ((length + 2) / 3) + 1) : NULL;
    if (!text)
        return NULL;
    int size = EVP_EncodeBlock(text, bytes, (int)length);
    json_t *value = json_stringn((const char *)text, (size_t)size);
    free(text);
    return value;
}

void json_set_bytes(json_t *object, const char *name, const void *bytes, size_t length)
{
    char key[128];
    json_t *value = json_stringn(length ? bytes : "", length);
    snprintf(key, sizeof key, "%s%s", name, value ? "" : "_base64");
    if (!value)
        value = base64(bytes, length);
    if (!value || json_object_set_new(object, key, value) != 0)
        out_of_memory(length);
}

/* base64 as EVP_DecodeBlock takes it (groups of four characters, padded), without the blanks that it would
 * pass over. */
static bool decode(const char *text, size_t size, void *bytes, size_t *length)
{
    size_t digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(text + digits, "=");
    if (size % 4 != 0 || digits + padding != size || padding > 2 || size > INT_MAX)
        return false;
    int count = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size);
    if (count < 0)
        return false;
    *length = (size_t)count - padding;
    return true;
}

enum json_bytes_result json_get_bytes(const json_t *object, const char *name, void **bytes, size_t *length,
                                      struct error *error)
{
    char key[128];
    snprintf(key, sizeof key, "%s_base64", name);
    const json_t *plain = json_object_get(object, name), *encoded = json_object_get(object, key);
    const json_t *value = encoded ? encoded : plain;
    if (plain && encoded) {
        error_set(error, "both \"%s\" and \"%s\" are given", name, key);
        return JSON_BYTES_WRONG;
    }
    if (!value || json_is_null(value))
        return JSON_BYTES_ABSENT;
    if (!json_is_string(value)) {
        error_set(error, "\"%s\" is no string", encoded ? key : name);
        return JSON_BYTES_WRONG;
    }
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    void *found = malloc(size + 1);
    if (!found)
        out_of_memory(size + 1);
    if (!encoded)
        memcpy(found, text, *length = size);
    else if (!decode(text, size, found, length)) {
        free(found);
        error_set(error, "\"%s\" is no base64", key);
        return JSON_BYTES_WRONG;
    }
    *bytes = found;
    return JSON_BYTES_FOUND;
}
