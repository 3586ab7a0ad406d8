#include "json_text.h"

#include "out_of_memory.h"
#include "utf8.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    char *copy = value ? NULL : strdup(text);
    if (!copy)
        return value;
    for (char *at = copy; *at;) {
        size_t length = utf8_length(at);
        if (length == 0)
            *at = '?';
        at += length ? length : 1;
    }
    value = json_string(copy);
    free(copy);
    return value;
}

json_t *json_known(double value)
{
    return value < 0 ? json_null() : json_real(value);
}

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

void json_set_base64(json_t *object, const char *name, const void *bytes, size_t length)
{
    char key[128];
    json_t *value = base64(bytes, length);
    snprintf(key, sizeof key, "%s_base64", name);
    if (!value || json_object_set_new(object, key, value) != 0)
        out_of_memory(length);
}

void json_set_bytes(json_t *object, const char *name, const void *bytes, size_t length)
{
    json_t *value = json_stringn(length ? bytes : "", length);
    if (!value)
        json_set_base64(object, name, bytes, length);
    else if (json_object_set_new(object, name, value) != 0)
        out_of_memory(length);
}

struct printer {
    FILE *out;
    bool after_c2; /* the lead byte of U+0080 to U+00BF is held back */
};

/* Those characters occur in strings only, so each can be escaped where it occurs. */
static int print_piece(const char *text, size_t length, void *context)
{
    struct printer *p = context;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool follows = p->after_c2;
        p->after_c2 = byte == 0xc2;
        if (byte == 0x7f || (follows && byte < 0xa0)) {
            fprintf(p->out, "\\u%04x", byte);
            continue;
        }
        if (follows)
            putc(0xc2, p->out);
        if (!p->after_c2)
            putc(byte, p->out);
    }
    return ferror(p->out) ? -1 : 0;
}

bool json_print(const json_t *value, FILE *out, size_t flags)
{
    struct printer printer = {.out = out};
    return json_dump_callback(value, print_piece, &printer, flags) == 0;
}

/* base64 as EVP_DecodeBlock takes it (groups of four characters, padded), without the blanks that it would
 * skip. */
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
        error_set(error, "\"%s\" is not a string", encoded ? key : name);
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
        error_set(error, "\"%s\" is not base64", key);
        return JSON_BYTES_WRONG;
    }
    *bytes = found;
    return JSON_BYTES_FOUND;
}
