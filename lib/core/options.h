/* One table of options per program: it drives the parser, the environment, the configuration file, --help,
 * --print-config and the OPTIONS section of the man page. Precedence: command line, environment,
 * configuration file, default. */
#ifndef ROOMSTREAM_OPTIONS_H
#define ROOMSTREAM_OPTIONS_H

#include "error.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {                /* the type of the value at `offset` in the group's settings */
                   OPTION_FLAG,   /* bool; --name, or name = true|false in files and the environment */
                   OPTION_TEXT,   /* const char *, NULL when unset; owned by the options module, lives until
                                     exit */
                   OPTION_SECRET, /* as OPTION_TEXT, but never taken from the command line nor printed */
                   OPTION_LIST,   /* struct text_list; may be given several times; a higher source replaces a
                                     lower one */
                   OPTION_PROPERTIES, /* struct text_list of NAME=VALUE; sources add up, in order of rising
                                       * precedence; keys with a dot in the configuration file go here as well
                                       */
                   OPTION_INTEGER,    /* int64_t within minimum..maximum */
                   OPTION_REAL,       /* double within minimum..maximum */
                   OPTION_DURATION,   /* int64_t ns, see text_to_duration */
                   OPTION_SIZE,       /* int64_t bytes, see text_to_size */
                   OPTION_CHOICE,     /* int: index into choices */
};

struct option_spec {
    const char *name; /* long name without dashes; also the key in configuration files */
    char letter;      /* short name or 0 */
    enum option_kind kind;
    const char *argument;       /* placeholder in help, e.g. "HOST"; NULL for flags */
    const char *fallback;       /* default as the user would write it, or NULL for none (zero) */
    const char *env;            /* environment variable; NULL: ROOMSTREAM_ and the name in capitals */
    const char *const *choices; /* NULL-terminated, for OPTION_CHOICE */
    double minimum, maximum;    /* for numbers; both 0: no bounds but >= 0 for durations and sizes */
    bool dotted_keys;           /* of OPTION_PROPERTIES: takes the configuration file's keys with a dot, e.g.
                                   security.protocol */
    size_t offset;
    const char *help; /* one sentence fragment without a final point */
};

struct option_group {
    const char *title;   /* heading in --help */
    const char *section; /* the configuration file's section that may hold these, beside [default] and the
                            program's own */
    const struct option_spec *specs;
    size_t count;
    void *settings; /* what the offsets refer to; zeroed by the caller */
};

/* A default of one program that differs from the table's, e.g. bridge-temp's topic. */
struct option_default {
    const char *name, *value;
};

struct program {
    const char *name;    /* e.g. "bridge-temp" */
    const char *family;  /* e.g. "bridge": its [section] applies too; NULL if the same as name */
    const char *usage;   /* what follows the name in the usage line, e.g. "[OPTION]..." */
    const char *summary; /* one line: what the program does */
    const char *details; /* paragraphs for --help and the man page, or NULL */
    const struct option_group *groups;
    size_t group_count;
    const struct option_default *defaults;
    size_t default_count;
};

enum options_result {
    OPTIONS_RUN,   /* go on */
    OPTIONS_DONE,  /* --help, --version or --print-config was served on stdout: exit 0 */
    OPTIONS_WRONG, /* used wrongly: *error says how; exit 2 */
};

/* Fills the settings of all groups. Every program has --help, --version, --config FILE (environment
 * ROOMSTREAM_CONFIG),
 * --print-config (effective values as `name = value` lines, secrets hidden) and --print-options (the man
 * page's OPTIONS section as scdoc) beside its groups. Call once, before any thread. Operands (words that are
 * no options) are an error. */
enum options_result options_parse(const struct program *program, int argc, char **argv, struct error *error);

/* True when the option was set by the user (in any source), false when it has its default. */
bool options_given(const char *name);

/* Exit statuses of all programs. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG_USE = 2, EXIT_TIMED_OUT = 27 };

/* The beginning of every main(): parses; on help or wrong use prints what is due and exits the process. */
void options_parse_or_exit(const struct program *program, int argc, char **argv);

/* Prints "PROGRAM: TEXT" and a pointer to --help on stderr and exits with EXIT_WRONG_USE: for checks across
 * options. */
_Noreturn void options_wrong(const struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
