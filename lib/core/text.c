#include "text.h"
#include "utf8.h"

#include "out_of_memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *text_copy(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        out_of_memory(strlen(text) + 1);
    return copy;
}

void text_list_append(struct text_list *list, const char *text)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        out_of_memory((list->count + 1) * sizeof *items);
    items[list->count++] = text_copy(text);
    list->items = items;
}

void text_list_free(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

bool text_list_contains(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

int text_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool text_to_integer(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '+' || *text == '-');
    char *end;
    if (*digits < '0' || *digits > '9') /* strtoll would skip blanks */
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *value = number;
    return true;
}

/* The number at the start of text, its end in *end; plain decimal notation only. Programs never call
 * setlocale for LC_NUMERIC, so strtod reads a point. */
static bool leading_real(const char *text, double *value, const char **end)
{
    size_t length = strspn(text, "+-0123456789.");
    const char *exponent = text + length;
    char copy[64];
    if (*exponent == 'e' || *exponent == 'E') {
        size_t digits = strspn(exponent + 1, "+-0123456789");
        if (digits > 0)
            length += 1 + digits;
    }
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *stop;
    double number = strtod(copy, &stop);
    if (stop == copy || *stop || !isfinite(number))
        return false;
    *value = number;
    *end = text + length;
    return true;
}

bool text_to_real(const char *text, double *value)
{
    const char *end;
    double number;
    if (!leading_real(text, &number, &end) || *end)
        return false;
    *value = number;
    return true;
}

struct unit {
    const char *name;
    double factor;
};

static bool scaled(const char *text, const struct unit *units, size_t count, int64_t *value)
{
    const char *end;
    double number;
    if (!leading_real(text, &number, &end) || number < 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(end, units[i].name) == 0) {
            double result = number * units[i].factor;
            if (result >= 9.2e18)
                return false;
            *value = (int64_t)llround(result);
            return true;
        }
    return false;
}

bool text_to_duration(const char *text, int64_t *ns)
{
    static const struct unit units[] = {{"", 1e9},   {"ns", 1},     {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
                                        {"m", 6e10}, {"min", 6e10}, {"h", 3.6e12}, {"d", 8.64e13}};
    return scaled(text, units, sizeof units / sizeof *units, ns);
}

bool text_to_size(const char *text, int64_t *bytes)
{
    static const struct unit units[] = {{"", 1},         {"B", 1},       {"K", 0x1p10},   {"KB", 0x1p10},
                                        {"KiB", 0x1p10}, {"M", 0x1p20},  {"MB", 0x1p20},  {"MiB", 0x1p20},
                                        {"G", 0x1p30},   {"GB", 0x1p30}, {"GiB", 0x1p30}, {"T", 0x1p40},
                                        {"TB", 0x1p40},  {"TiB", 0x1p40}};
    return scaled(text, units, sizeof units / sizeof *units, bytes);
}

/* The value of a hexadecimal digit, or -1. */
static int hexadecimal(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) % 16 : -1;
}

/* *at is after a backslash; it is moved after the escape. */
static bool read_escape(const char **at, char *byte)
{
    static const char names[] = "nrt0\\", characters[] = "\n\r\t\0\\";
    const char *name = **at ? strchr(names, **at) : NULL;
    if (name) {
        *byte = characters[name - names];
        ++*at;
        return true;
    }
    int high = **at == 'x' ? hexadecimal((*at)[1]) : -1, low = high >= 0 ? hexadecimal((*at)[2]) : -1;
    if (low < 0)
        return false;
    *byte = (char)(high << 4 | low);
    *at += 3;
    return true;
}

bool text_unescape(const char *text, char *bytes, size_t *length)
{
    char *end = bytes;
    while (*text) {
        char byte = *text++;
        if (byte == '\\' && !read_escape(&text, &byte))
            return false;
        *end++ = byte;
    }
    *length = (size_t)(end - bytes);
    return true;
}

void text_from_size(int64_t bytes, char text[static TEXT_SIZE_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double size = (double)bytes;
    size_t unit = 0;
    /* 1023.95 and more would be shown as 1024.0. */
    while (size >= (unit ? 1023.95 : 1024) && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    snprintf(text, TEXT_SIZE_SIZE, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

/* As utf8_length, of bytes that end after `left`; NUL is a character. */
static size_t character_length(const unsigned char *bytes, size_t left)
{
    char text[5] = "";
    memcpy(text, bytes, left < 4 ? left : 4);
    return *bytes == '\0' ? 1 : utf8_length(text);
}

void text_print_escaped(FILE *out, const void *bytes, size_t length)
{
    const unsigned char *at = bytes, *end = at + length;
    while (at < end) {
        size_t size = character_length(at, (size_t)(end - at));
        bool control = *at < 0x20 || *at == 0x7f || (size == 2 && *at == 0xc2 && at[1] < 0xa0);
        bool plain = size > 0 && !control;
        for (size_t i = size > 0 ? size : 1; i > 0; i--, at++)
            if (plain)
                putc(*at, out);
            else
                fprintf(out, "\\x%02x", *at);
    }
}

bool text_names_secret(const char *name, size_t length)
{
    static const char *const parts[] = {
        "password", "secret", "jaas", "key.pem", "keystore.key", "user.info", "oauthbearer.config"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (memmem(name, length, parts[i], strlen(parts[i])))
            return true;
    return false;
}
